"""A channel learns from its own source, and says what its bundle made of the parts."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from edge_agent.contracts.core.clock import SystemClock
from edge_agent.contracts.core.errors import ConfigError, InputError
from edge_agent.decide.memory import ChannelMemory
from edge_agent.health.commissioning import Commissioning, write_commissioning
from edge_agent.health.watch import SensorWatch
from edge_agent.station.build import load_bundle
from edge_agent.station.commission import commission_channel
from edge_agent.station.config import StationConfig, VibrationChannel
from tests.station_kit import HUM_SPEC, write_vibration_bundle


def config(folder: Path, windows: int = 80) -> StationConfig:
    """A sensor that replays noise of 0.1 g, a quarter of a second each."""
    (folder / "runs").mkdir()
    samples = np.random.default_rng(1).normal(0, 0.1, 256 * windows).astype(np.float32)
    np.savez(folder / "runs" / "normal.npz", x=samples, rate_hz=np.float64(1000))
    source = {"driver": "replay", "path": folder / "runs", "window_s": 0.256}
    channel = {"name": "motor", "kind": "vibration", "source": source}
    channel["bundle"] = folder / "hum.bundle"
    return StationConfig.model_validate(
        {
            "station": {"id": "test", "commissioning": folder / "commissioning.json"},
            "trust": {"allow_unsigned": True},
            "channel": [channel],
        }
    )


def sensor(table: StationConfig) -> VibrationChannel:
    (channel,) = table.channel
    assert isinstance(channel, VibrationChannel)
    return channel


def test_a_sensor_learns_with_the_scores_of_its_bundle(tmp_path: Path) -> None:
    table = config(tmp_path)
    write_vibration_bundle(tmp_path / "hum.bundle", HUM_SPEC)
    told: list[int] = []
    clock = SystemClock()
    done = commission_channel(sensor(table), table, 70, clock=clock, progress=told.append)
    assert done.learned.parts == 70
    assert told == list(range(1, 71))
    assert (done.failed, done.unjudged, done.no_scores) == (0, 0, "")
    assert set(done.learned.limits) >= {"level", "high", "floor", "clipped"}
    found = Commissioning(channels={"motor": done.learned})
    write_commissioning(table.station.commissioning, found)
    memory = ChannelMemory()
    loaded = load_bundle(sensor(table), table, clock, memory)
    loaded.close()
    assert isinstance(memory.watch, SensorWatch)
    other = done.learned.model_copy(update={"kind": "image"})
    write_commissioning(table.station.commissioning, Commissioning(channels={"motor": other}))
    with pytest.raises(ConfigError, match="commissioned was image"):
        load_bundle(sensor(table), table, clock, ChannelMemory())


def test_without_its_bundle_a_channel_learns_no_scores(tmp_path: Path) -> None:
    table = config(tmp_path)
    done = commission_channel(sensor(table), table, 70, clock=SystemClock())
    assert "hum.bundle" in done.no_scores
    assert done.learned.references == {}


def test_too_few_readings_are_refused_with_the_cure(tmp_path: Path) -> None:
    table = config(tmp_path, windows=20)
    with pytest.raises(InputError, match="20 readings came, 60 are needed"):
        commission_channel(sensor(table), table, 70, clock=SystemClock())
