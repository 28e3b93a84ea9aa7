"""Files as strangers have them, from check over fit and convert to predict, without a setting."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from scipy.io import savemat

import edge_agent.__main__
import trainer.__main__
from edge_agent.contracts.model.bundle import read_bundle
from edge_agent.contracts.vibration.input import VibrationInput
from quantize.workflow.convert import ConvertRequest, convert
from tests.conftest import Shared
from tests.quantize.conversion_cache import ConversionCache

RATE_HZ = 2000.0
Shown = pytest.CaptureFixture[str]
pytestmark = pytest.mark.slow


def machine(seed: int, *, worn: bool) -> np.ndarray:
    """1.2 seconds of a hum; a worn machine knocks."""
    rng = np.random.default_rng(seed)
    times = np.arange(2400) / RATE_HZ
    knocks = 2 * (np.sin(2 * np.pi * 41 * times) > 0.98) * rng.normal(0, 1, len(times))
    return rng.normal(0, 0.1, len(times)) + np.sin(2 * np.pi * 30 * times) + worn * knocks


def structure(path: Path, signal: np.ndarray) -> None:
    savemat(path.with_suffix(".mat"), {"bearing": {"sr": RATE_HZ, "gs": signal, "rate": 25.0}})


def named_by_number(path: Path, signal: np.ndarray) -> None:
    content = {f"X{path.stem}_DE_time": signal, f"X{path.stem}RPM": 1797}
    savemat(path.with_suffix(".mat"), content)


def spreadsheet(path: Path, signal: np.ndarray) -> None:
    rows = "".join(f"{value:.6f};\n" for value in signal).replace(".", ",")
    path.with_suffix(".csv").write_text(f"acc;;\ng;;\n{rows}", encoding="utf-16")


@pytest.mark.parametrize(
    ("write", "axis"),
    [(structure, "bearing.gs"), (named_by_number, "*_DE_time"), (spreadsheet, "acc")],
    ids=["structure", "named by number", "spreadsheet"],
)
def test_a_stranger_needs_no_setting(
    write: Callable[[Path, np.ndarray], None],
    axis: str,
    tmp_path: Path,
    capsys: Shown,
    shared: Shared,
) -> None:
    data, run, bundle = tmp_path / "rig", tmp_path / "run", tmp_path / "rig.bundle"
    for k in range(12):
        folder = data / ("worn" if k % 2 else "good")
        folder.mkdir(parents=True, exist_ok=True)
        write(folder / f"{100 + k}", machine(k, worn=bool(k % 2)))
    if write is not structure:  # its files say the rate
        (data / "dataset.toml").write_text(
            f'task = "vibration-class"\ngood = ["good"]\n[vibration]\nrate_hz = {RATE_HZ}\n'
        )
    assert trainer.__main__.main(["check", str(data), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["faults"] == []
    assert found["rates_hz"] == [RATE_HZ]
    assert trainer.__main__.main(["fit", str(data), "--out", str(run), "--epochs", "2"]) == 0
    waived = ["auroc", "accuracy", "escapes", "agreement"]
    convert(ConvertRequest(run, bundle, allowed=waived), print, ConversionCache(shared))
    spec = read_bundle(bundle).manifest.spec.input
    assert isinstance(spec, VibrationInput)
    assert (spec.axes, spec.rate_hz) == ([axis], RATE_HZ)
    capsys.readouterr()
    (tmp_path / "new").mkdir()
    write(tmp_path / "new" / "200", machine(99, worn=True))
    judged = edge_agent.__main__.main(["predict", str(bundle), str(tmp_path / "new"), "--json"])
    assert judged in (0, 3)
    assert json.loads(capsys.readouterr().out)["verdict"] in ("PASS", "FAIL")
