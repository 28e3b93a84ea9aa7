"""A simulated reject gate: remembers what it was told, and reads it back."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import Literal

from pydantic import Field

from edge_agent.contracts.core.clock import Clock
from edge_agent.contracts.core.errors import DeviceError
from edge_agent.contracts.wire.decision import Decision
from edge_agent.contracts.wire.kinds.verdict import Action
from edge_agent.outputs.output import OutputDriver, OutputStatus, OutputTable


class SimulatedOutputTable(OutputTable):
    """A gate in memory, for the desktop and for tests."""

    driver: Literal["simulated"]
    history: int = Field(
        default=10_000, ge=1, le=1_000_000, description="movements that the gate remembers"
    )


@dataclass(frozen=True)
class Movement:
    """One movement of the gate; part_id is empty for the safe state."""

    mono_ns: int
    action: Action
    part_id: str = ""


@dataclass
class SimulatedGate:
    """The device itself; a test sets `broken` to pull its plug."""

    movements: deque[Movement] = field(default_factory=deque)
    broken: bool = False


class SimulatedOutput:
    """Drives a SimulatedGate."""

    def __init__(
        self,
        config: SimulatedOutputTable,
        *,
        name: str,
        clock: Clock,
        gate: SimulatedGate | None = None,
    ) -> None:
        self.gate = gate or SimulatedGate(deque(maxlen=config.history))
        self._config = config
        self._name = name
        self._clock = clock
        self._open = False
        self._written = 0
        self._failed = 0
        self._commanded: Action | None = None

    def open(self) -> None:
        """Show the safe state."""
        self._open = True
        self.show_safe_state()

    def write(self, decision: Decision) -> None:
        """Move the gate."""
        try:
            self._move(decision.action, decision.part_id)
        except DeviceError:
            self._failed += 1
            raise
        self._written += 1

    def show_safe_state(self) -> None:
        """Move the gate to its safe state."""
        self._move(self._config.safe_state)

    def status(self) -> OutputStatus:
        """The last movement, read from the gate itself."""
        moved = self.gate.movements
        fault = "the gate does not answer" if self.gate.broken else ""
        shown = moved[-1].action if moved and not fault else None
        return OutputStatus(self._commanded, shown, fault, self._written, self._failed)

    def close(self) -> None:
        """Leave the gate in its safe state."""
        if self._open and not self.gate.broken:
            self.show_safe_state()
        self._open = False

    def _move(self, action: Action, part_id: str = "") -> None:
        if not self._open or self.gate.broken:
            fault = "the gate does not answer" if self._open else "not open"
            raise DeviceError(fault, where=f"output {self._name}", cure="open it first")
        self._commanded = action
        self.gate.movements.append(Movement(self._clock.mono_ns(), action, part_id))


DRIVER = OutputDriver(SimulatedOutputTable, SimulatedOutput, reads_back=True)
