"""A vibration channel without a bundle: the zones of ISO 20816-3 from the first minute."""

from __future__ import annotations

import json
import threading
from pathlib import Path

import numpy as np
import pytest

from edge_agent.__main__ import main
from edge_agent.contracts.core.clock import SystemClock
from edge_agent.contracts.core.errors import ConfigError
from edge_agent.contracts.core.types import Verdict
from edge_agent.contracts.wire.decision import Decision
from edge_agent.station.config import read_config
from edge_agent.station.station import Station

Shown = pytest.CaptureFixture[str]
RATE_HZ = 4000
STATION = """\
[station]
id = "test"
[[channel]]
name = "motor"
kind = "vibration"
machine_group = "group2-rigid"
[channel.source]
driver = "replay"
path = "runs"
axes = ["x"]
"""


def shake(path: Path, mm_s: float, rate_hz: float = RATE_HZ) -> None:
    """A second of 50 Hz at an RMS velocity, on two axes, the second one still."""
    path.parent.mkdir(exist_ok=True)
    t = np.arange(int(rate_hz)) / rate_hz
    acceleration = mm_s / 1000 * np.sqrt(2) * 2 * np.pi * 50 * np.cos(2 * np.pi * 50 * t)
    signal = (acceleration / 9.80665).astype(np.float32)
    np.savez(path, x=signal, y=0.01 * signal, rate_hz=np.float64(rate_hz))


@pytest.fixture
def station(tmp_path: Path) -> Path:
    for place, mm_s in enumerate((1.0, 3.5, 6.0)):
        shake(tmp_path / "runs" / f"{place}.npz", mm_s)
    shake(tmp_path / "runs" / "3.npz", 1.0, rate_hz=1000)
    path = tmp_path / "station.toml"
    path.write_text(STATION)
    return path


def decide(path: Path) -> list[Decision]:
    decisions: list[Decision] = []
    clock = SystemClock()
    Station(read_config(path), clock=clock, output=decisions.append, keep_trying=False).run(
        threading.Event()
    )
    return decisions


def test_a_machine_in_zone_d_fails_and_one_without_velocity_has_no_verdict(station: Path) -> None:
    found = decide(station)
    verdicts = [Verdict.PASS, Verdict.PASS, Verdict.FAIL, Verdict.NO_VERDICT]
    assert [d.verdict for d in found] == verdicts
    seen = [d.channels[0] for d in found]
    assert [c.label for c in seen[:3]] == ["zone A", "zone C", "zone D"]
    assert seen[2].bundle == "ISO 20816-3"
    assert seen[2].score == pytest.approx(6.0, rel=0.02)
    assert seen[2].threshold == 4.5
    assert "6.0 mm/s on axis x: zone D of ISO 20816-3 group2-rigid" in seen[2].reason
    assert "no velocity from 1000 samples at 1000 Hz in g" in seen[3].reason


@pytest.mark.parametrize(
    ("place", "value", "words"),
    [
        (slice(7, 9), np.nan, "2 samples are not numbers, the first is sample 7"),
        (slice(7, 8), np.inf, "1 samples are not numbers"),
        (slice(None), 0.0, "axis x gives one value all the time"),
        (slice(None), 16.0, "axis x gives one value all the time"),
    ],
    ids=["nan", "infinite", "dead", "stuck"],
)
def test_a_sensor_that_says_nothing_passes_no_machine(
    station: Path, place: slice, value: float, words: str
) -> None:
    recorded = dict(np.load(station.parent / "runs" / "0.npz"))
    recorded["x"][place] = value
    np.savez(station.parent / "runs" / "0.npz", **recorded)
    first = decide(station)[0]
    assert (first.verdict, first.channels[0].score) == (Verdict.NO_VERDICT, None)
    assert words in first.channels[0].reason


def test_the_zone_and_the_persistence_are_the_channels_own(station: Path) -> None:
    zone = STATION.replace("[channel.source]", 'alarm_zone = "C"\n[channel.source]')
    station.write_text(zone)
    assert [d.verdict for d in decide(station)][:3] == [Verdict.PASS, Verdict.FAIL, Verdict.FAIL]
    patient = "persistence = { k = 2, n = 2 }\n[channel.source]"
    station.write_text(zone.replace("[channel.source]", patient))
    found = [d.verdict for d in decide(station)]
    assert found[:3] == [Verdict.PASS, Verdict.PASS, Verdict.FAIL]


def test_named_axes_are_told_and_check_and_replay_know_the_channel(
    station: Path, capsys: Shown
) -> None:
    station.write_text(STATION.replace('["x"]', '["y", "x"]'))
    assert main(["check", str(station)]) == 0
    said = capsys.readouterr().out
    assert "none: the zones of ISO 20816-3 judge" in said
    assert "replay gives 4000 samples, 2 axes" in said
    loud = str(station.parent / "runs" / "2.npz")
    assert main(["replay", loud, "--config", str(station), "--json"]) == 3
    row = json.loads(capsys.readouterr().out)
    assert row["channels"][0]["label"] == "zone D"
    assert "6.0 mm/s on axis x" in row["channels"][0]["reason"]


def test_a_baseline_without_a_bundle_is_refused(station: Path, capsys: Shown) -> None:
    station.write_text(STATION.replace("[channel.source]", 'baseline = "b.json"\n[channel.source]'))
    with pytest.raises(ConfigError, match="baseline needs bundle"):
        read_config(station)
    station.write_text(STATION)
    out = str(station.parent / "b.json")
    assert main(["baseline", "--config", str(station), "--out", out]) == 2
    assert "has no bundle whose features could be centred" in capsys.readouterr().err


def test_a_frozen_sensor_has_no_verdict_from_its_first_repeated_reading_on(tmp_path: Path) -> None:
    path = tmp_path / "station.toml"
    simulated = 'driver = "simulated"\nduration_s = 0.5\nparts = 8\nfault = "frozen"\n'
    source = f"{simulated}fault_strength = 2\nfault_from = 3\n"
    path.write_text(STATION.partition("driver")[0] + source)
    found = decide(path)
    frozen = ["frozen sensor" in decision.reason for decision in found]
    assert frozen == [False] * 6 + [True] * 2  # three buffers come again and again
    assert {decision.verdict for decision in found[6:]} == {Verdict.NO_VERDICT}
