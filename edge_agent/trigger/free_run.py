"""No trigger device: every item of a source is a part, or a part is expected once a period."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from edge_agent.contracts.core.clock import Clock
from edge_agent.contracts.core.errors import DeviceError
from edge_agent.trigger.trigger import TriggerDriver, TriggerEvent, TriggerStatus, TriggerTable


class FreeRunTable(TriggerTable):
    """The station's own clock."""

    driver: Literal["free_run"]
    period_s: float = Field(
        default=0, ge=0, le=86400, description="an event this often; 0: each item is a part"
    )


class FreeRun:
    """Gives an event every `period_s`; with 0 none at all. Periods that went by leave a hole."""

    def __init__(self, config: FreeRunTable, *, name: str, clock: Clock) -> None:
        self._period_ns = round(config.period_s * 1e9)
        self._name = name
        self._clock = clock
        self._due_ns: int | None = None
        self._seq = 0
        self._events = 0

    def open(self) -> None:
        """Start the clock: the first event is due at once."""
        self._due_ns = self._clock.mono_ns()

    def next(self, timeout_s: float) -> TriggerEvent | None:
        """The event of this period, or None after `timeout_s`."""
        if self._due_ns is None:
            raise DeviceError("not open", where=f"trigger {self._name}", cure="open it first")
        left_s = (self._due_ns - self._clock.mono_ns()) / 1e9
        if not self._period_ns or left_s > timeout_s:
            self._clock.sleep_s(timeout_s)
            return None
        self._clock.sleep_s(max(0.0, left_s))
        late = (self._clock.mono_ns() - self._due_ns) // self._period_ns
        self._due_ns += (late + 1) * self._period_ns
        self._seq += late + 1
        self._events += 1
        return TriggerEvent(self._clock.mono_ns(), self._seq - 1)

    def status(self) -> TriggerStatus:
        """Events given, and periods that nobody waited for."""
        return TriggerStatus(self._events, self._seq - self._events)

    def close(self) -> None:
        """Stop the clock."""
        self._due_ns = None


DRIVER = TriggerDriver(FreeRunTable, FreeRun)
