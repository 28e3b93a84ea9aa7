"""The log's verdicts as a table, one row for each channel of a part: CSV or Parquet."""

from __future__ import annotations

import csv
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from itertools import islice
from pathlib import Path
from typing import Any, TypeAlias

from edge_agent.contracts.core.errors import InputError, StorageError
from edge_agent.contracts.core.files import fsync_dir, storage_error
from edge_agent.contracts.wire.messages import iso_time

Cell: TypeAlias = str | float | int | bool | None
COLUMNS = {
    "at": "string",
    "at_ns": "int64",
    "part_id": "string",
    "verdict": "string",
    "action": "string",
    "reason": "string",
    "late_fail": "bool_",
    "latency_ms": "float64",
    "deadline_ms": "float64",
    "channel": "string",
    "bundle": "string",
    "channel_verdict": "string",
    "label": "string",
    "score": "float64",
    "threshold": "float64",
    "interval_low": "float64",
    "interval_high": "float64",
    "captured_at_ns": "int64",
    "channel_reason": "string",
    "sha256": "string",
}
"""Name -> type of Apache Arrow."""
GROUP = 20_000
"""Rows that are in memory at a time."""


def rows_of(part: dict[str, Any]) -> Iterator[list[Cell]]:
    """The rows of one part's record; a part without channels has one."""
    head = {
        "at": iso_time(part["at_ns"]),
        **{name: part.get(name) for name in ("at_ns", "part_id", "verdict", "action", "reason")},
        "late_fail": bool(part.get("late_fail")),
        "latency_ms": part.get("latency_ms"),
        "deadline_ms": part.get("deadline_ms"),
    }
    for one in part.get("channels") or [{}]:
        low, high = one.get("interval") or (None, None)
        row = head | {
            "channel_verdict": one.get("verdict"),
            "channel_reason": one.get("reason"),
            "interval_low": low,
            "interval_high": high,
        }
        names = ("channel", "bundle", "label", "score", "threshold", "captured_at_ns", "sha256")
        row |= {name: one.get(name) for name in names}
        yield [row.get(name) for name in COLUMNS]


def write_csv(path: Path, parts: Iterable[dict[str, Any]]) -> int:
    """Write `path`, whole or not at all; returns the number of rows. Raises StorageError."""
    count = 0
    with _whole(path) as fresh, fresh.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(COLUMNS)
        for part in parts:
            for row in rows_of(part):
                writer.writerow(row)
                count += 1
    return count


def write_parquet(path: Path, parts: Iterable[dict[str, Any]]) -> int:
    """The same as Parquet; raises InputError where pyarrow is not installed."""
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError as error:
        cure = "pip install pyarrow, or write CSV"
        raise InputError("writing Parquet needs pyarrow", where=str(path), cure=cure) from error
    schema = pyarrow.schema([(name, getattr(pyarrow, kind)()) for name, kind in COLUMNS.items()])
    count = 0
    rows = (row for part in parts for row in rows_of(part))
    try:
        with _whole(path) as fresh, pyarrow.parquet.ParquetWriter(fresh, schema) as writer:
            while group := list(islice(rows, GROUP)):
                columns = list(zip(*group, strict=True))
                writer.write_table(pyarrow.table(columns, schema=schema))
                count += len(group)
    except pyarrow.ArrowException as error:
        raise StorageError(str(error), where=str(path), cure="write CSV") from error
    return count


@contextmanager
def _whole(path: Path) -> Iterator[Path]:
    """A file to write, which takes the place of `path` when the block ends well."""
    fresh = path.with_name(f".{path.name}.part")
    try:
        yield fresh
        with fresh.open("rb+") as stream:
            os.fsync(stream.fileno())
        os.replace(fresh, path)
        fsync_dir(path.parent)
    except OSError as error:
        raise storage_error(path, error) from error
    finally:
        with suppress(OSError):
            fresh.unlink()
