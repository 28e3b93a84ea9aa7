"""Runs that must not become bundles: each a clear error, and nothing written."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edge_agent.contracts.core.errors import LinesideError
from quantize.__main__ import main
from quantize.convert import conversion_process as child
from quantize.workflow.convert import ConvertRequest, convert
from tests.quantize.conversion_cache import ConversionCache

Spoil = Callable[[Path], None]


def without(name: str) -> Spoil:
    return lambda run: (run / name).unlink()


def emptied(name: str) -> Spoil:
    return lambda run: (run / name).write_bytes(b"")


def truncated(name: str) -> Spoil:
    def spoil(run: Path) -> None:
        payload = (run / name).read_bytes()
        (run / name).write_bytes(payload[: len(payload) // 2])

    return spoil


def calibrated_on(make: Callable[[np.ndarray], np.ndarray]) -> Spoil:
    def spoil(run: Path) -> None:
        held = np.load(run / "heldout.npz")["inputs"]
        np.savez(run / "calibration.npz", inputs=make(held))

    return spoil


def golden_without_files(run: Path) -> None:
    for path in (run / "golden").glob("*.png"):
        path.unlink()


def other_predictions(run: Path) -> None:
    lines = (run / "predictions.csv").read_text().splitlines()
    (run / "predictions.csv").write_text("\n".join(lines[:-3]) + "\n")


def scored(first: str) -> Spoil:
    """The first score of predictions.csv is another."""

    def spoil(run: Path) -> None:
        head, row, *rest = (run / "predictions.csv").read_text().splitlines()
        cells = row.split(",")
        cells[head.split(",").index("score")] = first
        (run / "predictions.csv").write_text("\n".join([head, ",".join(cells), *rest]) + "\n")

    return spoil


def every_label_another(run: Path) -> None:
    head, *rows = (run / "predictions.csv").read_text().splitlines()
    place = head.split(",").index("predicted")
    cells = [row.split(",") for row in rows]
    for one in cells:
        one[place] = "another"
    table = [head, *(",".join(one) for one in cells)]
    (run / "predictions.csv").write_text("\n".join(table) + "\n")


def one_byte_flipped(run: Path) -> None:
    payload = bytearray((run / "calibration.npz").read_bytes())
    payload[60] ^= 0x5A
    (run / "calibration.npz").write_bytes(payload)


def golden_from_elsewhere(run: Path) -> None:
    (run / "stranger.png").write_bytes(b"x")
    entry = {"file": "../stranger.png", "label": "good"}
    (run / "golden" / "golden.json").write_text(json.dumps([entry]))


def other_labels(run: Path) -> None:
    spec = json.loads((run / "spec.json").read_text())
    (run / "spec.json").write_text(json.dumps({**spec, "good": ["excellent"]}))


SPOILT = {
    "no model": (without("model.keras"), "model.keras: is missing"),
    "empty model": (emptied("model.keras"), "model.keras: is empty"),
    "no specification": (without("spec.json"), "spec.json: is missing"),
    "unknown good label": (other_labels, "good label 'excellent'"),
    "truncated calibration": (truncated("calibration.npz"), "is no readable .npz"),
    "empty calibration": (
        calibrated_on(lambda held: held[:0]),
        "calibration.npz: holds no samples",
    ),
    "calibration from test samples": (
        calibrated_on(lambda held: held[:7]),
        "7 of 7 calibration samples are held-out samples",
    ),
    "calibration of another shape": (
        calibrated_on(lambda held: held[:9, :16]),
        "inputs (16, 32, 3), spec.json says (32, 32, 3)",
    ),
    "calibration from test samples, as another type": (
        calibrated_on(lambda held: held[:7].astype(np.float32)),
        "calibration.npz: holds float32",
    ),
    "calibration with a damaged byte": (one_byte_flipped, "calibration.npz"),
    "a score that is no number": (scored("nan"), "score 'nan' is no finite number"),
    "another score": (scored("0.5"), "predictions.csv"),
    "all other labels": (every_label_another, "labels are others there than by model.keras"),
    "golden file from elsewhere": (golden_from_elsewhere, "lies outside of golden/"),
    "golden list in another encoding": (
        lambda run: (run / "golden" / "golden.json").write_bytes(b"\xff\xfe[") and None,
        "golden.json: Invalid JSON",
    ),
    "other predictions": (other_predictions, "its samples are not those of predictions.csv"),
    "no predictions": (emptied("predictions.csv"), "predictions.csv: is empty"),
    "no golden list": (without("golden/golden.json"), "golden.json: is missing"),
}


@pytest.fixture
def spoilt(image_run: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(image_run, tmp_path / "run"))


@pytest.mark.parametrize("case", SPOILT)
def test_a_spoilt_run_is_refused(
    case: str, spoilt: Path, tmp_path: Path, converter: ConversionCache
) -> None:
    spoil, words = SPOILT[case]
    spoil(spoilt)
    out = tmp_path / "out.bundle"
    with pytest.raises(LinesideError) as refused:
        convert(ConvertRequest(spoilt, out), lambda text: None, converter)
    assert words in str(refused.value)
    assert not out.exists()


def test_a_refusal_ends_the_command_with_one_error(
    spoilt: Path, tmp_path: Path, capsys: Any
) -> None:
    emptied("predictions.csv")(spoilt)
    out = tmp_path / "out.bundle"
    assert main(["convert", str(spoilt), "--out", str(out)]) == 1
    last = capsys.readouterr().err.splitlines()[-1]
    assert last.startswith("error: ")
    assert "predictions.csv: is empty" in last
    assert not out.exists()


def test_a_folder_that_is_no_run_is_named(tmp_path: Path, capsys: Any) -> None:
    assert main(["convert", str(tmp_path / "none"), "--out", str(tmp_path / "x.bundle")]) == 1
    assert "no such run folder" in capsys.readouterr().err


def test_a_truncated_network_is_refused(spoilt: Path, tmp_path: Path, capsys: Any) -> None:
    truncated("model.keras")(spoilt)
    out = tmp_path / "out.bundle"
    assert main(["convert", str(spoilt), "--out", str(out)]) == 1
    assert "model.keras: cannot be loaded" in capsys.readouterr().err
    assert not out.exists()


def test_a_file_that_is_no_bundle_is_not_overwritten(
    image_run: Path, tmp_path: Path, capsys: Any
) -> None:
    out = tmp_path / "notes.txt"
    out.write_text("mine")
    assert main(["convert", str(image_run), "--out", str(out)]) == 2
    assert "is there already and is no bundle" in capsys.readouterr().err
    assert out.read_text() == "mine"


def test_too_little_memory_is_said(image_run: Path, tmp_path: Path, capsys: Any) -> None:
    out = tmp_path / "out.bundle"
    words = ["convert", str(image_run), "--out", str(out), "--memory-mb", "60"]
    assert main(words) == 1
    assert "needs more than 60 MB" in capsys.readouterr().err
    assert not out.exists()


def test_too_little_time_is_said(image_run: Path, tmp_path: Path, capsys: Any) -> None:
    out = tmp_path / "out.bundle"
    assert main(["convert", str(image_run), "--out", str(out), "--time-s", "0.5"]) == 1
    assert "takes longer than 0.5 s" in capsys.readouterr().err
    assert not out.exists()


def test_a_crash_of_the_converter_names_the_layer(tmp_path: Path) -> None:
    (tmp_path / "stage.json").write_text(json.dumps({"suspects": ["lstm_1"], "notes": []}))
    (tmp_path / "log").write_text("some native noise\n")
    job = child.Job("run/model.keras", "", "", "", "int8", image=True)
    error = child._failure(job, tmp_path, -11)
    assert str(error).startswith(
        "run/model.keras: the converter crashed with SIGSEGV at or near layer lstm_1"
    )
    assert "no loops" in error.cure
