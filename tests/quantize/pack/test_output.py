"""What a conversion refuses to overwrite, and numbers that it refuses to take."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from quantize.__main__ import main

NUMBERED = ["--version-number", "1.0.0"]


@pytest.fixture
def run(image_run: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(image_run, tmp_path / "run"))


@pytest.mark.parametrize("verb", ["convert", "onnx"])
def test_nothing_is_written_into_the_run(verb: str, run: Path, capsys: Any) -> None:
    network = (run / "model.keras").read_bytes()
    words = NUMBERED if verb == "convert" else []
    assert main([verb, str(run), "--out", str(run / "model.keras"), *words]) == 2
    assert "lies in the run itself" in capsys.readouterr().err
    assert (run / "model.keras").read_bytes() == network


@pytest.mark.parametrize(
    ("verb", "said"), [("convert", "is no bundle"), ("onnx", "is there already and is no .onnx")]
)
def test_a_strangers_file_is_not_replaced(
    verb: str, said: str, run: Path, tmp_path: Path, capsys: Any
) -> None:
    notes = tmp_path / "notes.txt"
    notes.write_text("mine")
    words = NUMBERED if verb == "convert" else []
    assert main([verb, str(run), "--out", str(notes), *words]) == 2
    assert said in capsys.readouterr().err
    assert notes.read_text() == "mine"


def test_a_folder_that_is_not_there_is_named_before_anything_is_converted(
    run: Path, tmp_path: Path, capsys: Any
) -> None:
    assert main(["convert", str(run), "--out", str(tmp_path / "no" / "x.bundle")]) == 2
    assert "make the folder" in capsys.readouterr().err


@pytest.mark.parametrize(
    "words",
    [
        ["--max-accuracy-loss", "nan"],
        ["--max-flips", "-1"],
        ["--max-escapes", "-5"],
        ["--time-s", "nan"],
        ["--memory-mb", "-1"],
        ["--calibration", "many"],
    ],
)
def test_numbers_out_of_range_are_refused_at_once(
    words: list[str], run: Path, tmp_path: Path, capsys: Any
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["convert", str(run), "--out", str(tmp_path / "x.bundle"), *words])
    assert ended.value.code == 2
    assert words[0] in capsys.readouterr().err
