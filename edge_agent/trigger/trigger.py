"""What a trigger is: the device that reports each part, one owner, no I/O before open()."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Protocol, TypeAlias, runtime_checkable

from pydantic import Field, SerializeAsAny

from edge_agent.contracts.core.by_driver import ByDriver
from edge_agent.contracts.core.clock import Clock
from edge_agent.contracts.core.registry import Registry
from edge_agent.contracts.core.types import Item
from edge_agent.encoder.track import Track
from edge_agent.settings.toml import Table


class TriggerTable(Table):
    """What the table of every trigger has."""

    driver: str = Field(description="the file of edge_agent/trigger that reads the device")
    name: str = Field(
        default="", max_length=63, description="its name in messages; empty: that of the driver"
    )


@dataclass(frozen=True)
class TriggerEvent:
    """One part before the station.

    mono_ns: monotonic time of the edge (the device's own stamp where it has one); seq: counts from
    0 without a gap, lost events included, so that a hole is a part that was missed; part_id: empty
    where the trigger does not name its parts.
    """

    mono_ns: int
    seq: int
    part_id: str = ""


@dataclass(frozen=True)
class TriggerStatus:
    """What a trigger saw. missed: events that the device counted and nobody took;
    suppressed: edges inside the dead time (bounce); fault: what is wrong, or empty.
    """

    events: int = 0
    missed: int = 0
    suppressed: int = 0
    fault: str = ""


class Trigger(Protocol):
    """One device. Called by one thread; open, close and open again is allowed."""

    def open(self) -> None:
        """Connect; raises DeviceError when the device is not as asked."""

    def next(self, timeout_s: float) -> TriggerEvent | None:
        """The next event, or None when none came in time.

        Raises EndOfTrigger at the end, DeviceError when the device is lost.
        """

    def status(self) -> TriggerStatus:
        """Counts and fault. Never raises."""

    def close(self) -> None:
        """Release the device. Never raises."""


@runtime_checkable
class Following(Protocol):
    """A trigger that goes by the way of the belt."""

    def follow(self, track: Track) -> None:
        """The way that the station's encoder notes, before open()."""


@runtime_checkable
class Seeing(Protocol):
    """A trigger that looks at the frames of a channel."""

    channel: str

    def see(self, item: Item) -> None:
        """A frame was grabbed; called by the thread that grabs, before the frame is matched."""


class EndOfTrigger(Exception):  # noqa: N818 - an end, not an error
    """The trigger has given all its events (a simulated line with N parts)."""


@dataclass(frozen=True)
class TriggerDriver:
    """The row of a trigger driver. build: (config, name=, clock=) -> a closed Trigger.

    names_parts: its events carry a part_id.
    """

    config: type[TriggerTable]
    build: Callable[..., Trigger]
    names_parts: bool = False


TRIGGERS: Registry[TriggerDriver] = Registry(
    "edge_agent.trigger", TriggerDriver, noun="trigger", besides=("polled", "trigger")
)


TriggerField: TypeAlias = Annotated[SerializeAsAny[TriggerTable], ByDriver(TRIGGERS)]
"""The `[trigger]` of station.toml."""


def build_trigger(config: TriggerTable, *, clock: Clock) -> Trigger:
    """The closed trigger that a validated table describes."""
    name = config.name or config.driver
    return TRIGGERS.find(config.driver).build(config, name=name, clock=clock)
