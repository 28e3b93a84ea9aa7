"""Process data from files and messages: CSV, Parquet or rows of tags -> Table.

The workshop and the station read the same file to the same cells. pyarrow is loaded only when a
.parquet file comes.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from edge_agent.contracts.core.errors import InputError
from edge_agent.contracts.core.parquet import read_parquet_table

Column: TypeAlias = NDArray[np.str_] | NDArray[np.float64]
"""(N,) cells of one tag: text as the file has it, or numbers with NaN where one is missing."""

Row: TypeAlias = Mapping[str, float | int | str | None]
"""One row of tags as a driver or a message gives it; None is a missing value."""

TABLE_SUFFIXES = frozenset({".csv", ".tsv", ".txt", ".parquet"})
MISSING = frozenset({"", "na", "n/a", "nan", "null", "none", "-", "?"})
"""Cells that say that there is no value; compared in lower case."""


@dataclass(frozen=True)
class Table:
    """Rows of process tags, in order: column name -> cells, all of one length."""

    columns: Mapping[str, Column]
    source: str = ""

    def __len__(self) -> int:
        return len(next(iter(self.columns.values()))) if self.columns else 0

    def take(self, rows: NDArray[np.int64]) -> Table:
        """The rows at these positions, in this order."""
        return Table({name: cells[rows] for name, cells in self.columns.items()}, self.source)


def read_table(path: Path, header: Sequence[str] = ()) -> Table:
    """Read a CSV (comma, semicolon, tab or blanks between cells) or a Parquet file.

    `header` names the columns of a file that has no header line. Raises InputError that names the
    file and the line.
    """
    if path.suffix.lower() not in TABLE_SUFFIXES:
        raise InputError(
            f"no reader for {path.suffix or 'a file without suffix'!r}",
            where=str(path),
            cure=f"give one of {' '.join(sorted(TABLE_SUFFIXES))}",
        )
    try:
        if path.suffix.lower() == ".parquet":
            return _read_parquet(path)
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise InputError(
            f"cannot be read ({error.strerror or error})", where=str(path), cure="check the path"
        ) from error
    except UnicodeDecodeError as error:
        raise InputError("not UTF-8 text", where=str(path), cure="save it as UTF-8") from error
    return parse_table(text, str(path), header)


def parse_table(text: str, where: str, header: Sequence[str] = ()) -> Table:
    """The table in the text of a CSV; `header` as in read_table."""
    first = text.lstrip().split("\n", 1)[0]
    if not first:
        raise InputError("the file is empty", where=where, cure="record it again")
    mark = max(";\t,", key=first.count)
    if mark in first:
        lines = [line for line in csv.reader(io.StringIO(text), delimiter=mark) if line]
    else:
        lines = [line.split() for line in text.splitlines() if line.strip()]
    names = list(header) or [cell.strip() for cell in lines.pop(0)]
    _refuse_bad_lines(names, lines, where, 1 if header else 2)
    cells = np.array(lines, dtype=np.str_)
    return Table({name: np.char.strip(cells[:, at]) for at, name in enumerate(names)}, where)


def table_of_rows(rows: Sequence[Row], where: str = "row") -> Table:
    """A table of the rows that a driver gave; a tag absent from a row is missing there."""
    names = list(dict.fromkeys(name for row in rows for name in row))
    columns = {name: _column([row.get(name) for row in rows]) for name in names}
    return Table(columns, where)


def numbers(table: Table, name: str) -> NDArray[np.float64]:
    """A column as float64 (N,), NaN where a value is missing; raises InputError for text."""
    cells = table.columns[name]
    if np.issubdtype(cells.dtype, np.floating):
        return np.asarray(cells, np.float64)
    gaps = is_missing(cells)
    try:
        return np.where(gaps, "nan", cells).astype(np.float64)
    except ValueError as error:
        at = next(i for i, cell in enumerate(cells) if not gaps[i] and not _is_number(cell))
        raise InputError(
            f"row {at + 1}, column {name!r}: {str(cells[at])!r} is not a number",
            where=table.source or "table",
            cure="correct the cell, or declare the column's categories",
        ) from error


def texts(table: Table, name: str) -> NDArray[np.str_]:
    """A column as text (N,); "" where a value is missing. Whole numbers lose their '.0'."""
    cells = table.columns[name]
    if np.issubdtype(cells.dtype, np.floating):
        return np.array(["" if np.isnan(value) else f"{value:.12g}" for value in cells], np.str_)
    return np.where(is_missing(cells), "", cells).astype(np.str_)


def is_missing(cells: Column) -> NDArray[np.bool_]:
    """Where a cell holds no value."""
    if np.issubdtype(cells.dtype, np.floating):
        return np.asarray(np.isnan(cells.astype(np.float64)))
    return np.isin(np.char.lower(cells.astype(np.str_)), list(MISSING))


def _column(values: Sequence[float | int | str | None]) -> Column:
    """Numbers where every value is one that float64 holds, or missing; else text."""
    if any(isinstance(value, str) or _is_long(value) for value in values):
        return np.array([_cell(value) for value in values])
    return np.array([np.nan if value is None else value for value in values], np.float64)


def _is_long(value: float | int | str | None) -> bool:
    return isinstance(value, int) and abs(value) > 1 << 53


def _cell(value: float | int | str | None) -> str:
    """A whole number without '.0', as `texts` writes it: a category is the same from any source."""
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    return "" if value is None else str(value).strip()


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


def _refuse_bad_lines(names: list[str], lines: list[list[str]], where: str, first: int) -> None:
    twice = [name for at, name in enumerate(names) if name in names[:at]]
    if twice:
        raise InputError(
            f"column {twice[0]!r} is there twice", where=where, cure="give each column one name"
        )
    if not lines:
        raise InputError("no rows below the header", where=where, cure="record at least one row")
    for number, line in enumerate(lines, start=first):
        if len(line) != len(names):
            raise InputError(
                f"line {number} has {len(line)} cells, the header {len(names)}",
                where=where,
                cure="correct the line, or export the table again",
            )


def _read_parquet(path: Path) -> Table:
    content = read_parquet_table(path)
    import pyarrow as pa

    columns = {}
    for name in content.column_names:
        cells = content.column(name)
        numeric = pa.types.is_floating(cells.type) or pa.types.is_integer(cells.type)
        columns[name] = (
            np.array(cells.cast(pa.float64()).to_numpy(), np.float64)
            if numeric
            else np.array([_cell(cell) for cell in cells.to_pylist()])
        )
    return Table(columns, str(path))
