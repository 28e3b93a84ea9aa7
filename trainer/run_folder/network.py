"""Loading the network of a run: a damaged model.keras is named, with the cure."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

from edge_agent.contracts.core.arrays import UNREADABLE_ARRAYS
from edge_agent.contracts.run_folder.files import damaged, summary

if TYPE_CHECKING:
    import keras

UNREADABLE = UNREADABLE_ARRAYS
"""What h5py and Keras raise for files with changed bytes."""


def read_network(path: Path, shape: tuple[int, ...]) -> keras.Model:
    """The network of model.keras, which takes (N, *shape); raises RunError."""
    import keras

    if not zipfile.is_zipfile(path):
        raise damaged(path, "cannot be loaded (no Keras archive)")
    try:
        network = keras.saving.load_model(path, compile=False)
    except UNREADABLE as error:
        raise damaged(path, f"cannot be loaded ({summary(error)})") from error
    takes = network.input_shape
    if isinstance(takes, tuple) and not _fits(takes[1:], shape):
        raise damaged(path, f"takes inputs {takes[1:]}, spec.json says {shape}")
    return network


def _fits(takes: tuple[int | None, ...], shape: tuple[int, ...]) -> bool:
    return len(takes) == len(shape) and all(
        side in (None, given) for side, given in zip(takes, shape, strict=True)
    )
