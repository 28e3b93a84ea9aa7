"""The speed of the shaft beside a vibration sensor: set once, or a value of a drive, PLC or broker.

A reading whose speed nobody knows, or that changed within it, is Unreadable with the reason: at
which operating condition it was taken is what its verdict hangs on.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Self

from pydantic import Field, model_validator

from edge_agent.broker.config import BrokerTable
from edge_agent.capture.drivers import ProcessSource, build_source
from edge_agent.capture.queue import ItemQueue, build_queue
from edge_agent.capture.source import Announcing, EndOfSource, Running, Source
from edge_agent.contracts.core.clock import Clock
from edge_agent.contracts.core.errors import InputError
from edge_agent.contracts.core.types import Item, ProcessRow, Reading, Unreadable
from edge_agent.contracts.vibration.conditions import SAME_SPEED
from edge_agent.settings.toml import Table

VALUES = 1024
"""That may wait while one reading is taken, and that are remembered; the oldest are dropped."""
STANDS_STILL = 1.0
"""1/min below which a shaft does not turn."""


class ShaftSpeedTable(Table):
    """How the station knows the speed of the shaft: rpm, or a source with its value."""

    rpm: float | None = Field(
        default=None, gt=0, le=1_000_000, description="in 1/min, of a machine with one speed"
    )
    source: ProcessSource | None = Field(
        default=None, description="what tells it: a driver of process values"
    )
    tag: str = Field(default="", description="the tag that holds it; empty: the only one")
    rpm_per_unit: float = Field(
        default=1,
        gt=0,
        le=1_000_000,
        description="1/min for one unit of the tag; 60: turns a second; 30: Hz of a 4-pole motor",
    )
    stale_s: float = Field(
        default=5, gt=0, le=3600, description="an older value is none: NO-VERDICT"
    )

    @model_validator(mode="after")
    def _one_of_both(self) -> Self:
        if (self.rpm is None) == (self.source is None):
            raise ValueError("give either rpm or [channel.speed.source]")
        return self

    @property
    def needs_broker(self) -> bool:
        """Whether its source needs the broker of [mqtt]."""
        return self.source is not None and self.source.needs_broker


@dataclass(frozen=True)
class _Value:
    mono_ns: int
    rpm: float
    fault: str = ""


class SpeedTrack:
    """The last values of a speed, and what it was during a stretch of time. Does no I/O."""

    def __init__(self, config: ShaftSpeedTable) -> None:
        self._config = config
        self._values: deque[_Value] = deque(maxlen=VALUES)

    def note(self, item: Item) -> None:
        """Take a row of the source, or that there is none."""
        rpm, fault = 0.0, ""
        if isinstance(item, ProcessRow):
            rpm, fault = self._rpm_of(item)
        elif isinstance(item, Unreadable):
            fault = item.reason
        self._values.append(_Value(item.mono_ns, rpm, fault))

    def between(self, start_ns: int, end_ns: int) -> float:
        """The speed, in 1/min, of a stretch of monotonic time; raises InputError where it is
        unknown, changed by more than SAME_SPEED, or zero.
        """
        before = [one for one in self._values if one.mono_ns <= start_ns][-1:]
        found = before + [one for one in self._values if one.mono_ns > start_ns]
        if not found:
            raise _unknown("no value has come")
        age_s = (end_ns - found[-1].mono_ns) / 1e9
        if age_s > self._config.stale_s:
            allowed_s = self._config.stale_s
            raise _unknown(f"its value is {age_s:.1f} s old, {allowed_s:g} s are allowed")
        for one in found:
            if one.fault:
                raise _unknown(one.fault)
        low, high = min(one.rpm for one in found), max(one.rpm for one in found)
        if high < STANDS_STILL:
            raise InputError("the shaft stands still", where="speed", cure="none while it rests")
        if high > low * (1 + SAME_SPEED):
            raise InputError(
                f"the speed changed from {low:g} to {high:g} rpm within the reading",
                where="speed",
                cure="none while it changes",
            )
        return found[-1].rpm

    def _rpm_of(self, row: ProcessRow) -> tuple[float, str]:
        """(speed, ""), or (0, what is wrong); a shaft that turns backwards turns as fast."""
        name = self._config.tag or (next(iter(row.tags)) if len(row.tags) == 1 else "")
        if name not in row.tags:
            known = ", ".join(list(row.tags)[:12])
            return 0.0, f"the source gives {known}: name its `tag` in [channel.speed]"
        value = row.tags[name]
        try:
            rpm = abs(float("nan" if value is None else value)) * self._config.rpm_per_unit
        except ValueError:
            rpm = math.nan
        return (rpm, "") if math.isfinite(rpm) else (0.0, f"{name} is {value!r}, no speed")


class SpeedSensor:
    """A vibration sensor whose readings state the shaft's speed; those that do so already stay.

    follow: builds the closed queue of the values; None where the speed is set.
    """

    def __init__(
        self, sensor: Source, config: ShaftSpeedTable, follow: Callable[[], ItemQueue] | None
    ) -> None:
        self.live = sensor.live
        self._sensor = sensor
        self._config = config
        self._follow = follow
        self._values: ItemQueue | None = None
        self._track = SpeedTrack(config)

    def open(self) -> None:
        """Open the sensor and what tells the speed; raises DeviceError."""
        self.close()
        self._track = SpeedTrack(self._config)
        if self._follow is not None:
            self._values = self._follow()
            self._values.start()
        self._sensor.open()

    def begin(self) -> None:
        """Forget what the sensor gave since open(); raises DeviceError."""
        if isinstance(self._sensor, Running):
            self._sensor.begin()

    def next(self, timeout_s: float) -> Item | None:
        """The next reading with its speed, or Unreadable; raises as the sensor does."""
        item = self._sensor.next(timeout_s)
        if not isinstance(item, Reading) or item.rpm is not None:
            return item
        try:
            return replace(item, rpm=self._rpm(item))
        except InputError as error:
            stamp = (item.captured_at_ns, item.mono_ns, item.seq, item.source, item.part_id)
            return Unreadable(str(error), *stamp)

    def unfinished(self) -> list[Item]:
        """Parts that the sensor announced and did not give."""
        return self._sensor.unfinished() if isinstance(self._sensor, Announcing) else []

    def close(self) -> None:
        """Release both."""
        values, self._values = self._values, None
        if values is not None:
            values.stop()
            values.close()
        self._sensor.close()

    def _rpm(self, reading: Reading) -> float:
        if self._values is None:
            return self._config.rpm or 0.0
        _drain(self._values, self._track)
        start_ns = reading.mono_ns - round(len(reading.signal) / reading.rate_hz * 1e9)
        try:
            return self._track.between(start_ns, reading.mono_ns)
        except InputError:
            if self._values.fault:
                raise _unknown(self._values.fault) from None
            raise


def with_speed(
    sensor: Source,
    config: ShaftSpeedTable | None,
    *,
    channel: str,
    clock: Clock,
    broker: BrokerTable | None,
) -> Source:
    """The sensor, its readings with the shaft's speed where a table says who knows it."""
    if config is None:
        return sensor
    if config.source is None:
        return SpeedSensor(sensor, config, None)
    table = config.source.fitted_to(None, channel=channel, broker=broker)
    name = f"{channel} speed"

    def follow() -> ItemQueue:
        source = build_source("tabular", table, name=name, clock=clock)
        return build_queue(source, name=name, size=VALUES, clock=clock)

    return SpeedSensor(sensor, config, follow)


def _drain(values: ItemQueue, track: SpeedTrack) -> None:
    """Note all values that wait; a source that ended tells nothing more, and grows stale."""
    for _ in range(VALUES):
        try:
            item = values.take(0)
        except EndOfSource:
            return
        if item is None:
            return
        track.note(item)


def _unknown(why: str) -> InputError:
    return InputError(
        f"the shaft's speed is unknown: {why}",
        where="speed",
        cure="check [channel.speed] and what tells it",
    )
