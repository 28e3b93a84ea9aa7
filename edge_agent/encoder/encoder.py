"""What an encoder is: the device that tells how far the belt has moved."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Protocol, TypeAlias

from pydantic import Field, SerializeAsAny

from edge_agent.contracts.core.by_driver import ByDriver
from edge_agent.contracts.core.clock import Clock
from edge_agent.contracts.core.registry import Registry
from edge_agent.settings.toml import Table


class EncoderTable(Table):
    """What the table of every encoder has."""

    driver: str = Field(description="the file of edge_agent/encoder that reads the device")
    um_per_count: float = Field(
        gt=0, le=1_000_000, description="way of the belt for each count, in um"
    )
    poll_ms: float = Field(default=2, gt=0, le=1000, description="time between two readings")


class Encoder(Protocol):
    """One device. Called by one thread; open, close and open again is allowed."""

    def open(self) -> None:
        """Connect; raises DeviceError when the device is not as asked."""

    def read(self) -> int:
        """Counts since open(), also backwards; raises DeviceError when the device is lost."""

    def close(self) -> None:
        """Release the device. Never raises."""


@dataclass(frozen=True)
class EncoderDriver:
    """The row of an encoder driver. build: (config, clock=) -> a closed Encoder."""

    config: type[EncoderTable]
    build: Callable[..., Encoder]


ENCODERS: Registry[EncoderDriver] = Registry(
    "edge_agent.encoder", EncoderDriver, noun="encoder", besides=("encoder", "follower", "track")
)

EncoderField: TypeAlias = Annotated[SerializeAsAny[EncoderTable], ByDriver(ENCODERS)]
"""The `[encoder]` of station.toml."""


def build_encoder(config: EncoderTable, *, clock: Clock) -> Encoder:
    """The closed encoder that a validated table describes."""
    return ENCODERS.find(config.driver).build(config, clock=clock)
