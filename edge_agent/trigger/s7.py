"""A bit or counter of a Siemens S7 PLC that reports each part, read at short intervals."""

from __future__ import annotations

from typing import Literal

from edge_agent.contracts.core.clock import Clock
from edge_agent.fieldbus.s7 import S7Point, S7PointTable
from edge_agent.trigger.polled import PolledTable, PolledTrigger
from edge_agent.trigger.trigger import TriggerDriver


class S7TriggerTable(PolledTable, S7PointTable):
    """A bit that rises with each part, or a byte or word that counts parts, which is better."""

    driver: Literal["s7"]


class S7Trigger(PolledTrigger):
    """Reads the bit, byte or word."""

    def __init__(self, config: S7TriggerTable, *, name: str, clock: Clock) -> None:
        point = S7Point(config)
        super().__init__(config, point, name=name, clock=clock, values=point.values)


DRIVER = TriggerDriver(S7TriggerTable, S7Trigger)
