"""A trigger that is one number at a device, read at short intervals."""

from __future__ import annotations

from typing import Protocol

from pydantic import Field

from edge_agent.contracts.core.clock import Clock
from edge_agent.contracts.core.errors import DeviceError
from edge_agent.trigger.trigger import TriggerEvent, TriggerStatus, TriggerTable


class PolledTable(TriggerTable):
    """What the table of every such trigger has."""

    poll_ms: float = Field(default=5, gt=0, le=10_000, description="time between two readings")


class Point(Protocol):
    """One number at a device."""

    def open(self) -> None:
        """Connect; raises DeviceError."""

    def read(self) -> int:
        """Read it; raises DeviceError."""

    def close(self) -> None:
        """Release the device."""


class PolledTrigger:
    """Gives an event for each rising edge, or for each step of a counter that begins again at
    `values` (0: it is no counter).

    A step of more than one leaves a hole in `seq`, and is counted as missed parts; the part id is
    then the counter's value.
    """

    def __init__(
        self, config: PolledTable, point: Point, *, name: str, clock: Clock, values: int = 0
    ) -> None:
        self._config = config
        self._name = name
        self._clock = clock
        self._values = values
        self._point = point
        self._last: int | None = None
        self._open = False
        self._seq = 0
        self._events = 0
        self._missed = 0
        self._fault = ""

    def open(self) -> None:
        """Connect; what stands there now is no part."""
        self._point.open()
        try:
            self._last = self._point.read()
        except DeviceError:
            self._point.close()
            raise
        self._open, self._fault = True, ""

    def next(self, timeout_s: float) -> TriggerEvent | None:
        """The next part, or None after `timeout_s`; raises DeviceError when the PLC is lost."""
        if not self._open:
            raise DeviceError("not open", where=f"trigger {self._name}", cure="open it first")
        until_ns = self._clock.mono_ns() + timeout_s * 1e9
        while True:
            steps, value = self._read()
            if steps:
                return self._event(steps, value)
            if self._clock.mono_ns() >= until_ns:
                return None
            self._clock.sleep_s(self._config.poll_ms / 1e3)

    def status(self) -> TriggerStatus:
        """Parts given, and parts that went by between two readings."""
        return TriggerStatus(self._events, self._missed, fault=self._fault)

    def close(self) -> None:
        """Disconnect."""
        self._open = False
        self._point.close()

    def _read(self) -> tuple[int, int]:
        """How many parts passed since the last reading, and the value."""
        try:
            value = self._point.read()
        except DeviceError as error:
            self._fault = str(error)
            raise
        last, self._last = self._last, value
        if last is None:
            return 0, value
        if self._values:
            return (value - last) % self._values, value
        return int(value > last), value

    def _event(self, steps: int, value: int) -> TriggerEvent:
        self._missed += steps - 1
        self._seq += steps
        self._events += 1
        part_id = str(value) if self._values else ""
        return TriggerEvent(self._clock.mono_ns(), self._seq - 1, part_id)
