"""Process data from files and messages: CSV, Parquet or rows of tags -> Table.

The workshop and the station read the same file to the same cells. pyarrow is loaded only when a
.parquet file comes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
from numpy.typing import NDArray

from edge_agent.contracts.core.errors import InputError
from edge_agent.contracts.core.parquet import read_parquet_table
from edge_agent.contracts.core.reading import reading
from edge_agent.contracts.core.text import decode_text, is_number
from edge_agent.contracts.process.table_text import MISSING, split_table
from edge_agent.contracts.process.units import conversion, split_name

if TYPE_CHECKING:
    import pyarrow as pa

Column: TypeAlias = NDArray[np.str_] | NDArray[np.float64] | NDArray[np.object_]
"""(N,) cells of one tag: text as the file has it (as objects where one cell is very long), or
numbers with NaN where one is missing."""

Row: TypeAlias = Mapping[str, float | int | str | None]
"""One row of tags as a driver or a message gives it; None is a missing value. True and false are
categories, `true` and `false`, and no numbers."""

WIDEST = 1 << 18
"""Characters of a column up to which its cells may all be as wide as the longest."""

TABLE_SUFFIXES = frozenset({".csv", ".tsv", ".txt", ".parquet"})


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

    The units in a line below the header become part of the names, "x [bar]". `header` names the
    columns of a file that has no header line. Raises InputError that names the file and the line.
    """
    if path.suffix.lower() not in TABLE_SUFFIXES:
        raise InputError(
            f"no reader for {path.suffix or 'a file without suffix'!r}",
            where=str(path),
            cure=f"give one of {' '.join(sorted(TABLE_SUFFIXES))}",
        )
    with reading(str(path), "a readable table"):
        if path.suffix.lower() == ".parquet":
            return _read_parquet(path)
        return parse_table(decode_text(path.read_bytes()), str(path), header)


def parse_table(text: str, where: str, header: Sequence[str] = ()) -> Table:
    """The table in the text of a CSV; `header` as in read_table."""
    names, cells = split_table(text, where, header)
    return Table({name: _text_column(cells[at]) for at, name in enumerate(names)}, where)


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
        found = np.where(gaps, "nan", cells).astype(np.float64)
    except ValueError:
        found = None
    if found is not None and not _may_be_odd(cells):
        return found
    wrong = (at for at, cell in enumerate(cells) if not gaps[at] and not is_number(cell))
    at = next(wrong, None)
    if found is not None and at is None:
        return found
    at = at or 0
    raise InputError(
        f"row {at + 1}, column {name!r}: {str(cells[at])[:40]!r} is not a number",
        where=table.source or "table",
        cure="correct the cell, or declare the column's categories",
    )


def texts(table: Table, name: str) -> NDArray[np.str_]:
    """A column as text (N,); "" where a value is missing. Whole numbers lose their '.0'."""
    cells = table.columns[name]
    if np.issubdtype(cells.dtype, np.floating):
        return np.array(["" if np.isnan(value) else f"{value:.12g}" for value in cells], np.str_)
    known = np.where(is_missing(cells), "", cells)
    return known if known.dtype == np.object_ else known.astype(np.str_)


def is_missing(cells: Column) -> NDArray[np.bool_]:
    """Where a cell holds no value."""
    if np.issubdtype(cells.dtype, np.floating):
        return np.asarray(np.isnan(cells.astype(np.float64)))
    if cells.dtype == np.object_:
        return np.array([len(cell) < 8 and cell.lower() in MISSING for cell in cells], np.bool_)
    return np.isin(np.char.lower(cells.astype(np.str_)), list(MISSING))


def find_column(table: Table, name: str) -> tuple[str, float, float]:
    """The column that holds tag `name`, and (factor, offset) into the tag's unit.

    Raises InputError that names the columns found, or the unit that cannot be converted.
    """
    if name in table.columns:
        return name, 1.0, 0.0
    base, unit = split_name(name)
    for column in table.columns:
        other, given = split_name(column)
        if other != base or not unit or not given:
            continue
        change = conversion(given, unit)
        if change is None:
            raise InputError(
                f"{column!r} is in {given}, the model takes {unit}",
                where=table.source or "table",
                cure=f"convert the column to {unit}, or train on {given}",
            )
        return column, *change
    raise InputError(
        f"no column {name!r}; the columns are {', '.join(list(table.columns)[:12])}",
        where=table.source or "table",
        cure="name the column as in training",
    )


def _text_column(cells: Sequence[str]) -> Column:
    """Cells without blanks around them. One long cell among many short ones must not widen all of
    them, as an array of fixed width would."""
    plain = [cell.strip() for cell in cells]
    width = max(map(len, plain), default=0)
    if width * len(plain) > WIDEST and width * len(plain) > 4 * sum(map(len, plain)):
        return np.array(plain, np.object_)
    return np.array(plain, np.str_)


def _column(values: Sequence[float | int | str | None]) -> Column:
    """Numbers where every value is one that float64 holds, or missing; else text."""
    if any(isinstance(value, str | bool) or _is_long(value) for value in values):
        return np.array([_cell(value) for value in values])
    return np.array([np.nan if value is None else value for value in values], np.float64)


def _is_long(value: float | int | str | None) -> bool:
    return isinstance(value, int) and abs(value) > 1 << 53


def _cell(value: float | int | str | None) -> str:
    """A whole number without '.0', as `texts` writes it: a category is the same from any source."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    return "" if value is None else str(value).strip()


def _may_be_odd(cells: Column) -> bool:
    """Whether a cell may be a number to Python alone."""
    text = "".join(cells.tolist())
    return "_" in text or not text.isascii()


def _read_parquet(path: Path) -> Table:
    content = read_parquet_table(path)
    columns: dict[str, Column] = {}
    for name in content.column_names:
        if name in columns:
            raise InputError(
                f"column {name!r} is there twice", where=str(path), cure="give each one name"
            )
        with reading(f"{path}: column {name!r}", "readable cells"):
            columns[name] = _parquet_column(content.column(name))
    return Table(columns, str(path))


def _parquet_column(cells: pa.ChunkedArray) -> Column:
    """Numbers as float64; whole numbers that float64 cannot hold, dates and all else as text."""
    import pyarrow as pa

    numeric = pa.types.is_floating(cells.type) or pa.types.is_integer(cells.type)
    try:
        if numeric:
            return np.array(cells.cast(pa.float64()).to_numpy(), np.float64)
        if pa.types.is_temporal(cells.type):
            cells = cells.cast(pa.string())
        return _text_column([_cell(cell) for cell in cells.to_pylist()])
    except pa.ArrowInvalid:
        return _text_column([_cell(cell) for cell in cells.cast(pa.string()).to_pylist()])
