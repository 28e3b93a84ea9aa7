"""The `[plc]` table, and what a protocol must do to carry the handshake."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Annotated, Protocol, TypeAlias

from pydantic import Field, SerializeAsAny

from edge_agent.contracts.core.by_driver import ByDriver
from edge_agent.contracts.core.registry import Registry
from edge_agent.settings.toml import Table


class PlcTable(Table):
    """What the handshake has over every protocol."""

    driver: str = Field(description="the file of edge_agent/plc/protocols that carries it")
    name: str = Field(default="plc", max_length=63, description="its name in messages")
    triggers: bool = Field(
        default=True,
        description="the PLC's trigger begins each part; false: it is only told the results",
    )
    part_name: str = Field(
        default="plc-{part_number}-{acquisition_id}",
        max_length=200,
        pattern=r"^[^{}]*(\{part_number\}[^{}]*)?\{acquisition_id\}[^{}]*$",
        description="the part id of an accepted part, such as the name of its camera's file",
    )
    results: int = Field(
        default=8, ge=1, le=64, description="parts under way and results not yet acknowledged"
    )
    poll_ms: float = Field(
        default=5, gt=0, le=1000, description="time between two looks at the PLC's words"
    )
    heartbeat_ms: float = Field(
        default=100,
        ge=10,
        le=10_000,
        description="time between two heartbeats; the PLC waits five of them",
    )
    trigger_gap_ms: float = Field(
        default=100,
        gt=0,
        le=10_000,
        description="a trigger is missed where the two looks around its rise are further apart",
    )
    result_timeout_ms: float = Field(
        default=5000,
        gt=0,
        le=3_600_000,
        description="a part without a decision for so long is NO-VERDICT for the PLC",
    )


class PlcProtocol(Protocol):
    """Carries words to and from one PLC. Called by one thread at a time.

    Every method but close() raises DeviceError when the PLC does not answer in time.
    """

    @property
    def where(self) -> str:
        """What messages call the PLC."""

    def open(self) -> None:
        """Connect."""

    def read_command(self) -> list[int]:
        """All words of the command block."""

    def read_status(self) -> list[int]:
        """All words of the status block."""

    def write_status(self, first: int, words: Sequence[int]) -> None:
        """Set words of the status block, from word `first` on."""

    def close(self) -> None:
        """Disconnect. Never raises."""


@dataclass(frozen=True)
class PlcDriver:
    """The row of a protocol. build: a validated table -> a closed PlcProtocol."""

    config: type[PlcTable]
    build: Callable[..., PlcProtocol]


PLCS: Registry[PlcDriver] = Registry("edge_agent.plc.protocols", PlcDriver, noun="PLC protocol")

PlcField: TypeAlias = Annotated[SerializeAsAny[PlcTable], ByDriver(PLCS)]
"""The `[plc]` of station.toml."""


def build_protocol(config: PlcTable) -> PlcProtocol:
    """The closed protocol that a validated table describes."""
    return PLCS.find(config.driver).build(config)
