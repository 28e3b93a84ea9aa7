"""Text tables as loggers, spreadsheets and libraries write them: separator, comments, decimal mark.

A file may begin with comments (#, %, //), name its separator in a line `sep=;`, end its lines with
separators, and write 0,5 where its separator is no comma.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Sequence
from itertools import islice, takewhile
from typing import NamedTuple

from edge_agent.contracts.core.text import is_number

HEAD_LINES = 200
"""Lines in which the comments end and the table begins."""
MARKS = ";\t,"
"""Separators; blanks separate where a file has none of them."""
COMMENTS = ("#", "%", "//")
"""What a line above the table begins with, where it is none of it."""
_COMMA_NUMBER = re.compile(r"[+-]?\d*,\d+([eE][+-]?\d+)?")
_COMMA_MARKS = (";", "\t")
"""Separators beside which a comma may be the decimal mark."""


class Line(NamedTuple):
    """A line that is not blank: its number in the file, from 1, where it begins, and its text."""

    number: int
    start: int
    text: str


def unix_lines(text: str) -> str:
    """The text with line feeds alone."""
    return text.replace("\r\n", "\n").replace("\r", "\n")


def lines_of(text: str) -> Iterator[Line]:
    """The lines of a text that are not blank."""
    start = number = 0
    while start < len(text):
        end = text.find("\n", start)
        end = len(text) if end < 0 else end
        number += 1
        if text[start:end].strip():
            yield Line(number, start, text[start:end])
        start = end + 1


def first_lines(text: str) -> list[Line]:
    """The first HEAD_LINES lines of a text that are not blank."""
    return list(islice(lines_of(text), HEAD_LINES))


def comments_and_table(lines: Sequence[Line]) -> tuple[list[Line], list[Line]]:
    """The comments above a table, and the lines from the first that is none."""
    comments = list(takewhile(lambda line: line.text.lstrip().startswith(COMMENTS), lines))
    return comments, list(lines[len(comments) :])


def named_separator(line: str) -> str:
    """The separator that a first line `sep=;` names, as spreadsheets write it; else empty."""
    return line[4] if line.lower().startswith("sep=") and len(line.rstrip(" ")) >= 5 else ""


def without_comment_mark(line: str) -> str:
    """The words of a comment."""
    return line.lstrip().lstrip("#%/")


def separator(lines: Sequence[str]) -> str:
    """What separates the cells of a table of which these are the first lines; empty: blanks.

    It is what the first line has most of; but where all others consist of numbers like 0,5 between
    semicolons or tabs, the comma is their decimal mark.
    """
    usual = max(MARKS, key=lines[0].count)
    if usual != ",":
        return usual if usual in lines[0] else ""
    for mark in _COMMA_MARKS:
        if all(mark in line for line in lines) and _has_decimal_commas(lines[1:] or lines, mark):
            return mark
    return usual if usual in lines[0] else ""


def cells_of(line: str, mark: str) -> list[str]:
    """The cells of one line without blanks around them; raises csv.Error for an open quote."""
    if not mark:
        return line.split()
    return [cell.strip() for cell in next(csv.reader([line], delimiter=mark, strict=True), [])]


def without_empty_end(cells: Sequence[str]) -> list[str]:
    """The cells without the empty ones at the end, which separators there make."""
    last = max((at for at, cell in enumerate(cells, 1) if cell), default=0)
    return list(cells[:last])


def may_have_decimal_commas(mark: str) -> bool:
    """Whether a comma between such separators may be the decimal mark of a number."""
    return mark in _COMMA_MARKS


def with_point(cell: str, mark: str) -> str:
    """A number with a decimal comma written with a point, where the separator is no comma."""
    return cell.replace(",", ".") if is_comma_number(cell, mark) else cell


def is_comma_number(cell: str, mark: str) -> bool:
    """Whether a cell is a number with a decimal comma."""
    return mark in _COMMA_MARKS and bool(_COMMA_NUMBER.fullmatch(cell))


def is_number_in(cell: str, mark: str) -> bool:
    """Whether a cell between such separators is a number."""
    return is_number(with_point(cell, mark))


def _has_decimal_commas(lines: Sequence[str], mark: str) -> bool:
    """Whether every comma in the cells between `mark` is a decimal one, and there is one."""
    cells = [cell.strip().strip('"') for line in lines for cell in line.split(mark)]
    commas = [cell for cell in cells if "," in cell]
    return bool(commas) and all(is_comma_number(cell, mark) for cell in commas)
