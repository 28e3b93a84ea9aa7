"""A baseline from files or from a channel's own sensor, and what it changes."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from edge_agent.__main__ import main
from edge_agent.contracts.vibration.conditions import KnownConditions
from tests.station_kit import HUM_SPEC, write_vibration_bundle

Shown = pytest.CaptureFixture[str]
STATION = """\
[station]
id = "test"
[trust]
allow_unsigned = true
[[channel]]
name = "motor"
kind = "vibration"
bundle = "hum.bundle"
baseline = "motor.json"
[channel.source]
driver = "replay"
path = "running"
window_s = 1.0
"""


def noise(path: Path, level: float, seconds: float, seed: int = 0) -> Path:
    """White noise of `level` g at 1 kHz."""
    path.parent.mkdir(exist_ok=True)
    samples = np.random.default_rng(seed).normal(0, level, int(1000 * seconds))
    np.savez(path, x=samples.astype(np.float32), rate_hz=np.float64(1000))
    return path


@pytest.fixture
def station(tmp_path: Path) -> Path:
    """A station beside a motor that runs ten times louder than those of the training."""
    write_vibration_bundle(tmp_path / "hum.bundle", HUM_SPEC)
    noise(tmp_path / "running" / "normal.npz", 1.0, 40)
    path = tmp_path / "station.toml"
    path.write_text(STATION)
    return path


def test_a_live_baseline_is_heard_from_the_channels_own_sensor(
    station: Path, capsys: Shown
) -> None:
    bundle, baseline = station.parent / "hum.bundle", station.parent / "motor.json"
    loud = noise(station.parent / "loud.npz", 1.0, 2, seed=5)
    still = noise(station.parent / "still.npz", 0.1, 2, seed=6)
    assert main(["predict", str(bundle), str(loud)]) == 3
    assert main(["baseline", "--config", str(station), "--seconds", "20", "--json"]) == 0
    said = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert said["windows"] == 20 * 3
    assert json.loads(baseline.read_text()) == said
    stood = ["predict", str(bundle), "--baseline", str(baseline)]
    assert main([*stood, str(loud), "--json"]) == 0
    row = json.loads(capsys.readouterr().out)
    assert (row["verdict"], row["threshold"]) == ("PASS", said["threshold"])
    assert main([*stood, str(still)]) == 3
    assert main(["check", str(station)]) == 0
    assert "60 windows" in capsys.readouterr().out


def test_a_baseline_of_a_sensor_that_is_moved_is_warned_of(station: Path, capsys: Shown) -> None:
    running, out = station.parent / "running", station.parent / "motor.json"
    assert main(["baseline", "--config", str(station)]) == 0
    assert "warning" not in capsys.readouterr().err
    noise(running / "normal.npz", 1.0, 15)
    noise(running / "then.npz", 1e4, 15, seed=3)
    assert main(["baseline", "--config", str(station)]) == 0
    assert "times as much as in training. Was the sensor moved" in capsys.readouterr().err
    assert json.loads(out.read_text())["scatter"] > 5


def test_a_source_that_ends_gives_what_it_has(station: Path) -> None:
    out = station.parent / "other.json"
    words = ["--config", str(station), "--channel", "motor", "--seconds", "60"]
    assert main(["baseline", *words, "--out", str(out)]) == 0
    assert json.loads(out.read_text())["windows"] == 40 * 3


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["--config", "S", "--seconds", "61"], 2, "--seconds: 61 s is not possible: give up to 60"),
        (["--config", "S", "--channel", "moto"], 2, "no vibration channel 'moto', did you mean"),
        (["hum.bundle", "--config", "S"], 2, "give BUNDLE or --config, not both"),
        (["hum.bundle"], 2, "needs BUNDLE PATH... --out FILE, or --config STATION.toml"),
        (["--config", "S", "--seconds", "2"], 1, "6 normal windows, 10 are needed"),
    ],
    ids=["long", "name", "both", "none", "few"],
)
def test_misuse_is_named(
    station: Path, capsys: Shown, words: list[str], code: int, said: str
) -> None:
    assert main(["baseline", *[str(station) if word == "S" else word for word in words]]) == code
    assert said in capsys.readouterr().err
    assert not (station.parent / "motor.json").exists()


def test_an_unreadable_reading_is_no_baseline(station: Path, capsys: Shown) -> None:
    (station.parent / "running" / "broken.npz").write_bytes(b"")
    assert main(["baseline", "--config", str(station)]) == 1
    assert "broken.npz: the file is empty" in capsys.readouterr().err


def test_what_needs_a_baseline_was_not_judged_by_predict(station: Path, capsys: Shown) -> None:
    folder = station.parent
    conditions = KnownConditions(spread=[1.0] * 64, far=5.0, chosen_by="by hand")
    bundle = folder / "known.bundle"
    write_vibration_bundle(bundle, HUM_SPEC.model_copy(update={"conditions": conditions}))
    loud = noise(folder / "loud.npz", 1.0, 2, seed=5)
    assert main(["predict", str(bundle), str(loud)]) == 1
    said = capsys.readouterr().out
    assert said.startswith("NO-VERDICT")
    assert "needs a baseline" in said
    assert "lineside-agent baseline BUNDLE normal/ --out FILE" in said
    quiet = noise(folder / "quiet.npz", 0.1, 2, seed=6)
    assert main(["predict", str(bundle), str(quiet)]) == 0


def test_predict_refuses_the_baseline_of_another_kind(
    image_bundle: Path, station: Path, capsys: Shown
) -> None:
    assert main(["baseline", "--config", str(station)]) == 0
    baseline = str(station.parent / "motor.json")
    assert main(["predict", str(image_bundle), "x.png", "--baseline", baseline]) == 1
    assert "judges image, not vibration" in capsys.readouterr().err
