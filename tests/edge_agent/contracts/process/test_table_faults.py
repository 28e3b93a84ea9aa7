from __future__ import annotations

import datetime
import tracemalloc
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from edge_agent.contracts.core.errors import InputError
from edge_agent.contracts.process.tables import (
    MISSING,
    numbers,
    parse_table,
    read_table,
    texts,
)

HEAD = "part,torque [Nm],note\n"


def test_one_long_cell_does_not_widen_the_others() -> None:
    rows = "".join(f"p{n},20,{'x' * 20_000 if n == 999 else 'ok'}\n" for n in range(20_000))
    tracemalloc.start()
    try:
        table = parse_table(HEAD + rows, "t.csv")
        assert tracemalloc.get_traced_memory()[1] < 40 * len(rows)
    finally:
        tracemalloc.stop()
    assert len(table) == 20_000
    assert texts(table, "note")[999] == "x" * 20_000
    assert texts(table, "note")[0] == "ok"
    assert numbers(table, "torque [Nm]").sum() == 400_000


def test_long_columns_know_missing_cells_and_numbers() -> None:
    cells = ["1.5", "NA", "", "7"] + ["2"] * 3000
    text = "a,b\n" + "".join(f"{c},{'y' * (5000 if n == 9 else 0)}\n" for n, c in enumerate(cells))
    table = parse_table(text, "t.csv")
    assert (texts(table, "b") == "").sum() == len(cells) - 1
    assert np.isnan(numbers(table, "a")[1:3]).all()
    assert "na" in MISSING


@pytest.mark.parametrize(
    ("rows", "line"),
    [
        ('"3/4 elbow,21,ok\n' + "p,20,ok\n" * 12_000, 2),
        ('p,20,ok\n"3/4 elbow,21,ok\np,20,ok\np,20,1/2" pipe\n', 3),
        ('p,20,"half\n', 2),
        ('p,20,"a" b\n', 2),
    ],
    ids=["to the end", "to the next quote", "last line", "text after it"],
)
def test_an_open_quote_swallows_no_rows(rows: str, line: int) -> None:
    with pytest.raises(InputError, match=rf"t\.csv: line {line}: a quotation mark opens a cell"):
        parse_table(HEAD + rows, "t.csv")


def test_whole_quotes_are_read() -> None:
    table = parse_table(HEAD + 'p,20,"a, ""b"" c"\nq,21,3/4" pipe\nr,22,"two\nlines"\n', "t.csv")
    assert texts(table, "note").tolist() == ['a, "b" c', '3/4" pipe', "two\nlines"]


@pytest.mark.parametrize(
    "payload",
    [
        "a;b\r\n1;2\r\n".encode("utf-16"),
        b"\xef\xbb\xbfa;b\n1;2\n",
        b"sep=;\r\na;b\r\n1;2\r\n",
        b"a;b\r1;2\r",
    ],
    ids=["utf-16", "mark", "sep line", "old mac"],
)
def test_what_spreadsheets_save_is_read(tmp_path: Path, payload: bytes) -> None:
    (tmp_path / "t.csv").write_bytes(payload)
    table = read_table(tmp_path / "t.csv")
    assert list(table.columns) == ["a", "b"]
    assert numbers(table, "b").tolist() == [2]


def test_line_separators_inside_cells_end_no_row() -> None:
    table = parse_table("name value\nx\u2028y 1\nb\x0bc 2\n", "t.txt")
    assert len(table) == 2


def written(folder: Path, **columns: pa.Array) -> Path:
    pq.write_table(pa.table(columns), folder / "t.parquet")
    return folder / "t.parquet"


def test_long_ids_of_parquet_stay_what_they_are(tmp_path: Path) -> None:
    ids = [2**60 + 1, 2**63 - 1, None]
    table = read_table(written(tmp_path, id=pa.array(ids, pa.int64()), v=pa.array([1, 2, 3])))
    assert texts(table, "id").tolist() == [str(ids[0]), str(ids[1]), ""]
    assert numbers(table, "v").tolist() == [1, 2, 3]


