"""`lineside-agent doctor` on the machine of the test: its form and its exit codes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from edge_agent.__main__ import main
from tests.station_kit import write_station

FOLDER = 'driver = "folder"\npath = "frames"'
ABSENT = 'driver = "v4l2"\ndevice = "/dev/video-absent"\nwidth_px = 640\nheight_px = 480'


@pytest.mark.parametrize("strict", [False, True])
def test_exit_code_follows_the_worst_grade(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], strict: bool
) -> None:
    (tmp_path / "state").mkdir()
    path = write_station(tmp_path, FOLDER)
    code = main(["doctor", str(path), "--json", *(["--strict"] if strict else [])])
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    grades = {row["grade"] for row in rows}
    bad = {"FAIL", "WARN"} if strict else {"FAIL"}
    assert code == (1 if grades & bad else 0)
    assert {"state folder", "clock", "memory", "runtime"} <= {row["what"] for row in rows}


def test_an_absent_device_is_one_line_with_its_cure_and_exit_code_4(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["doctor", str(write_station(tmp_path, ABSENT))]) == 4
    shown = capsys.readouterr()
    (line,) = (line for line in shown.out.splitlines() if "/dev/video-absent" in line)
    assert line.startswith("FAIL")
    assert "no such device: plug it in" in line
    assert "faults" in shown.err


def test_a_faulty_station_toml_is_misuse(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["doctor", str(tmp_path / "none.toml")]) == 2
    assert "none.toml" in capsys.readouterr().err
