"""The files of a run by name, and how each is read: what is damaged is named, with the cure."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Literal, TypeVar

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ValidationError

from edge_agent.contracts.core.arrays import UNREADABLE_ARRAYS
from edge_agent.contracts.core.errors import RunError
from edge_agent.contracts.model.manifest import first_fault

CONFIG = "config.toml"
MODEL = "model.keras"
SPEC = "spec.json"
PROVENANCE = "provenance.json"
METRICS = "metrics.json"
PREDICTIONS = "predictions.csv"
VALIDATION = "validation.csv"
SPLITS = "splits.csv"
HISTORY = "history.csv"
HELD_OUT = "heldout.npz"
HELD_OUT_TAGS = "heldout_tags.csv"
CALIBRATION = "calibration.npz"
GOLDEN = "golden/golden.json"
EXPLAINED = "explained/explained.json"
THUMBNAILS = "thumbnails.json"
REPORT = "report.html"
CARD = "card.md"
LOGS = "logs"

FIT_AGAIN = "fit again with lineside-train fit"
EMPTY = "empty"
"""The one column of a CSV that was written of no rows."""

Schema = TypeVar("Schema", bound=BaseModel)
Array = NDArray[np.generic]


def damaged(path: Path, what: str, cure: str = FIT_AGAIN) -> RunError:
    """The error of a file that cannot be used as it is."""
    return RunError(what, where=str(path), cure=cure)


def read_bytes(path: Path, cure: str = FIT_AGAIN) -> bytes:
    """The content of a file; raises RunError for a missing, unreadable or empty one."""
    try:
        payload = path.read_bytes()
    except FileNotFoundError as error:
        raise damaged(path, "is missing", cure) from error
    except OSError as error:
        raise damaged(path, f"cannot be read ({error.strerror})", cure) from error
    if not payload:
        raise damaged(path, "is empty", cure)
    return payload


def read_document(schema: type[Schema], path: Path, cure: str = FIT_AGAIN) -> Schema:
    """A JSON file validated against `schema`; raises RunError that names the first wrong field."""
    try:
        return schema.model_validate_json(read_bytes(path, cure))
    except ValidationError as error:
        raise damaged(path, first_fault(error), cure) from error


def document_bytes(document: BaseModel, *, exclude_none: bool = False) -> bytes:
    """A document as indented JSON. NaN is written as such: a metric may be NaN."""
    content = document.model_dump(mode="json", exclude_none=exclude_none)
    return (json.dumps(content, indent=1, ensure_ascii=False) + "\n").encode()


def read_table(
    path: Path, columns: Collection[str] = (), cure: str = FIT_AGAIN
) -> list[dict[str, str]]:
    """The rows of a UTF-8 CSV with at least `columns`; a byte order mark is allowed.

    A table that csv_bytes wrote of no rows has none. Raises RunError, also for a row that is
    longer or shorter than the header.
    """
    try:
        text = read_bytes(path, cure).decode("utf-8-sig")
        reader = csv.DictReader(io.StringIO(text, newline=""), strict=True)
        header, rows = reader.fieldnames or [], list(reader)
    except (ValueError, csv.Error) as error:
        raise damaged(path, f"is no table ({error})", cure) from error
    if not header:
        raise damaged(path, "is empty", cure)
    if header == [EMPTY] and not rows:
        return []
    for column in columns:
        if column not in header:
            found = ", ".join(header)[:200]
            raise damaged(path, f"has no column {column!r}; its columns: {found}", cure)
    for number, row in enumerate(rows, start=1):
        if None in row or None in row.values():
            raise damaged(path, f"row {number} has not {len(header)} cells as the header", cure)
    return rows


def csv_bytes(rows: Sequence[Mapping[str, object]]) -> bytes:
    """Rows of the same keys as CSV; of no rows the one column `empty`."""
    stream, columns = io.StringIO(), list(rows[0]) if rows else [EMPTY]
    # The csv module of Python 3.11 leaves a lone carriage return unquoted, and then cannot read it.
    returns = any(
        "\r" in str(cell) for row in (columns, *(row.values() for row in rows)) for cell in row
    )
    quoting: Literal[0, 1] = csv.QUOTE_ALL if returns else csv.QUOTE_MINIMAL
    writer = csv.DictWriter(stream, columns, lineterminator="\n", quoting=quoting)
    writer.writeheader()
    writer.writerows(rows)
    return stream.getvalue().encode()


def number_in(path: Path, row: int, column: str, cell: str, cure: str = FIT_AGAIN) -> float:
    """The number in a cell of row `row` (from 1), NaN included; raises RunError for other text."""
    try:
        return float(cell)
    except ValueError as error:
        raise damaged(path, f"row {row}: {column} {cell!r} is no number", cure) from error


def finite_number_in(path: Path, row: int, column: str, cell: str, cure: str = FIT_AGAIN) -> float:
    """As number_in; raises RunError for NaN and infinity too."""
    try:
        number = float(cell)
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise damaged(path, f"row {row}: {column} {cell!r} is no finite number", cure)
    return number


def read_arrays(path: Path, names: Collection[str]) -> dict[str, Array]:
    """The arrays `names` of an .npz; raises RunError where one is missing or damaged."""
    if not path.is_file() or not path.stat().st_size:
        read_bytes(path)
    try:
        with path.open("rb") as stream, np.load(stream, allow_pickle=False) as content:
            return {name: np.asarray(content[name]) for name in names}
    except UNREADABLE_ARRAYS as error:
        wanted = ", ".join(names)
        raise damaged(path, f"is no readable .npz with {wanted} ({summary(error)})") from error


def summary(error: BaseException) -> str:
    """The first sentence of an error's message, or else the error's name."""
    lines = str(error).strip().splitlines()
    return lines[0].split(". ")[0][:160] if lines else type(error).__name__
