"""Process tables as loggers, spreadsheets and libraries write them."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import numpy as np
import pytest

from edge_agent.contracts.core.errors import InputError
from edge_agent.contracts.process.table_text import split_table
from edge_agent.contracts.process.tables import Table, numbers, read_table, texts

ROWS = [("0.5", "80", "ok"), ("-1.25", "", "ok"), ("2.0", "81", "worn"), ("1e-3", "82", "ok")]
NAMES = ("pressure", "temp", "state")


def of_csv(delimiter: str = ",", end: int = 0, head_end: int = 0, *, comma: bool = False) -> str:
    """The rows as Python's csv writes them, with `end` empty cells at the end of lines."""
    sink = io.StringIO()
    writer = csv.writer(sink, delimiter=delimiter)
    writer.writerow([*NAMES, *[""] * head_end])
    for row in ROWS:
        cells = [cell.replace(".", ",") if comma else cell for cell in row]
        writer.writerow([*cells, *[""] * end])
    return sink.getvalue()


def under_units(text: str, units: str) -> str:
    head, _, rest = text.partition("\r\n")
    return f"{head}\r\n{units}\r\n{rest}"


READ = {
    "plain": of_csv(),
    "separators end all lines": of_csv(end=1, head_end=1),
    "more at the end of the header": of_csv(head_end=3),
    "more at the end of the rows": of_csv(end=2),
    "more at the end of the rows than of the header": of_csv(end=3, head_end=1),
    "semicolons and decimal commas": of_csv(";", comma=True),
    "the same with separators at the end": of_csv(";", 2, 2, comma=True),
    "tabs and decimal commas": of_csv("\t", comma=True),
    "sep line": "sep=;\n" + of_csv(";", comma=True),
    "comments": "# exported by the press, line 3\n# a;b\n" + of_csv(),
    "one comment": "# shift 3\r\n\r\n" + of_csv(),
    "blank line below the header": of_csv().replace("\r\n", "\r\n\r\n", 1),
    "all quoted": "\n".join(",".join(f'"{cell}"' for cell in row) for row in (NAMES, *ROWS)),
}


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le"])
@pytest.mark.parametrize("text", READ.values(), ids=READ)
def test_the_same_cells_are_read_whatever_program_wrote_them(
    tmp_path: Path, text: str, encoding: str
) -> None:
    (tmp_path / "t.csv").write_bytes(text.encode(encoding))
    table = read_table(tmp_path / "t.csv")
    assert tuple(table.columns) == NAMES
    assert numbers(table, "pressure").tolist() == [0.5, -1.25, 2, 0.001]
    np.testing.assert_array_equal(numbers(table, "temp"), [80, np.nan, 81, 82])
    assert texts(table, "state").tolist() == ["ok", "ok", "worn", "ok"]


def parsed(folder: Path, text: str) -> Table:
    (folder / "t.csv").write_text(text, newline="")
    return read_table(folder / "t.csv")


@pytest.mark.parametrize(
    ("units", "names"),
    [
        ("bar,°C,", ["pressure [bar]", "temp [°C]", "state"]),
        ("[bar],[°C],-", ["pressure [bar]", "temp [°C]", "state"]),
        ("(foo),-,", ["pressure [foo]", "temp", "state"]),
    ],
)
def test_a_line_of_units_becomes_part_of_the_names(
    tmp_path: Path, units: str, names: list[str]
) -> None:
    table = parsed(tmp_path, under_units(of_csv(), units))
    assert list(table.columns) == names
    assert len(table) == len(ROWS)
    assert numbers(table, names[0])[0] == 0.5


@pytest.mark.parametrize(
    "text",
    [
        "grade,kind\nA,C\nB,F\nA,C\n",
        "grade,load\nA,1\n2,3\n",
        "kind,load\n-,-\nx,3\n",
        "load,note\nbar,low\n3,high\n",
        "load\nhot\n3\n",
    ],
    ids=["grades", "a number beside", "missing", "words beside", "no unit"],
)
def test_a_row_that_may_hold_values_is_a_row(tmp_path: Path, text: str) -> None:
    assert len(parsed(tmp_path, text)) == text.count("\n") - 1


def test_a_name_keeps_the_unit_that_it_has(tmp_path: Path) -> None:
    table = parsed(tmp_path, "load [kN],force\nkN,kN\n1,2\n")
    assert list(table.columns) == ["load [kN]", "force [kN]"]


def test_text_with_commas_stays_as_it_is(tmp_path: Path) -> None:
    table = parsed(tmp_path, "a;b;c\n1,5;3,4 left;1,5\n2;5,6;1.5\n")
    assert numbers(table, "a").tolist() == [1.5, 2]
    assert texts(table, "b").tolist() == ["3,4 left", "5,6"]
    with pytest.raises(InputError, match="column 'c': '1,5' is not a number"):
        numbers(table, "c")


def test_thousands_are_no_decimals(tmp_path: Path) -> None:
    table = parsed(tmp_path, 'a,b\n"1,250",2\n')
    with pytest.raises(InputError, match="'1,250' is not a number"):
        numbers(table, "a")


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("# a,b\n1,2\n", ["# a", "b"]),
        ("#,name\n1,x\n", ["#", "name"]),
        ("# a,b\nx,y\n", ["# a", "b"]),
        ("# rig 3\n# a,b\n1,2\n", ["# a", "b"]),
        ("# rig, hall\n# of, 3\na,b\n1,2\n", ["a", "b"]),
        ("# a b\n1 2\n", ["a", "b"]),
        ("# a long story of it\na b\n1 2\n", ["a", "b"]),
    ],
)
def test_a_comment_is_the_header_where_it_names_the_columns(
    tmp_path: Path, text: str, names: list[str]
) -> None:
    """The # stays in the name, as bundles of an earlier version have it."""
    table = parsed(tmp_path, text)
    assert list(table.columns) == names
    assert len(table) == 1


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a,b,c,d\n1,2,3\n", "line 2 has 3 cells, the header 4"),
        ("a,b\n1,2\n3,4,5\n", "line 3 has 3 cells, the header 2"),
        ("a,b,\n1,2\n3,4,5\n", "line 2 has 2 cells, the header 3"),
        ("# x\n\na,b\n1,2\n\n3\n", "line 6 has 1 cells, the header 2"),
        ('a,b\n"two\nlines",2\n3\n', "line 4 has 1 cells, the header 2"),
        ("Rig 3,,\na,b,c\n1,2,3\n", "several columns have no name: .*begin lines above the header"),
        ("a,,,d\n1,2,3,4\n", "several columns have no name: give each column one name"),
        ("a,b,\n", "no rows below the header"),
    ],
)
def test_what_is_no_table_is_refused_with_its_line(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(InputError, match=rf"t\.csv: {words}"):
        parsed(tmp_path, text)


def test_one_column_without_a_name_stays(tmp_path: Path) -> None:
    assert list(parsed(tmp_path, ",a\n0,5\n1,6\n").columns) == ["", "a"]
    assert list(parsed(tmp_path, "a,\n5,0\n6,1\n").columns) == ["a", ""]


def test_given_names_go_before_every_line() -> None:
    names, columns = split_table("# rig\n1;0,5;\n2;0,75;\n", "t.csv", ["n", "x"])
    assert names == ["n", "x"]
    assert [list(cells) for cells in columns] == [["1", "2"], ["0.5", "0.75"]]
