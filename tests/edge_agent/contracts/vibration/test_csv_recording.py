"""CSV files as loggers, spreadsheets and libraries write them."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import numpy as np
import pytest

from edge_agent.contracts.core.errors import InputError
from edge_agent.contracts.vibration.csv_recording import HEAD_BYTES, csv_columns, read_csv
from edge_agent.contracts.vibration.recordings import read_recording, recording_signals

X, Y = np.array([0.5, -1.25, 2.0, 1e-3]), np.array([10.0, 20.5, -30.0, 0.0])


def of_csv(delimiter: str = ",", end: int = 0, head_end: int = 0, *, comma: bool = False) -> str:
    """The two signals as Python's csv writes them, with `end` empty cells at the end of lines."""
    sink = io.StringIO()
    writer = csv.writer(sink, delimiter=delimiter)
    writer.writerow(["x", "y"] + [""] * head_end)
    for row in zip(X, Y, strict=True):
        cells = [str(value).replace(".", ",") if comma else value for value in row]
        writer.writerow([*cells, *[""] * end])
    return sink.getvalue()


def of_savetxt(delimiter: str = ",", header: str = "x,y", **keys: str) -> str:
    sink = io.StringIO()
    np.savetxt(sink, np.c_[X, Y], delimiter=delimiter, header=header, **keys)
    return sink.getvalue()


READ = {
    "plain": of_csv(),
    "separators end all lines": of_csv(end=1, head_end=1),
    "more at the end of the header": of_csv(head_end=3),
    "more at the end of the rows": of_csv(end=2),
    "semicolons and decimal commas": of_csv(";", comma=True),
    "the same with separators at the end": of_csv(";", 1, 1, comma=True),
    "tabs and decimal commas": of_csv("\t", comma=True),
    "tabs at the end": of_csv("\t", 2, 1),
    "sep line": "sep=;\n" + of_csv(";", comma=True),
    "header of savetxt": of_savetxt(),
    "several lines of savetxt": of_savetxt(header="rig 3\nnormal, 1800 rpm at 2 kN\nx,y"),
    "comments of MATLAB": of_savetxt(header="made by us\nx,y", comments="% "),
    "blanks between": of_savetxt(" ", "x y", comments=""),
    "comment above the header": "# rig 3, normal\n" + of_csv(),
    "blank line below the header": of_csv().replace("\r\n", "\r\n\r\n", 1),
    "units": of_csv().replace("x,y", "x,y\r\ng,m/s2"),
    "units in brackets": of_csv(";", comma=True).replace("x;y", "x;y\r\n[g];[foo]"),
    "quoted": "\n".join(
        ",".join(f'"{cell}"' for cell in row) for row in [("x", "y"), *zip(X, Y, strict=True)]
    ),
    "quoted decimal commas": "\n".join(
        ";".join(f'"{cell}"' for cell in line.split(";"))
        for line in of_csv(";", comma=True).splitlines()
    ),
}


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("text", READ.values(), ids=READ)
def test_the_same_samples_are_read_whatever_program_wrote_them(
    tmp_path: Path, text: str, encoding: str
) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(text.encode(encoding))
    assert recording_signals(path).names == ["x", "y"]
    recording = read_recording(path, ["x", "y"], 100)
    assert np.array_equal(recording.signal, np.c_[X, Y].astype(np.float32))


