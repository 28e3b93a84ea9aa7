"""Physics of a vibration without a model."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from edge_agent.__main__ import main
from edge_agent.decide.bearings import BEARINGS

Shown = pytest.CaptureFixture[str]
RATE_HZ = 8000
STATION = """\
[station]
id = "test"
[[channel]]
name = "motor"
kind = "vibration"
bundle = "none-yet.bundle"
machine_group = "group1-flexible"
bearing = "6205-2RS"
[channel.source]
driver = "replay"
path = "run.npz"
window_s = 2
"""


@pytest.fixture
def shaking(tmp_path: Path) -> Path:
    """4 s of 50 Hz at 5 mm/s RMS, with impacts at the outer race's order of 1500 rpm."""
    t = np.arange(4 * RATE_HZ) / RATE_HZ
    acceleration = 5e-3 * np.sqrt(2) * 2 * np.pi * 50 * np.cos(2 * np.pi * 50 * t)
    since = np.mod(t, 60 / 1500 / BEARINGS["6205-2RS"].orders["BPFO"])
    rings = 10 * np.exp(-since * 600) * np.sin(2 * np.pi * 2600 * since)
    noise = np.random.default_rng(0).normal(0, 0.05, len(t))
    signal = ((acceleration + rings + noise) / 9.80665).astype(np.float32)
    path = tmp_path / "run.npz"
    np.savez(path, x=signal, rate_hz=np.float64(RATE_HZ), rpm=np.float64(1500))
    return path


def test_a_recording_has_its_zone_and_its_bearing_lines(shaking: Path, capsys: Shown) -> None:
    words = ["measure", str(shaking), "--axes", "x", "--bearing", "6205-2RS"]
    assert main([*words, "--json"]) == 3
    row = json.loads(capsys.readouterr().out)
    (axis,) = row["axes"]
    assert (axis["axis"], axis["zone"]) == ("x", "D")
    assert axis["rms_mm_s"] == pytest.approx(5.0, rel=0.05)
    assert row["bearing"][0].startswith("outer race (BPFO at 3.58 orders")
    assert main(words) == 3
    assert "mm/s  zone D" in capsys.readouterr().out


def test_what_has_no_velocity_is_no_machine_as_new(tmp_path: Path, capsys: Shown) -> None:
    assert main(["measure", str(tmp_path)]) == 1
    assert "no recordings: put some there (.csv" in capsys.readouterr().err
    signal = np.random.default_rng(0).normal(0, 0.1, 2 * RATE_HZ).astype(np.float32)
    signal[5:7] = np.nan
    np.savez(tmp_path / "run.npz", x=signal, rate_hz=np.float64(RATE_HZ))
    assert main(["measure", str(tmp_path), "--axes", "x"]) == 1
    said = capsys.readouterr()
    assert "2 samples are not numbers, the first is sample 5" in said.err
    assert "zone" not in said.out


def test_a_channel_is_measured_before_it_has_a_bundle(shaking: Path, capsys: Shown) -> None:
    station = shaking.parent / "station.toml"
    station.write_text(STATION)
    assert main(["measure", "--config", str(station), "--seconds", "4", "--json"]) == 0
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert len(rows) == 2
    assert [row["axes"][0]["zone"] for row in rows] == ["B", "B"]
    assert all(row["bearing"][0].startswith("outer race") for row in rows)


def test_what_cannot_be_said_is_said(shaking: Path, capsys: Shown) -> None:
    slow = shaking.parent / "slow.csv"
    slow.write_text("x\n" + "0.1\n-0.1\n" * 200)
    words = ["measure", str(slow), "--rate-hz", "100", "--bearing", "6205-2RS"]
    assert main(words) == 0
    said = capsys.readouterr().out
    assert "no zone (unit, rate or length)" in said
    assert "6205-2RS not looked for: 0 turns of the shaft are known" in said


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "needs PATH..., or --config STATION.toml"),
        (["x.csv", "--config", "s.toml"], "needs PATH..., or --config STATION.toml"),
        (["RUN", "--bearing", "6205"], "bearing '6205' is not in the table"),
    ],
    ids=["nothing", "both", "bearing"],
)
def test_misuse_is_named(shaking: Path, capsys: Shown, words: list[str], said: str) -> None:
    given = [str(shaking) if word == "RUN" else word for word in words]
    assert main(["measure", *given]) == 2
    assert said in capsys.readouterr().err
