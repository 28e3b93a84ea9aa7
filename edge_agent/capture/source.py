"""What every driver of this room is: a source of items, its table, and its row of the registry.

A driver is one file of camera/, vibration/ or process/. It holds the schema of its
`[channel.source]` table, its class, and `DRIVER = SourceDriver(...)`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Protocol, Self, TypeAlias, runtime_checkable

from pydantic import Field

from edge_agent.broker.config import BrokerTable
from edge_agent.contracts.core.errors import ConfigError
from edge_agent.contracts.core.types import Item
from edge_agent.contracts.model.manifest import InputSpec
from edge_agent.contracts.vibration.input import VibrationInput
from edge_agent.settings.toml import Table

RateHz: TypeAlias = Annotated[float, Field(ge=0, le=1000)]


class EndOfSource(Exception):  # noqa: N818 - an end, not an error
    """The source has given all its items (a folder that stops at its end, N simulated parts)."""


class Source(Protocol):
    """One driver, built as `Driver(config, name=..., clock=...)`; closing twice is fine.

    live: items come whether or not anybody asks (a camera, a paced replay), so a full queue drops
    the oldest; a source that is not live is read only when the line is ready for the next item.
    """

    live: bool

    def open(self) -> None:
        """Open and read back what was set; raises DeviceError when absent or not as asked.

        A source without a single item opens too: its end is for next() to say.
        """

    def next(self, timeout_s: float) -> Item | None:
        """The next item, or None when none came in time.

        Raises EndOfSource at the end, DeviceError when the device is lost (the station reopens).
        """

    def close(self) -> None:
        """Release the device."""


@runtime_checkable
class Running(Protocol):
    """A source whose device runs from its opening on, whether or not anybody reads it."""

    def begin(self) -> None:
        """Forget what came since open(), and its numbers: the first item is grabbed from now on.

        Called at most once after open(), before the first next(); raises DeviceError.
        """


@runtime_checkable
class Announcing(Protocol):
    """A source that learns of a part before it can give the part's item."""

    def unfinished(self) -> list[Item]:
        """Every part that was announced and not given: its item, or Unreadable; then none waits."""


class SourceTable(Table):
    """What the table of every source has, and what the station asks of it."""

    driver: str

    @property
    def names_parts(self) -> bool:
        """Whether items carry the part's own name; False: only their number."""
        return True

    @property
    def repeats(self) -> bool:
        """Whether the same items come again and again by intent."""
        return False

    @property
    def besides_the_look(self) -> frozenset[str]:
        """Settings that change nothing of how a good part looks: which parts come, and when."""
        return frozenset()

    @property
    def needs_broker(self) -> bool:
        """Whether the source needs the broker of [mqtt]."""
        return False

    @property
    def wait_ms(self) -> float:
        """How long an item waits inside the source after its part came."""
        return 0.0

    def fitted_to(
        self, taken: InputSpec | None, *, channel: str, broker: BrokerTable | None
    ) -> Self:
        """The table completed by what the channel's bundle takes (None: no bundle).

        Raises ConfigError where the two contradict each other.
        """
        del taken, channel, broker
        return self


class VibrationSourceTable(SourceTable):
    """What the station asks of a vibration source."""

    @property
    def signal_unit(self) -> str:
        """The unit of the samples."""
        return "g"

    @property
    def axis_names(self) -> tuple[str, ...]:
        """The axes in their order; empty: the sensor's own."""
        return ()

    def fitted_to(
        self, taken: InputSpec | None, *, channel: str, broker: BrokerTable | None
    ) -> Self:
        """Refuse a bundle that takes another unit."""
        del broker
        if isinstance(taken, VibrationInput):
            refuse_other_unit(self.signal_unit, taken, channel)
        return self


def refuse_other_unit(unit: str, taken: VibrationInput, channel: str) -> None:
    """Raise ConfigError where a source's unit is not the one that the bundle takes."""
    if unit != taken.unit:
        raise ConfigError(
            f"the source is in {unit!r}, the bundle takes {taken.unit!r}",
            where=f"station.toml: channel {channel}",
            cure="correct `unit`, or train on this unit",
        )


def replays_nothing(path: Path) -> bool:
    """For a driver of a device."""
    del path
    return False


@dataclass(frozen=True)
class FoundDevice:
    """A device that a driver found on this machine, or the reason why the driver cannot look.

    able: what it can do, one line each; table: the `[channel.source]` that uses it; fault: why it
    cannot be used, with the cure, or empty.
    """

    driver: str
    name: str
    where: str = ""
    able: tuple[str, ...] = ()
    table: Mapping[str, object] = field(default_factory=dict)
    fault: str = ""


def finds_nothing() -> list[FoundDevice]:
    """For a driver whose devices cannot be listed."""
    return []


@dataclass(frozen=True)
class SourceDriver:
    """The row of a driver. build: (config, name=, clock=) -> a closed Source.

    replays: whether the driver can replay that file or folder (`lineside-agent replay`); finds:
    lists the devices there are, and never raises for one that is absent.
    """

    config: type[SourceTable]
    build: Callable[..., Source]
    replays: Callable[[Path], bool] = replays_nothing
    finds: Callable[[], list[FoundDevice]] = finds_nothing
