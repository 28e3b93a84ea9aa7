"""A belt of constant speed, with counts from the station's clock."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from edge_agent.contracts.core.clock import Clock
from edge_agent.contracts.core.errors import DeviceError
from edge_agent.encoder.encoder import EncoderDriver, EncoderTable


class SimulatedEncoderTable(EncoderTable):
    """Counts that grow with the clock, for the desktop and for tests."""

    driver: Literal["simulated"]
    um_per_count: float = Field(
        default=100, gt=0, le=1_000_000, description="way of the belt for each count, in um"
    )
    speed_mm_s: float = Field(default=1000, ge=0, le=100_000, description="speed of the belt")


class SimulatedEncoder:
    """Counts from open() on."""

    def __init__(self, config: SimulatedEncoderTable, *, clock: Clock) -> None:
        self._counts_per_ns = config.speed_mm_s / config.um_per_count / 1e6
        self._clock = clock
        self._opened_ns: int | None = None

    def open(self) -> None:
        """Begin at 0."""
        self._opened_ns = self._clock.mono_ns()

    def read(self) -> int:
        """Counts by now."""
        if self._opened_ns is None:
            raise DeviceError("is not open", where="simulated encoder", cure="open it first")
        return int((self._clock.mono_ns() - self._opened_ns) * self._counts_per_ns)

    def close(self) -> None:
        """Stop to count."""
        self._opened_ns = None


DRIVER = EncoderDriver(SimulatedEncoderTable, SimulatedEncoder)
