"""Outputs of a network for many inputs, in batches that fit into memory."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from edge_agent.contracts.core.types import Tensor

if TYPE_CHECKING:
    import keras

BATCH_VALUES = 2_000_000
"""Input values that are judged at once: large images come a few at a time, for memory's sake."""


def predict(network: keras.Model, inputs: Tensor) -> NDArray[np.float32]:
    """The network's (first) output for every input: (N, K)."""
    rows = []
    batch = max(1, min(64, BATCH_VALUES // int(np.prod(inputs.shape[1:]))))
    for start in range(0, len(inputs), batch):
        given = network.predict_on_batch(inputs[start : start + batch].astype(np.float32))
        first = given[0] if isinstance(given, list | tuple) else given
        rows.append(np.asarray(first, np.float32).reshape(len(first), -1))
    return np.concatenate(rows)
