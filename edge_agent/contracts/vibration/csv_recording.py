"""A recording in a .csv: comments, a header, a line of units, and below them numbers alone.

No sample is passed over: a line within the numbers that is blank, a comment, or not of as many
numbers as the others, is an error that names it.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edge_agent.contracts.core.errors import InputError
from edge_agent.contracts.core.separated import (
    HEAD_LINES,
    MARKS,
    Line,
    cells_of,
    comments_and_table,
    first_lines,
    is_number_in,
    lines_of,
    may_have_decimal_commas,
    named_separator,
    separator,
    unix_lines,
    without_comment_mark,
    without_empty_end,
)
from edge_agent.contracts.core.text import decode_head, decode_text, is_number, repeated_name
from edge_agent.contracts.process.units import are_units
from edge_agent.contracts.vibration.clock import Times, is_time, surest_clock, told_unit_s
from edge_agent.contracts.vibration.content import Content, as_float32

HEAD_BYTES = 1 << 18
"""What is read of a file for the names of its columns."""
LINE_CURE = "correct the line; begin lines above the first sample that are none with #"
DATE_CURE = (
    "dates are not read: write seconds in a column time_s, or take the column out; process data: "
    "join the tables and name the one as `file` of [tabular] in dataset.toml"
)
_DATE = re.compile(r"\d{4}[-/.]\d\d?[-/.]\d\d?[ T]|\d\d?[-/.]\d\d?[-/.]\d{4}[ T]")
_HOLE = re.compile(r"\n[ \t]*\n")


@dataclass(frozen=True)
class _Layout:
    """How the numbers of a file lie. mark: between them, empty for blanks; units: empty where no
    line has them; first: the first line of numbers; width: how many it has."""

    mark: str
    names: list[str]
    units: list[str]
    first: Line
    width: int


def read_csv(path: Path) -> Content:
    """The columns of a .csv, with the rate that a column of times tells.

    Raises InputError that names the line; UnicodeDecodeError, OSError.
    """
    text = unix_lines(decode_text(path.read_bytes()))
    layout = _layout(text, path)
    table = _numbers(text[layout.first.start :], layout, path)
    columns = {name: as_float32(table[:, at]) for at, name in enumerate(layout.names)}
    units_s = [(at, _time_unit_s(layout, at)) for at, name in enumerate(layout.names)]
    times = [
        Times(layout.names[at], table[:, at], unit_s)
        for at, unit_s in units_s
        if unit_s is not None or is_time(layout.names[at])
    ]
    return Content(columns, clock=surest_clock(times, path))


def csv_columns(path: Path) -> Content:
    """The columns of a .csv by its first lines, with the samples in them: those whose lines are no
    numbers are for read_csv to refuse. Raises as read_csv."""
    with path.open("rb") as stream:
        head = stream.read(HEAD_BYTES)
        head = head if head.count(b"\n") > HEAD_LINES else head + stream.read()
    text = unix_lines(decode_head(head))
    layout = _layout(text, path)
    whole = text[layout.first.start : text.rindex("\n") if len(head) == HEAD_BYTES else len(text)]
    try:
        table = _numbers(whole, layout, path)
    except InputError:
        table = np.zeros((1, layout.width))
    return Content({name: as_float32(table[:, at]) for at, name in enumerate(layout.names)})


def _layout(text: str, path: Path) -> _Layout:
    lines = first_lines(text)
    mark = named_separator(lines[0].text) if lines else ""
    above, table = comments_and_table(lines[bool(mark) :])
    mark = mark or (separator([line.text for line in table]) if table else "")
    rows = [without_empty_end(cells_of(line.text, mark)) for line in table[:3]]
    at = _header_lines(rows, mark)
    if at >= len(rows):
        raise InputError("no rows", where=str(path), cure="record it again")
    first, width = table[at], len(rows[at])
    if not width:
        raise InputError(
            f"not a table of numbers (line {first.number} has no cell with content)",
            where=str(path),
            cure="record it again",
        )
    names = rows[0] if at else _names_in(above, mark, width)
    if len(names) != width:
        raise InputError(
            f"line {table[0].number} names {len(names)} columns, line {first.number} has {width} "
            f"cells",
            where=str(path),
            cure="give each column one name; begin lines that are no part of the table with #",
        )
    return _Layout(mark, _distinct(names, path), rows[1] if at > 1 else [], first, width)


def _header_lines(rows: Sequence[Sequence[str]], mark: str) -> int:
    """How many of the first lines are names and units: 0, 1 or 2."""
    if rows and _are_numbers(rows[0], mark):
        return int(_counts_columns(rows[0], rows[1] if len(rows) > 1 else []))
    units = len(rows) > 2 and _are_numbers(rows[2], mark) and are_units(rows[1])
    return 2 if units else 1


def _names_in(above: Sequence[Line], mark: str, width: int) -> list[str]:
    """The names in the last comment above the numbers, as numpy writes them; else positions."""
    words = without_comment_mark(above[-1].text) if above else ""
    names = without_empty_end(cells_of(words, mark))
    if len(names) == width and not _are_numbers(names, mark):
        return names
    return [str(place) for place in range(width)]


def _distinct(names: Sequence[str], path: Path) -> list[str]:
    """The names, of which none is there twice; several that are empty become positions."""
    bare = sum(not name for name in names)
    named = [name or str(at) for at, name in enumerate(names)] if bare > 1 else list(names)
    twice = repeated_name(named)
    if twice is not None:
        raise InputError(
            f"column {twice!r} is there twice", where=str(path), cure="give each one name"
        )
    return named


def _are_numbers(cells: Sequence[str], mark: str) -> bool:
    return bool(cells) and all(is_number_in(cell, mark) for cell in cells)


def _counts_columns(first: Sequence[str], second: Sequence[str]) -> bool:
    """Whether the first line only numbers the columns, as numpy and pandas write it."""
    from_0, from_1 = ([str(place + start) for place in range(len(first))] for start in (0, 1))
    plain = all(cell.lstrip("+-").isdigit() for cell in second)
    if list(first) == from_0:
        return len(first) > 2 or not plain
    return list(first) == from_1 and not plain


def _time_unit_s(layout: _Layout, at: int) -> float | None:
    """Seconds of one unit of a column of times, by its name and the line of units; else None."""
    unit = layout.units[at].strip("[]() ") if at < len(layout.units) else ""
    name = layout.names[at]
    beside = told_unit_s(f"{name} [{unit}]") if unit else None
    return told_unit_s(name) if beside is None else beside


def _numbers(text: str, layout: _Layout, path: Path) -> NDArray[np.float64]:
    """(T, C) the numbers of the lines; `text` begins with the first."""
    mark, body = layout.mark, text.rstrip()
    if mark and layout.first.text.rstrip(" ").endswith(mark):
        body = re.sub(rf"[{mark} \t]*$", "", body, flags=re.MULTILINE)
    hole = _HOLE.search(body)
    if hole:
        above = body.count("\n", 0, hole.start()) + 1
        if not _are_numbers(_filled(layout.first, layout), mark):
            raise _text_above(text, above, layout, path)
        raise InputError(
            f"line {layout.first.number + above} is empty, between samples",
            where=str(path),
            cure="a sample may be lost there: record it again",
        )
    if may_have_decimal_commas(mark) and "," in body:
        if "." in body:
            raise InputError(
                "has decimal commas and points", where=str(path), cure="write all numbers alike"
            )
        body = body.replace(",", ".")
    try:
        return np.loadtxt(
            io.StringIO(body), comments=None, delimiter=mark or None, ndmin=2, quotechar='"'
        )
    except ValueError as error:
        raise _bad_line(body, layout, path) or error from error


def _text_above(text: str, above: int, layout: _Layout, path: Path) -> InputError:
    """The error of a file that begins with lines of text which no # marks; above: how many lines
    of the text stand above a blank one. The header ends above the first line of numbers, or else
    at the blank one."""
    words = list(takewhile(lambda line: not _holds_numbers(line.text), first_lines(text)))
    if len(words) == len(first_lines(text)):
        words = [line for line in words if line.number <= above]
    last = layout.first.number + (words[-1].number if words else 0) - 1
    many = last > 1
    return InputError(
        f"lines 1 to {last} are a header of text" if many else "line 1 is a header of text",
        where=str(path),
        cure=f"begin each of the lines 1 to {last} with #" if many else "begin it with #",
    )


def _holds_numbers(line: str) -> bool:
    """Whether a line is numbers alone between any separators: a header of text is no guide to the
    one of the samples below it."""
    for mark in (*MARKS, ""):
        try:
            cells = without_empty_end(cells_of(line, mark))
        except csv.Error:  # a quotation mark in the words
            continue
        if _are_numbers(cells, mark):
            return True
    return False


def _filled(line: Line, layout: _Layout) -> list[str]:
    return without_empty_end(cells_of(line.text, layout.mark))


def _bad_line(body: str, layout: _Layout, path: Path) -> InputError | None:
    """The error of the first line that is not as many numbers as the first one."""
    first = layout.first.number
    for line in lines_of(body):
        cells, number = cells_of(line.text, layout.mark), first + line.number - 1
        odd = next((cell for cell in cells if not is_number(cell)), None)
        what = f"line {number}: {odd!r:.40} is not a number"
        if len(cells) != layout.width:
            what = f"line {number} has {len(cells)} cells, line {first} has {layout.width}"
        elif odd is None:
            continue
        return InputError(
            f"not a table of numbers ({what})",
            where=str(path),
            cure=DATE_CURE if odd and _DATE.match(odd) else LINE_CURE,
        )
    return None
