"""The text of a table of process data -> names and cells, whatever program wrote it.

No line is passed over but comments above the header, blank lines, and a line of units below it.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Sequence
from typing import NamedTuple

from edge_agent.contracts.core.errors import InputError
from edge_agent.contracts.core.separated import (
    Line,
    cells_of,
    comments_and_table,
    first_lines,
    is_comma_number,
    is_number_in,
    lines_of,
    may_have_decimal_commas,
    named_separator,
    separator,
    unix_lines,
    with_point,
    without_comment_mark,
    without_empty_end,
)
from edge_agent.contracts.core.text import is_number, repeated_name
from edge_agent.contracts.process.units import NO_UNIT, are_units, split_name

UNITS_SEEN = 20
"""Rows that show whether a line above them has their units."""
MISSING = frozenset({"", "na", "n/a", "nan", "null", "none", "-", "?"})
"""Cells that say that there is no value; compared in lower case."""


class _Row(NamedTuple):
    """The cells of a row, and the number of the line on which it begins."""

    number: int
    cells: list[str]


def split_table(
    text: str, where: str, header: Sequence[str] = ()
) -> tuple[list[str], list[Sequence[str]]]:
    """The names of the columns, and the cells of each; `header` names them where no line does.

    Raises InputError that names the line.
    """
    text = unix_lines(text)
    first, mark = _begin(text, bool(header), where)
    body, above = text[first.start :], first.number - 1
    rows = _quoted(body, mark, above, where) if mark else _blank_separated(body, above)
    names = list(header) or rows.pop(0).cells
    names = [name.strip() for name in names]
    if not header:
        names = _without_empty_columns(names, rows)
    _refuse_bad_lines(names, rows, where)
    columns: list[Sequence[str]] = list(
        zip(*(row.cells[: len(names)] for row in rows), strict=True)
    )
    if not header and _is_line_of_units(columns):
        names = [_with_unit(name, column[0]) for name, column in zip(names, columns, strict=True)]
        columns = [column[1:] for column in columns]
    return names, [_with_points(column, mark) for column in columns]


def _begin(text: str, named: bool, where: str) -> tuple[Line, str]:
    """The first line of the table, and what separates its cells; empty: blanks."""
    head = first_lines(text)
    mark = named_separator(head[0].text.strip(" ")) if head else ""
    comments, table = comments_and_table(head[bool(mark) :])
    table = table or comments
    if not table:
        raise InputError("the file is empty", where=where, cure="record it again")
    mark = mark or separator([line.text for line in table])
    header = _in_comment(comments[-1], mark) if comments and not named else None
    if header is not None and _names_columns(header, table, mark, alone=len(comments) == 1):
        return header, mark
    return table[0], mark


def _in_comment(line: Line, mark: str) -> Line:
    """A comment as it is: its # belongs to the first name. Between blanks it would be one more."""
    bare = line.text if mark else without_comment_mark(line.text)
    return Line(line.number, line.start + len(line.text) - len(bare), bare)


def _names_columns(header: Line, table: Sequence[Line], mark: str, *, alone: bool) -> bool:
    """Whether a comment is the header: a name for each cell of the first row."""
    names, row = (cells_of(line.text, mark) for line in (header, table[0]))
    numbers = any(is_number_in(cell, mark) for cell in row)
    return len(names) == len(row) and (numbers or alone)


def _blank_separated(text: str, above: int) -> list[_Row]:
    rows = ((line.number, line.text.strip(" \t")) for line in lines_of(text))
    return [_Row(above + number, re.split(r"[ \t]+", line)) for number, line in rows]


def _quoted(text: str, mark: str, above: int, where: str) -> list[_Row]:
    """The rows; raises InputError for a quote that swallows the lines after it."""
    rows: list[_Row] = []
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=mark, strict=True)
    while True:
        started = above + reader.line_num + 1
        try:
            line = next(reader)
        except StopIteration:
            return rows
        except csv.Error as error:
            raise _quote_fault(started, where) from error
        if line:
            if any("\n" in cell and mark in cell for cell in line):
                raise _quote_fault(started, where)
            rows.append(_Row(started, line))


def _quote_fault(line: int, where: str) -> InputError:
    return InputError(
        f"line {line}: a quotation mark opens a cell and is not closed in it",
        where=where,
        cure="write it twice inside quoted cells, or leave it out",
    )


def _without_empty_columns(names: list[str], rows: Sequence[_Row]) -> list[str]:
    """The names without those at the end that are empty, as long as no row has a cell there."""
    named = without_empty_end(names)
    width = len(named)
    filled = any(cell.strip() for row in rows for cell in row.cells[width:])
    return names if filled else named


def _refuse_bad_lines(names: list[str], rows: Sequence[_Row], where: str) -> None:
    twice = repeated_name(names)
    if twice is not None:
        raise InputError(
            f"column {twice!r} is there twice" if twice else "several columns have no name",
            where=where,
            cure="give each column one name; begin lines above the header with #",
        )
    if not rows:
        raise InputError("no rows below the header", where=where, cure="record at least one row")
    width = len(names)
    for number, cells in rows:
        if len(cells) < width or any(cell.strip() for cell in cells[width:]):
            raise InputError(
                f"line {number} has {len(cells)} cells, the header {width}",
                where=where,
                cure="correct the line, or export the table again; begin lines above the header "
                "with #",
            )


def _is_line_of_units(columns: Sequence[Sequence[str]]) -> bool:
    """Whether the first row holds the units of the numbers below it, and nothing else."""
    first = [column[0].strip() for column in columns]
    if not are_units(first):
        return False
    below = [column[1 : 1 + UNITS_SEEN] for column in columns]
    return all(
        _are_numbers(cells) for unit, cells in zip(first, below, strict=True) if unit not in NO_UNIT
    )


def _are_numbers(cells: Sequence[str]) -> bool:
    given = [cell.strip() for cell in cells if cell.strip().lower() not in MISSING]
    return bool(given) and all(is_number(cell.replace(",", ".")) for cell in given)


def _with_unit(name: str, unit: str) -> str:
    """The name with its unit in brackets, where it has none yet."""
    bare = unit.strip().strip("[]()").strip()
    return name if bare in NO_UNIT or split_name(name)[1] else f"{name} [{bare}]"


def _with_points(cells: Sequence[str], mark: str) -> Sequence[str]:
    """A column of numbers of which some have a decimal comma, written with points."""
    if not may_have_decimal_commas(mark) or not any("," in cell for cell in cells):
        return cells
    plain = [cell.strip() for cell in cells]
    if all(_may_stand_beside_commas(cell, mark) for cell in plain):
        return [with_point(cell, mark) for cell in plain]
    return cells


def _may_stand_beside_commas(cell: str, mark: str) -> bool:
    whole = is_number(cell) and "." not in cell
    return whole or is_comma_number(cell, mark) or cell.lower() in MISSING
