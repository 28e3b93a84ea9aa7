"""What an output is: the device that accepts or rejects a part, one owner, no I/O before open()."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Protocol, TypeAlias

from pydantic import Field, SerializeAsAny

from edge_agent.contracts.core.by_driver import ByDriver
from edge_agent.contracts.core.clock import Clock
from edge_agent.contracts.core.registry import Registry
from edge_agent.contracts.wire.decision import Decision
from edge_agent.contracts.wire.kinds.verdict import Action
from edge_agent.outputs.gate import GateTable
from edge_agent.settings.toml import Table


class OutputTable(Table):
    """What the table of every output has."""

    driver: str = Field(description="the file of edge_agent/outputs that drives the device")
    name: str = Field(
        default="", max_length=63, description="its name in messages; empty: that of the driver"
    )
    safe_state: Action = Field(
        default="reject",
        description="what the output shows on start, while the station is disarmed, and at its end",
    )
    gate: GateTable | None = Field(
        default=None, description="acts when the part is there; absent: at once"
    )


@dataclass(frozen=True)
class OutputStatus:
    """What an output shows.

    commanded: the last action asked of it; None before open(); read_back: the action that the
    device itself reports, None where it cannot; fault: what is wrong with the device, or empty;
    written: decisions that the device took; failed: decisions that it did not take; late:
    decisions that came when their part was at the gate already; went_through: bad parts among them.
    """

    commanded: Action | None = None
    read_back: Action | None = None
    fault: str = ""
    written: int = 0
    failed: int = 0
    late: int = 0
    went_through: int = 0


class Output(Protocol):
    """One device. Called by one thread at a time; open, close and open again is allowed."""

    def open(self) -> None:
        """Connect and show the safe state; raises DeviceError when the device is not as asked."""

    def write(self, decision: Decision) -> None:
        """Act on a decision at once: waits neither for disk nor longer than the device's timeout.

        Raises DeviceError when the device did not take it.
        """

    def show_safe_state(self) -> None:
        """Show the configured safe state; raises DeviceError when the device does not take it."""

    def status(self) -> OutputStatus:
        """What the output shows; reads the device back where it can. Never raises."""

    def close(self) -> None:
        """Show the safe state where the device still answers, then release it. Never raises."""


@dataclass(frozen=True)
class OutputDriver:
    """The row of an output driver. build: (config, name=, clock=) -> a closed Output."""

    config: type[OutputTable]
    build: Callable[..., Output]
    reads_back: bool = False


OUTPUTS: Registry[OutputDriver] = Registry(
    "edge_agent.outputs", OutputDriver, noun="output", besides=("gate", "level", "output", "timed")
)


OutputField: TypeAlias = Annotated[SerializeAsAny[OutputTable], ByDriver(OUTPUTS)]
"""One `[[output]]` of station.toml."""


def build_output(config: OutputTable, *, clock: Clock) -> Output:
    """The closed output that a validated table describes."""
    name = config.name or config.driver
    return OUTPUTS.find(config.driver).build(config, name=name, clock=clock)
