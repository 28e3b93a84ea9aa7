from __future__ import annotations

import pytest

from edge_agent.contracts.core.separated import (
    comments_and_table,
    first_lines,
    is_number_in,
    lines_of,
    named_separator,
    separator,
    with_point,
    without_empty_end,
)


@pytest.mark.parametrize(
    ("lines", "mark"),
    [
        (["a,b", "1,2"], ","),
        (["a;b", "1;2"], ";"),
        (["a\tb", "1\t2"], "\t"),
        (["a b", "1 2"], ""),
        (["a", "1"], ""),
        (["0,5;1,25", "0,75;2,5"], ";"),
        (["0,5\t1,25", "0,75\t2,5"], "\t"),
        (["Temp, C, of rig, 3;x", "0,5;1"], ";"),
        (["part,note,x", "p1,a;b,3", "p2,c;d,4"], ","),
        (["a;b,c,d", "1;2,3,4", "1;2,3,4"], ","),
        (["note,x", "a,1;2", "b,3;4"], ","),
    ],
)
def test_the_separator_is_told_by_the_first_lines(lines: list[str], mark: str) -> None:
    assert separator(lines) == mark


@pytest.mark.parametrize(
    ("cell", "mark", "number"),
    [
        ("1,5", ";", True),
        (",5", ";", True),
        ("-1,5e-3", "\t", True),
        ("1,5", ",", False),
        ("1,5", "", False),
        ("1.5", ";", True),
        ("1.234,5", ";", False),
        ("1,234,5", ";", False),
        ("1,", ";", False),
    ],
)
def test_a_decimal_comma_is_one_beside_semicolons_or_tabs(
    cell: str, mark: str, number: bool
) -> None:
    assert is_number_in(cell, mark) is number


def test_text_keeps_its_commas() -> None:
    assert [with_point(cell, ";") for cell in ("1,5", "a,b", "1,2,3")] == ["1.5", "a,b", "1,2,3"]


def test_blank_lines_count_and_are_left_out() -> None:
    found = list(lines_of("a\n\n \t\nb"))
    assert [(line.number, line.start, line.text) for line in found] == [(1, 0, "a"), (4, 6, "b")]


@pytest.mark.parametrize(
    ("line", "mark"), [("sep=;", ";"), ("SEP=,", ","), ("sep=\t", "\t"), ("separate", "")]
)
def test_a_first_line_may_name_the_separator(line: str, mark: str) -> None:
    assert named_separator(line) == mark


def test_only_the_end_of_a_line_loses_its_empty_cells() -> None:
    assert without_empty_end(["", "a", "", "b", "", ""]) == ["", "a", "", "b"]


def test_comments_end_where_the_table_begins() -> None:
    comments, table = comments_and_table(first_lines("# a\n\n  % b\n// c\nx;y\n#1;2"))
    assert [line.text for line in comments] == ["# a", "  % b", "// c"]
    assert [(line.number, line.text) for line in table] == [(5, "x;y"), (6, "#1;2")]
