"""Recording a channel's own sensor: how much is taken, and a sensor that gives too little."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from edge_agent.contracts.core.clock import SystemClock
from edge_agent.contracts.core.errors import ConfigError, DeviceError, InputError
from edge_agent.station.config import StationConfig, VibrationChannel, read_config
from edge_agent.station.record import find_channel, record_channel, record_sensor
from tests.station_kit import HUM_SPEC, write_vibration_bundle

CHANNEL = """
[[channel]]
name = "NAME"
kind = "vibration"
bundle = "hum.bundle"
[channel.source]
driver = "replay"
path = "running"
window_s = 0.5
"""


def config(folder: Path, *names: str) -> StationConfig:
    head = '[station]\nid = "test"\n[trust]\nallow_unsigned = true\n'
    text = head + "".join(CHANNEL.replace("NAME", name) for name in names)
    (folder / "station.toml").write_text(text)
    return read_config(folder / "station.toml")


@pytest.fixture
def motor(tmp_path: Path) -> StationConfig:
    """A channel whose sensor gives 4 s at 1 kHz, 0.5 s at a time."""
    write_vibration_bundle(tmp_path / "hum.bundle", HUM_SPEC)
    (tmp_path / "running").mkdir()
    samples = np.random.default_rng(1).normal(0, 0.1, 4000).astype(np.float32)
    np.savez(tmp_path / "running" / "a.npz", x=samples, rate_hz=np.float64(1000))
    return config(tmp_path, "motor")


def only(config: StationConfig) -> VibrationChannel:
    return find_channel(config, None)


def test_as_much_as_was_asked_for_is_taken_by_channel_and_by_sensor(motor: StationConfig) -> None:
    bundle, recordings = record_channel(only(motor), motor, 1.2, SystemClock())
    assert bundle.manifest.spec.name == HUM_SPEC.name
    assert [len(one.signal) for one in recordings] == [500, 500, 500]
    assert {(one.rate_hz, one.axes, one.unit) for one in recordings} == {(1000.0, ("x",), "g")}
    bare = record_sensor(only(motor), motor, 1.2, SystemClock())
    assert [len(one.signal) for one in bare] == [500, 500, 500]
    assert np.array_equal(bare[0].signal, recordings[0].signal)


def test_a_source_that_ends_gives_what_it_has(motor: StationConfig) -> None:
    recordings = record_sensor(only(motor), motor, 60, SystemClock())
    assert sum(len(one.signal) for one in recordings) == 4000


def test_a_reading_that_cannot_be_read_is_an_error(motor: StationConfig, tmp_path: Path) -> None:
    (tmp_path / "running" / "a.npz").write_bytes(b"torn")
    with pytest.raises((InputError, DeviceError), match=r"motor|a\.npz"):
        record_sensor(only(motor), motor, 1, SystemClock())


def test_a_channel_is_found_by_its_name_or_because_it_is_the_only_one(tmp_path: Path) -> None:
    write_vibration_bundle(tmp_path / "hum.bundle", HUM_SPEC)
    (tmp_path / "running").mkdir()
    two = config(tmp_path, "fan", "pump")
    assert find_channel(two, "pump").name == "pump"
    with pytest.raises(ConfigError, match="2 vibration channels: name one of fan, pump"):
        find_channel(two, None)
    with pytest.raises(ConfigError, match=r"did you mean.*pump"):
        find_channel(two, "pmp")
