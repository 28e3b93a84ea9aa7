"""The light barrier of the simulated belt (`lineside-agent belt`)."""

from __future__ import annotations

from typing import Literal

from edge_agent.contracts.core.clock import Clock
from edge_agent.contracts.core.errors import DeviceError
from edge_agent.simulator.belt_link import BeltAddress, BeltLink
from edge_agent.trigger.trigger import TriggerDriver, TriggerEvent, TriggerStatus, TriggerTable


class BeltTriggerTable(TriggerTable, BeltAddress):
    """An edge for each part of the simulated belt, with the moment at which it passed."""

    driver: Literal["belt"]


class BeltTrigger:
    """Gives an event for each edge; the barrier does not name its parts."""

    def __init__(self, config: BeltTriggerTable, *, name: str, clock: Clock) -> None:
        self._link = BeltLink(config, "barrier")
        del name, clock  # the belt stamps its edges
        self._events = self._missed = 0
        self._next: int | None = None
        self._fault = ""

    def open(self) -> None:
        """Connect; edges before that are no parts."""
        self._link.open()
        self._next, self._fault = None, ""

    def next(self, timeout_s: float) -> TriggerEvent | None:
        """The next edge, or None; raises DeviceError when the belt is lost."""
        try:
            event = self._link.event(timeout_s)
        except DeviceError as error:
            self._fault = str(error)
            raise
        if event is None:
            return None
        mono_ns, seq = event["mono_ns"], event["seq"]
        self._missed += 0 if self._next is None else max(0, seq - self._next)
        self._next = seq + 1
        self._events += 1
        return TriggerEvent(mono_ns, seq)

    def status(self) -> TriggerStatus:
        """Edges given, and edges that were lost on the way."""
        return TriggerStatus(self._events, self._missed, fault=self._fault)

    def close(self) -> None:
        """Leave the belt."""
        self._link.close()


DRIVER = TriggerDriver(BeltTriggerTable, BeltTrigger)
