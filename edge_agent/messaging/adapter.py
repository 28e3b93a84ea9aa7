"""What an adapter is: it shows the station's messages to a program that has a form of its own."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Protocol, TypeAlias

from pydantic import AfterValidator, Field, SerializeAsAny

from edge_agent.contracts.core.by_driver import ByDriver
from edge_agent.contracts.core.clock import Clock
from edge_agent.contracts.core.registry import Registry
from edge_agent.contracts.core.types import Verdict
from edge_agent.contracts.wire.streams import Outbound
from edge_agent.messaging.config import MqttTable
from edge_agent.settings.toml import Table


class AdapterTable(Table):
    """What the table of every adapter has."""

    driver: str = Field(description="the file of edge_agent/messaging/adapters")

    @property
    def needs_broker(self) -> bool:
        """Whether the adapter needs the broker of [mqtt]."""
        return False


@dataclass(frozen=True)
class Delivery:
    """waiting: messages on disk that nobody confirmed yet; confirmed: the others, since start."""

    waiting: int = 0
    confirmed: int = 0


@dataclass(frozen=True)
class AdapterStation:
    """The station of an adapter.

    mqtt: where its messages go; version: of the agent; cause: of a verdict and its reason, one
    word of a short list; state_dir: where an adapter may keep what must outlive the agent.
    """

    name: str
    version: str
    mqtt: MqttTable | None
    cause: Callable[[Verdict, str], str]
    state_dir: Path
    clock: Clock


class Adapter(Protocol):
    """One adapter. publish() is called by one thread, which no verdict waits for."""

    def open(self, delivery: Callable[[], Delivery]) -> None:
        """Begin; raises DeviceError where it cannot. delivery: any thread may call it."""

    def publish(self, message: Outbound) -> None:
        """Take a message of the station, also before open()."""

    def close(self) -> None:
        """End; closing twice is fine. Never raises."""


@dataclass(frozen=True)
class AdapterDriver:
    """The row of an adapter. build: (config, station) -> a closed Adapter.

    build raises DeviceError where a library is not installed.
    """

    config: type[AdapterTable]
    build: Callable[..., Adapter]


ADAPTERS: Registry[AdapterDriver] = Registry(
    "edge_agent.messaging.adapters", AdapterDriver, noun="adapter"
)


def _one_of_each(tables: Sequence[AdapterTable]) -> Sequence[AdapterTable]:
    names = [table.driver for table in tables]
    for name in names:
        if names.count(name) > 1:
            raise ValueError(f"two adapters are {name!r}: one table of each driver")
    return tables


AdapterField: TypeAlias = Annotated[SerializeAsAny[AdapterTable], ByDriver(ADAPTERS)]
"""One `[[adapter]]` of station.toml."""

AdapterList: TypeAlias = Annotated[list[AdapterField], AfterValidator(_one_of_each)]
"""All of them; no driver twice."""


def build_adapter(config: AdapterTable, station: AdapterStation) -> Adapter:
    """The closed adapter that a validated table describes."""
    return ADAPTERS.find(config.driver).build(config, station)