def written(folder: Path, text: str) -> Path:
    (folder / "a.csv").write_text(text)
    return folder / "a.csv"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("x,y,z\n1,2\n3,4\n", r"line 1 names 3 columns, line 2 has 2 cells: give each column one"),
        ("x\n1,2\n3,4\n", r"\(line 2: '1,2' is not a number\)"),
        ("1,2,3\n4,5\n6,7\n", r"\(line 2 has 2 cells, line 1 has 3\): .*begin lines above"),
        ("1000,3\n4\n5\n", r"\(line 2 has 1 cells, line 1 has 2\)"),
        ("# a\nx,y\n1,2\n3,4\n5\n", r"\(line 5 has 1 cells, line 3 has 2\)"),
        ("x,y\n1,2\n3,\n", r"\(line 3: '' is not a number\)"),
        ("x,y,\n1,2,\n3,4,5\n", r"\(line 3 has 3 cells, line 2 has 2\)"),
        ("x,y,\n1,2,\n3,,\n", r"\(line 3 has 1 cells, line 2 has 2\)"),
        ("x,\n1,\n,\n3,\n", "line 3 is empty, between samples"),
        ("x;y\n1,5;2\n1.5;2\n", "has decimal commas and points: write all numbers alike"),
        ("x;y\n1,5;2\n1,234,5;2\n", r"\(line 3: '1\.234\.5' is not a number\)"),
        ("Rig: 3\nDate: 2024\nx,y\n1,2\n", r"not a table of numbers \(line 2: 'Date:' is not a n"),
        ("x,y\nerror,error\n1,2\n", r"\(line 2: 'error' is not a number\)"),
        ("x,y\n-,-\n1,2\n", r"\(line 2: '-' is not a number\)"),
        ("x,y\nnan,-\n1,2\n", r"\(line 2: '-' is not a number\)"),
        ("t,x\n2024-01-01 10:00:00,1\n", r"\(line 2: '2024-01-01 10:00:00' is not a number\)"),
        (",\n,", r"\(line 2 has no cell with content\)"),
        ("# nothing\n\n", "no rows"),
        ("x,y\n", "no rows"),
    ],
)
def test_what_is_no_table_is_refused_with_its_line(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(InputError, match=rf"a\.csv: .*{words}"):
        read_recording(written(tmp_path, text), ["0"], 100)


def test_the_line_of_units_says_what_the_times_are(tmp_path: Path) -> None:
    text = "time;x\nms;g\n" + "".join(f"{k / 2:.1f};{k}\n" for k in range(9))
    for written_as in (text, text.replace(".", ",")):
        assert read_recording(written(tmp_path, written_as), ["x"]).rate_hz == pytest.approx(2000)


def test_the_index_that_pandas_writes_is_no_signal(tmp_path: Path) -> None:
    path = written(tmp_path, ",x,y\n0,1.5,2\n1,2.5,3\n2,3.5,4\n")
    assert recording_signals(path).names == ["x", "y"]
    assert read_recording(path, [""], 1).signal[:, 0].tolist() == [0, 1, 2]


def test_several_columns_without_a_name_are_found_by_their_place(tmp_path: Path) -> None:
    path = written(tmp_path, "x,,\n1,2,3\n4,5,6\n".replace("x,,", ",,x"))
    assert list(read_csv(path).columns) == ["0", "1", "x"]


def test_a_header_in_a_comment_is_found_by_its_old_name(tmp_path: Path) -> None:
    """Bundles of an earlier version have the # in the name of the axis."""
    path = written(tmp_path, of_savetxt())
    assert read_recording(path, ["# x"], 100).signal[:, 0].tolist() == X.astype(np.float32).tolist()


def test_names_are_read_from_the_beginning_of_a_long_file(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    np.savetxt(path, np.zeros((HEAD_BYTES // 8, 2)), "%.8f", ",", header="Prüfling,y", comments="")
    assert path.stat().st_size > 2 * HEAD_BYTES
    assert list(csv_columns(path).columns) == list(read_csv(path).columns) == ["Prüfling", "y"]
    wide = np.zeros((3, HEAD_BYTES))
    np.savetxt(path, wide, "%d", ",")
    assert len(csv_columns(path).columns) == HEAD_BYTES


def test_a_header_of_text_with_an_empty_line_is_told_with_a_cure_that_works(tmp_path: Path) -> None:
    head = ["Title\t", "Note\t", "Sampling Frequency\t5120", "", "Channel\t1\t2", "Data"]
    rows = [f"{a}\t{b}\t" for a, b in zip(X, Y, strict=True)]
    path = written(tmp_path, "\n".join([*head, *rows]))
    with pytest.raises(
        InputError, match=r"1 to 6 are a header of text: begin each of the lines 1 to"
    ):
        read_recording(path, ["0"], 100)
    path = written(tmp_path, "\n".join([*("#" + line for line in head), *rows]))
    signal = read_recording(path, ["0", "1"], 100).signal
    assert np.array_equal(signal, np.c_[X, Y].astype(np.float32))


@pytest.mark.parametrize("mark", [",", ";", "\t", " "])
@pytest.mark.parametrize(
    "head",
    [
        ["Device: A", "Rate: 1000", ""],
        ["Device: A", "", "Rate: 1000", ""],
        ['"Rig"\t"A"', "Rate\t1000", ""],
        ["Rate: 1000, of A", "x, y", ""],
    ],
)
def test_the_cure_of_a_header_of_text_spares_the_samples(
    tmp_path: Path, head: list[str], mark: str
) -> None:
    rows = [f"0.5{mark}0.25"] * 50
    with pytest.raises(InputError) as refused:
        read_recording(written(tmp_path, "\n".join([*head, *rows])), ["0"], 1000)
    last = max(at for at, line in enumerate(head, 1) if line)
    assert f"lines 1 to {last} are a header of text" in refused.value.what
    assert refused.value.cure == f"begin each of the lines 1 to {last} with #"
    cured = [f"#{line}" for line in head[:last]] + head[last:]
    recording = read_recording(written(tmp_path, "\n".join([*cured, *rows])), ["0", "1"], 1000)
    assert recording.signal.shape == (50, 2)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Device: A\nRate: 1\n\n01.02.2024 10:00,5\n01.02.2024 10:00,6\n", "lines 1 to 2 are"),
        ("Device;A;\nRate;1;\n\nat 10:00;5;\nat 11:00;6;\n", "lines 1 to 2 are"),
        ("Device:A\n0.5,0.25\n\n0.5,0.25\n", "line 1 is a header of text: begin it with #"),
    ],
)
def test_a_header_of_text_ends_at_the_empty_line_or_above_the_first_numbers(
    tmp_path: Path, text: str, words: str
) -> None:
    with pytest.raises(InputError, match=words):
        read_recording(written(tmp_path, text), ["0"], 1000)


@pytest.mark.parametrize(
    "date", ["2024-01-01 10:00:00", "2024-01-01T10:00:00Z", "01.02.2024 10:00"]
)
def test_dates_are_refused_with_what_to_write_instead(tmp_path: Path, date: str) -> None:
    path = written(tmp_path, f"datetime;x\n{date};1\n")
    with pytest.raises(InputError, match=r"dates are not read: write seconds in a column time_s"):
        read_recording(path, ["x"], 100)