@pytest.mark.parametrize(
    "cells",
    [
        pa.array([datetime.datetime(9999, 12, 31, tzinfo=datetime.UTC)]),
        pa.array([datetime.date(9999, 12, 31)]),
        pa.array([2**62], pa.timestamp("us")),
        pa.array([b"\xff\xfe"]),
        pa.array([[1, 2]]),
        pa.array([None], pa.null()),
    ],
    ids=["year 9999", "date", "beyond all years", "bytes", "list", "null"],
)
def test_odd_cells_of_parquet_are_text(tmp_path: Path, cells: pa.Array) -> None:
    assert len(texts(read_table(written(tmp_path, when=cells)), "when")) == 1


def test_a_parquet_that_claims_any_number_of_rows_is_refused(tmp_path: Path) -> None:
    column = pa.array(np.zeros(10_100_000, np.int8))
    path = written(tmp_path, **{f"c{n}": column for n in range(10)})
    assert path.stat().st_size < 10_000_000
    with pytest.raises(InputError, match="more than 100 million cells"):
        read_table(path)


WHOLE = (HEAD + "".join(f"p{n},{20 + n},ok\n" for n in range(30))).encode()


def mutated(payload: bytes, rng: np.random.Generator) -> bytes:
    data = bytearray(payload)
    for _ in range(int(rng.integers(1, 5))):
        at = int(rng.integers(0, len(data) + 1))
        how = int(rng.integers(0, 4))
        if how == 0:
            data[at:at] = bytes(rng.integers(0, 256, int(rng.integers(1, 4)), np.uint8))
        elif how == 1:
            del data[at : at + int(rng.integers(1, 30))]
        elif how == 2:
            data[at:at] = rng.choice([b'"', b",", b"\n", b"\r", b";", b"nan", b"\0", b"1e999"])
        else:
            data[at:at] = b"x" * int(rng.integers(1, 3000))
    return bytes(data)


def fuzz_tables(count: int, seed: int, folder: Path) -> None:
    rng = np.random.default_rng(seed)
    pq.write_table(pa.table({"a": [1.5, 2.0], "b": ["x", None]}), folder / "whole.parquet")
    wholes = {".csv": WHOLE, ".parquet": (folder / "whole.parquet").read_bytes()}
    for place in range(count):
        suffix = ".parquet" if place % 4 == 0 else ".csv"
        path = folder / f"t{suffix}"
        path.write_bytes(mutated(wholes[suffix], rng))
        try:
            table = read_table(path)
            for name in table.columns:
                assert len(texts(table, name)) == len(table)
                numbers(table, name)
        except InputError:
            continue


@pytest.mark.parametrize("seed", range(3))
def test_mutated_tables_are_read_or_refused(tmp_path: Path, seed: int) -> None:
    fuzz_tables(100, seed, tmp_path)


@pytest.mark.parametrize("cell", ["1_0", "٥", "１２", "1_000.5"])
def test_a_number_that_only_python_reads_is_none(tmp_path: Path, cell: str) -> None:
    (tmp_path / "a.csv").write_text(f"a,Größe\n7,8\n{cell},9\n")
    table = read_table(tmp_path / "a.csv")
    assert numbers(table, "Größe").tolist() == [8, 9]
    with pytest.raises(InputError, match=f"row 2, column 'a': '{cell}' is not a number"):
        numbers(table, "a")


def test_a_missing_value_in_other_letters_is_missing(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("a,b\n\u00a0,1\n3,2\n")
    assert np.isnan(numbers(read_table(tmp_path / "a.csv"), "a")).tolist() == [True, False]


def test_a_hundred_thousand_columns_are_read_or_refused_in_no_time(tmp_path: Path) -> None:
    names = [f"c{at}" for at in range(100_000)]
    for header, words in ((names, ""), ([*names, "c7"], "column 'c7' is there twice")):
        (tmp_path / "a.csv").write_text(",".join(header) + "\n" + ",".join("1" for _ in header))
        if not words:
            assert len(read_table(tmp_path / "a.csv").columns) == 100_000
            continue
        with pytest.raises(InputError, match=words):
            read_table(tmp_path / "a.csv")
