"""A reading states the speed that somebody knew while it was taken, or it is no reading."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from pydantic import ValidationError

from edge_agent.capture.queue import GrabWatch
from edge_agent.capture.shaft_speed import ShaftSpeedTable, SpeedSensor, SpeedTrack
from edge_agent.capture.source import EndOfSource
from edge_agent.contracts.core.clock import SystemClock
from edge_agent.contracts.core.errors import ConfigError, InputError
from edge_agent.contracts.core.types import Item, ProcessRow, Reading, Unreadable
from edge_agent.station.build import channel_source
from edge_agent.station.config import VibrationChannel, read_config

SECOND = 1_000_000_000
DRIVE = {"driver": "modbus", "device": {"host": "10.0.4.9"}, "tag": [{"name": "n", "address": 0}]}
Value = float | int | str | None


def row(at_s: float, value: Value, name: str = "n") -> ProcessRow:
    return ProcessRow({name: value}, 0, round(at_s * SECOND), 0)


def table(**settings: object) -> ShaftSpeedTable:
    return ShaftSpeedTable.model_validate({"source": DRIVE, **settings})


def track(*items: Item, **settings: object) -> SpeedTrack:
    found = SpeedTrack(table(**settings))
    for item in items:
        found.note(item)
    return found


@pytest.mark.parametrize(
    ("values", "settings", "rpm"),
    [
        ([(9.0, 1480.0)], {}, 1480.0),
        ([(1.0, 700.0), (9.5, 1480.0), (10.5, 1490.0)], {}, 1490.0),
        ([(9.5, 24.8)], {"rpm_per_unit": 60}, 1488.0),
        ([(9.5, -1480)], {}, 1480.0),
        ([(9.5, "1480")], {}, 1480.0),
    ],
    ids=["before", "the value of before counts no more", "in Hz", "backwards", "as text"],
)
def test_the_speed_of_a_reading_is_the_last_value(
    values: list[tuple[float, Value]], settings: dict[str, object], rpm: float
) -> None:
    found = track(*(row(*value) for value in values), **settings)
    assert found.between(10 * SECOND, 11 * SECOND) == pytest.approx(rpm)


@pytest.mark.parametrize(
    ("items", "settings", "reason"),
    [
        ([], {}, "unknown: no value has come"),
        ([row(5.0, 1480)], {}, "6.0 s old, 5 s are allowed"),
        ([row(9.5, 1480), row(10.4, 1600)], {}, "changed from 1480 to 1600 rpm"),
        ([row(9.5, 0)], {}, "stands still"),
        ([row(9.5, None)], {}, "n is None, no speed"),
        ([row(9.5, "fast")], {}, "n is 'fast', no speed"),
        ([row(9.5, float("nan"))], {}, "no speed"),
        ([Unreadable("n: Bad", 0, 9 * SECOND, 0)], {}, "unknown: n: Bad"),
        ([row(9.5, 1480)], {"tag": "speed"}, "the source gives n: name its `tag`"),
    ],
    ids=["none", "stale", "run-up", "still", "null", "word", "nan", "fault", "other tag"],
)
def test_a_speed_that_nobody_knows_has_its_reason(
    items: list[Item], settings: dict[str, object], reason: str
) -> None:
    with pytest.raises(InputError, match=reason):
        track(*items, **settings).between(10 * SECOND, 11 * SECOND)


@pytest.mark.parametrize("given", [{}, {"rpm": 1480, "source": DRIVE}])
def test_either_a_speed_or_a_source_is_given(given: dict[str, object]) -> None:
    with pytest.raises(ValidationError, match=r"either rpm or \[channel.speed.source\]"):
        ShaftSpeedTable.model_validate(given)


class Sensor:
    """Gives its readings, and notes what is asked of it."""

    live = True

    def __init__(self, *items: Item) -> None:
        self.items = list(items)
        self.calls: list[str] = []

    def open(self) -> None:
        self.calls.append("open")

    def begin(self) -> None:
        self.calls.append("begin")

    def next(self, timeout_s: float) -> Item | None:
        if not self.items:
            raise EndOfSource
        return self.items.pop(0)

    def close(self) -> None:
        self.calls.append("close")


class Values:
    """A queue of a drive's values; `fault` as where the drive is lost."""

    dropped = lost = 0
    fault = ""

    def __init__(self, items: Sequence[Item]) -> None:
        self.items = list(items)
        self.calls: list[str] = []

    def open(self) -> None:
        self.calls.append("open")

    def start(self, watch: GrabWatch | None = None) -> None:
        self.calls.append("start")

    def take(self, timeout_s: float) -> Item | None:
        return self.items.pop(0) if self.items else None

    def stop(self) -> None:
        self.calls.append("stop")

    def close(self) -> None:
        self.calls.append("close")


