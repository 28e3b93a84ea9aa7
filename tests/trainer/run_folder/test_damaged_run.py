from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from trainer.__main__ import main

JUNK = b'\xff\xfe\x00junk,"\n\x00'
BARE_ZIP = b"PK\x05\x06" + bytes(18)
Spoil = Callable[[Path], object]


def overwritten(name: str, payload: bytes) -> Spoil:
    return lambda run: (run / name).write_bytes(payload)


def removed(name: str) -> Spoil:
    return lambda run: (run / name).unlink()


def flipped(name: str) -> Spoil:
    """Some bytes in the middle of the file are changed."""

    def spoil(run: Path) -> None:
        payload = bytearray((run / name).read_bytes())
        middle = len(payload) // 2
        payload[middle : middle + 20] = bytes(x ^ 0x5A for x in payload[middle : middle + 20])
        (run / name).write_bytes(payload)

    return spoil


def swapped(name: str, old: str, new: str) -> Spoil:
    return lambda run: (run / name).write_text((run / name).read_text().replace(old, new))


def appended(name: str, line: str) -> Spoil:
    return lambda run: (run / name).write_text((run / name).read_text() + line)


def strange_arrays(run: Path) -> None:
    np.savez(run / "heldout.npz", inputs=np.zeros((2, 5), np.uint8), sample=np.arange(2))


TABLES = ("predictions.csv", "splits.csv", "history.csv")
DOCUMENTS = ("spec.json", "provenance.json", "metrics.json")
FAULTS: dict[str, tuple[str, Spoil]] = {
    **{f"{name} empty": (name, overwritten(name, b"")) for name in (*DOCUMENTS, *TABLES)},
    **{f"{name} junk": (name, overwritten(name, JUNK)) for name in ("heldout.npz", *TABLES)},
    **{f"{name} ragged": (name, appended(name, "x\n")) for name in TABLES},
    "predictions.csv without a column": ("predictions.csv", overwritten(TABLES[0], b"a,b\n1,2\n")),
    "predictions.csv without numbers": ("predictions.csv", swapped(TABLES[0], "0.", "nan")),
    "splits.csv without a column": ("splits.csv", overwritten("splits.csv", b"path\nx\n")),
    "history.csv missing": ("history.csv", removed("history.csv")),
    "history.csv without numbers": ("history.csv", swapped("history.csv", "0.", "x")),
    "heldout.npz missing": ("heldout.npz", removed("heldout.npz")),
    "heldout.npz changed": ("heldout.npz", flipped("heldout.npz")),
    "heldout.npz of another shape": ("heldout.npz", strange_arrays),
    "calibration.npz junk": ("calibration.npz", overwritten("calibration.npz", JUNK)),
    "metrics.json a list": ("metrics.json", overwritten("metrics.json", b"[]")),
    "metrics.json bare": ("metrics.json", overwritten("metrics.json", b"{}")),
    "metrics.json deep": ("metrics.json", overwritten("metrics.json", b"[" * 200_000)),
}


@pytest.fixture
def run_dir(plates_run: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(plates_run, tmp_path / "run"))


def contents(folder: Path) -> dict[str, bytes]:
    return {str(p): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


@pytest.mark.parametrize(("name", "spoil"), list(FAULTS.values()), ids=list(FAULTS))
@pytest.mark.parametrize("words", [["report"], ["threshold", "--max-false-reject", "0.1"]])
def test_a_damaged_file_is_named_and_the_run_stays_as_it_was(
    words: list[str], name: str, spoil: Spoil, run_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    spoil(run_dir)
    before = contents(run_dir)
    assert main([words[0], str(run_dir), *words[1:]]) == 1
    said = capsys.readouterr().err
    assert f"{run_dir / name}: " in said
    assert "fit again" in said
    assert contents(run_dir) == before


@pytest.mark.parametrize("payload", [b"", JUNK, BARE_ZIP], ids=["empty", "junk", "bare"])
@pytest.mark.parametrize("verb", ["explain", "evaluate"])
def test_a_damaged_network_is_named(
    verb: str,
    payload: bytes,
    run_dir: Path,
    plates: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (run_dir / "model.keras").write_bytes(payload)
    picture = next((plates / "ok").iterdir())
    words = {"explain": [picture, "--out", tmp_path / "o"], "evaluate": [plates]}[verb]
    assert main([verb, str(run_dir), *map(str, words)]) == 1
    assert "model.keras: cannot be loaded" in capsys.readouterr().err


def test_a_network_of_other_inputs_is_refused(
    run_dir: Path, machines_run: Path, plates: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copy(machines_run / "model.keras", run_dir / "model.keras")
    assert main(["evaluate", str(run_dir), str(plates)]) == 1
    assert "model.keras: takes inputs (128, 4)" in capsys.readouterr().err


def test_explain_without_a_held_out_input_is_refused(
    run_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with np.load(run_dir / "heldout.npz") as content:
        inputs = content["inputs"]
    np.savez(run_dir / "heldout.npz", inputs=inputs[:0], sample=np.zeros(0, np.int32))
    assert main(["explain", str(run_dir)]) == 1
    assert "holds no input" in capsys.readouterr().err


def test_an_unknown_label_is_named(run_dir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    swapped("predictions.csv", ",scratch,", ",zzz,")(run_dir)
    assert main(["report", str(run_dir)]) == 1
    assert "'zzz' is none of the run's labels" in capsys.readouterr().err


def test_a_figure_that_is_none_is_named(run_dir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    metrics = json.loads((run_dir / "metrics.json").read_text())
    metrics["held_out"]["accuracy"] = 0.9
    (run_dir / "metrics.json").write_text(json.dumps(metrics))
    assert main(["report", str(run_dir)]) == 1
    assert "metrics.json: held_out.accuracy: " in capsys.readouterr().err
