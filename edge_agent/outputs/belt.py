"""The gate of the simulated belt (`lineside-agent belt`)."""

from __future__ import annotations

from typing import Literal

from edge_agent.contracts.core.clock import Clock
from edge_agent.outputs.level import LevelOutput, LevelTable
from edge_agent.outputs.output import OutputDriver
from edge_agent.simulator.belt_link import BeltAddress, BeltLink

ANSWER_S = 0.2
"""Longest wait for the gate's answer."""


class BeltOutputTable(LevelTable, BeltAddress):
    """A gate that shuts by itself when it is not told every 40 ms that it may stay open."""

    driver: Literal["belt"]


class BeltGate:
    """The gate as a number: 0 lets parts through."""

    def __init__(self, config: BeltOutputTable) -> None:
        self._link = BeltLink(config, "gate")
        self._value = 1

    def open(self) -> None:
        """Connect; raises DeviceError."""
        self._link.open()

    def write(self, value: int) -> None:
        """Move it; a lost connection is opened again. Raises DeviceError."""
        if not self._link.is_open:
            self._link.open()
        self._link.send(str(value))
        answer = self._link.line(ANSWER_S)
        if answer is None:
            raise self._link.lost("the gate does not answer")
        self._value = int(answer)

    def read(self) -> int:
        """What it answered last."""
        return self._value

    def close(self) -> None:
        """Leave the belt; the gate shuts."""
        self._link.close()


class BeltOutput(LevelOutput):
    """Drives the gate."""

    def __init__(self, config: BeltOutputTable, *, name: str, clock: Clock) -> None:
        del clock
        super().__init__(config, BeltGate(config), name)


DRIVER = OutputDriver(BeltOutputTable, BeltOutput, reads_back=True)
