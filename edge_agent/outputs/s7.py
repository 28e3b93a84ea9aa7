"""A bit, byte or word of a Siemens S7 PLC."""

from __future__ import annotations

from typing import Literal

from edge_agent.contracts.core.clock import Clock
from edge_agent.fieldbus.s7 import S7Point, S7PointTable
from edge_agent.outputs.level import LevelOutput, LevelTable
from edge_agent.outputs.output import OutputDriver


class S7OutputTable(LevelTable, S7PointTable):
    """A bit, byte or word that is set for each decision, and read back."""

    driver: Literal["s7"]


class S7Output(LevelOutput):
    """Drives the bit, byte or word."""

    def __init__(self, config: S7OutputTable, *, name: str, clock: Clock) -> None:
        del clock
        super().__init__(config, S7Point(config), name)


DRIVER = OutputDriver(S7OutputTable, S7Output, reads_back=True)
