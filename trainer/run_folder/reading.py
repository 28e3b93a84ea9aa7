"""Reading the files of a run: what is damaged is named, and how to get a sound one."""

from __future__ import annotations

import csv
import io
import json
import math
import struct
import zipfile
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
from pydantic import BaseModel, ValidationError

from edge_agent.contracts.core.arrays import UNREADABLE_ARRAYS
from edge_agent.contracts.core.errors import ConfigError
from edge_agent.contracts.model.manifest import first_fault

if TYPE_CHECKING:
    import keras

Document = TypeVar("Document", bound=BaseModel)
FIT_AGAIN = "fit again"
UNREADABLE = (*UNREADABLE_ARRAYS, ArithmeticError, RuntimeError, struct.error)
"""What h5py and Keras raise of files with changed bytes."""


def damaged(path: Path, what: str, cure: str = FIT_AGAIN) -> ConfigError:
    """The error of a file that cannot be used as it lies."""
    return ConfigError(what, where=str(path), cure=cure)


def read_table(
    path: Path, columns: Collection[str] = (), cure: str = FIT_AGAIN
) -> list[dict[str, str]]:
    """The rows of a CSV in UTF-8, with or without byte order mark, that has `columns`.

    A table that write_csv made of no rows has none. Raises ConfigError, also for a row that is
    longer or shorter than the head.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
        reader = csv.DictReader(io.StringIO(text, newline=""), strict=True)
        head, rows = reader.fieldnames or [], list(reader)
    except OSError as error:
        raise damaged(path, f"cannot be read ({error.strerror})", cure) from error
    except (ValueError, csv.Error) as error:
        raise damaged(path, f"is no table ({error})", cure) from error
    if not head:
        raise damaged(path, "is empty", cure)
    if head == ["empty"] and not rows:
        return []
    for column in columns:
        if column not in head:
            said = ", ".join(head)[:200]
            raise damaged(path, f"has no column {column!r}; its columns: {said}", cure)
    for number, row in enumerate(rows, start=1):
        if None in row or None in row.values():
            raise damaged(path, f"row {number} has not {len(head)} cells as the head has", cure)
    return rows


def refuse_no_number(path: Path, row: int, column: str, cell: str) -> None:
    """Raise ConfigError for a cell that is no number; NaN, which some figures are, is one."""
    try:
        float(cell)
    except ValueError as error:
        raise damaged(path, f"row {row}: {column} {cell!r} is no number") from error


def finite_number(path: Path, row: int, column: str, cell: str, cure: str = FIT_AGAIN) -> float:
    """The number in a cell; raises ConfigError for another word, for NaN and for infinity."""
    try:
        number = float(cell)
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise damaged(path, f"row {row}: {column} {cell!r} is no finite number", cure)
    return number


def read_arrays(path: Path, names: Collection[str]) -> dict[str, np.ndarray]:
    """The arrays `names` of an .npz; raises ConfigError for any that is not whole."""
    try:
        with np.load(path, allow_pickle=False) as content:
            return {name: np.asarray(content[name]) for name in names}
    except FileNotFoundError as error:
        raise damaged(path, "is missing") from error
    except UNREADABLE as error:
        wanted = ", ".join(names)
        raise damaged(path, f"is no readable .npz with {wanted} ({_said(error)})") from error


def read_inputs(
    path: Path, shape: tuple[int, ...], *further: str
) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """The array `inputs` (N, *shape) of an .npz, and the arrays `further` by name."""
    arrays = read_arrays(path, ("inputs", *further))
    inputs = arrays.pop("inputs")
    if inputs.ndim == 0 or inputs.shape[1:] != shape or inputs.dtype.kind not in "uif":
        found = f"{inputs.dtype} {inputs.shape[1:]}"
        raise damaged(path, f"holds inputs {found}, spec.json says {shape}")
    return inputs, arrays


def read_document(schema: type[Document], path: Path) -> Document:
    """A JSON file as `schema` says; raises ConfigError that names the first wrong field."""
    try:
        return schema.model_validate_json(path.read_bytes())
    except ValidationError as error:
        raise damaged(path, first_fault(error)) from error


def read_object(path: Path, kinds: Mapping[str, type], cure: str = FIT_AGAIN) -> dict[str, Any]:
    """A JSON object whose entries `kinds` are there and of these types; raises ConfigError."""
    try:
        found = json.loads(path.read_bytes())
    except OSError as error:
        raise damaged(path, f"cannot be read ({error.strerror})", cure) from error
    except (ValueError, RecursionError) as error:
        raise damaged(path, f"is not JSON ({_said(error)})", cure) from error
    if not isinstance(found, dict):
        raise damaged(path, "is no JSON object", cure)
    for key, kind in kinds.items():
        if not isinstance(found.get(key), kind):
            raise damaged(path, f"{key} is missing, or no {kind.__name__}", cure)
    return found


def read_network(path: Path, shape: tuple[int, ...]) -> keras.Model:
    """The network of model.keras, which takes (N, *shape); raises ConfigError."""
    import keras

    if not zipfile.is_zipfile(path):
        raise damaged(path, "cannot be loaded (no Keras archive)")
    try:
        network = keras.saving.load_model(path, compile=False)
    except UNREADABLE as error:
        raise damaged(path, f"cannot be loaded ({_said(error)})") from error
    takes = network.input_shape
    if isinstance(takes, tuple) and not _fits(takes[1:], shape):
        raise damaged(path, f"takes inputs {takes[1:]}, spec.json says {shape}")
    return network


def _fits(takes: tuple[int | None, ...], shape: tuple[int, ...]) -> bool:
    return len(takes) == len(shape) and all(
        side in (None, given) for side, given in zip(takes, shape, strict=True)
    )


def _said(error: BaseException) -> str:
    """The first sentence of what an error says, or else its name."""
    lines = str(error).strip().splitlines()
    return lines[0].split(". ")[0][:160] if lines else type(error).__name__