def reading(rpm: float | None = None) -> Reading:
    """A second that ends at 11 s."""
    return Reading(np.zeros((100, 1), np.float32), 100.0, 7, 11 * SECOND, 3, "motor", "p3", rpm)


def test_a_reading_gets_the_speed_and_is_otherwise_the_same() -> None:
    values = Values([row(10.2, 1480)])
    sensor = Sensor(reading(), reading(600.0))
    both = SpeedSensor(sensor, table(), lambda: values)
    both.open()
    both.begin()
    first, stated = both.next(0.1), both.next(0.1)
    assert isinstance(first, Reading)
    assert (first.rpm, first.seq, first.part_id) == (1480.0, 3, "p3")
    assert isinstance(stated, Reading)
    assert stated.rpm == 600.0, "the sensor's own word counts"
    both.close()
    assert sensor.calls == ["close", "open", "begin", "close"]
    assert values.calls == ["start", "stop", "close"]


def test_a_reading_without_a_speed_is_unreadable_and_names_a_lost_drive() -> None:
    values = Values([])
    both = SpeedSensor(Sensor(reading(), reading()), table(), lambda: values)
    both.open()
    found = both.next(0.1)
    assert isinstance(found, Unreadable)
    assert "the shaft's speed is unknown: no value has come" in found.reason
    assert (found.mono_ns, found.seq, found.part_id) == (11 * SECOND, 3, "p3")
    values.fault = "10.0.4.9 does not answer"
    lost = both.next(0.1)
    assert isinstance(lost, Unreadable)
    assert "unknown: 10.0.4.9 does not answer" in lost.reason


STATION = """
[station]
id = "test"
[[channel]]
name = "motor"
kind = "vibration"
[channel.source]
driver = "replay"
path = "run.npz"
"""


def station_reading(folder: Path, speed: str) -> Item | None:
    samples = np.random.default_rng(1).normal(0, 0.1, 1000).astype(np.float32)
    np.savez(folder / "run.npz", x=samples, rate_hz=np.float64(1000))
    (folder / "station.toml").write_text(STATION + speed)
    config = read_config(folder / "station.toml")
    channel = config.channel[0]
    assert isinstance(channel, VibrationChannel)
    source = channel_source(channel, None, config, SystemClock())
    source.open()
    try:
        return source.next(1.0)
    finally:
        source.close()


@pytest.mark.parametrize(
    ("speed", "rpm"),
    [
        ("[channel.speed]\nrpm = 1480\n", 1480.0),
        (
            '[channel.speed]\ntag = "speed"\nrpm_per_unit = 60\n[channel.speed.source]\n'
            'driver = "rows"\npath = "drive.csv"\n',
            1470.0,
        ),
    ],
    ids=["fixed", "from rows"],
)
def test_a_channel_of_station_toml_states_its_speed(tmp_path: Path, speed: str, rpm: float) -> None:
    (tmp_path / "drive.csv").write_text("speed,load\n24.5,0.4\n")
    found = station_reading(tmp_path, speed)
    assert isinstance(found, Reading)
    assert found.rpm == rpm


def test_a_speed_over_mqtt_needs_a_broker(tmp_path: Path) -> None:
    speed = (
        '[channel.speed.source]\ndriver = "mqtt_tags"\nperiod_s = 0.5\n'
        'tag = [{name = "speed", topic = "drive/7/speed"}]\n'
    )
    with pytest.raises(ConfigError, match=r"channel.speed.source.broker"):
        station_reading(tmp_path, speed)
