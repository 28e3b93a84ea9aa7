from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from edge_agent.contracts.core.errors import InputError
from edge_agent.contracts.process.tables import (
    numbers,
    parse_table,
    read_table,
    table_of_rows,
    texts,
)


@pytest.mark.parametrize(
    "text", ["a,b\n1,x\n2,y\n", "a;b\n1;x\n2;y\n", "a\tb\n1\tx\n2\ty\n", "a b\n1  x \n2 y\n\n"]
)
def test_every_usual_separator_gives_the_same_table(text: str) -> None:
    table = parse_table(text, "t.csv")
    assert numbers(table, "a").tolist() == [1.0, 2.0]
    assert texts(table, "b").tolist() == ["x", "y"]


def test_a_file_without_header_line_gets_the_given_names(tmp_path: Path) -> None:
    path = tmp_path / "t.txt"
    path.write_text("1 0.5\n1 0.6 \n")
    table = read_table(path, ["unit", "load"])
    assert numbers(table, "load").tolist() == [0.5, 0.6]


def test_missing_cells_are_not_numbers() -> None:
    table = parse_table("a,b\n,1\nN/A,2\n3,?\n", "t.csv")
    assert np.isnan(numbers(table, "a")).tolist() == [True, True, False]
    assert np.isnan(numbers(table, "b")).tolist() == [False, False, True]


def test_parquet_and_csv_agree(tmp_path: Path) -> None:
    path = tmp_path / "t.parquet"
    pq.write_table(pa.table({"a": [1, None, 3], "kind": ["L", "M", None], "n": [0, 1, 1]}), path)
    table = read_table(path)
    assert np.isnan(numbers(table, "a")).tolist() == [False, True, False]
    assert texts(table, "kind").tolist() == ["L", "M", ""]
    assert texts(table, "n").tolist() == ["0", "1", "1"]


def test_rows_of_a_driver_become_a_table() -> None:
    table = table_of_rows([{"a": 1.5, "b": None}, {"a": 2, "c": "L"}])
    assert numbers(table, "a").tolist() == [1.5, 2.0]
    assert texts(table, "c").tolist() == ["", "L"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is empty"),
        ("a,b\n", "no rows"),
        ("a,a\n1,2\n", "'a' is there twice"),
        ("a,b\n1,2\n1\n", "line 3 has 1 cells, the header 2"),
    ],
)
def test_a_damaged_table_is_refused_with_its_line(text: str, message: str) -> None:
    with pytest.raises(InputError, match=message) as caught:
        parse_table(text, "t.csv")
    assert "t.csv" in str(caught.value)


def test_text_among_numbers_is_named_with_row_and_column() -> None:
    with pytest.raises(InputError, match="row 2, column 'a': 'hot' is not a number"):
        numbers(parse_table("a,b\n1,1\nhot,2\n", "t.csv"), "a")


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("t.xlsx", b"PK", "no reader for '.xlsx'"),
        ("t.csv", b"a\xff\x00a", "not UTF-8"),
        ("t.parquet", b"PAR1 broken", "not a readable Parquet"),
    ],
)
def test_other_files_are_refused(tmp_path: Path, name: str, content: bytes, message: str) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(InputError, match=message):
        read_table(path)


def test_a_category_that_is_a_number_is_the_same_from_any_source() -> None:
    rows = table_of_rows([{"kind": 1.0}, {"kind": 1}, {"kind": "1"}, {"kind": 1.5}, {"kind": None}])
    assert texts(rows, "kind").tolist() == ["1", "1", "1", "1.5", ""]


@pytest.mark.parametrize(
    ("cells", "read"),
    [
        ([0.1, None, 3], [0.1, np.nan, 3.0]),
        ([0.1, "", "3"], [0.1, np.nan, 3.0]),
        ([None, None], [np.nan, np.nan]),
        ([10**400], [np.inf]),
    ],
    ids=["numbers", "mixed", "nothing", "long"],
)
def test_rows_of_numbers_and_of_text_hold_the_same_values(
    cells: list[float | str | None], read: list[float]
) -> None:
    table = table_of_rows([{"x": cell} for cell in cells])
    np.testing.assert_array_equal(numbers(table, "x"), np.array(read))


def test_a_long_serial_number_keeps_its_digits() -> None:
    assert texts(table_of_rows([{"serial": 2**60 + 1}]), "serial").tolist() == [str(2**60 + 1)]


def test_absent_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"gone\.csv"):
        read_table(tmp_path / "gone.csv")
