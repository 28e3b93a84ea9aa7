"""The simulated line behind the simulated camera and the simulated sensor."""

from __future__ import annotations

from pydantic import Field

from edge_agent.capture.counter import ItemCounter
from edge_agent.capture.rate_limiter import RateLimiter
from edge_agent.capture.source import EndOfSource, RateHz, SourceTable
from edge_agent.contracts.core.clock import Clock


class SimulatedLineTable(SourceTable):
    """What is alike for every simulated source."""

    seed: int = Field(default=1, ge=0, description="part k of a seed is always the same")
    start: int = Field(default=0, ge=0, description="number of the first part")
    parts: int = Field(default=0, ge=0, description="parts to give; 0: without end")
    rate_hz: RateHz = Field(default=0, description="parts a second; 0: as fast as the line takes")
    defect_rate: float = Field(default=0.25, ge=0, le=1, description="share of bad parts")


class SimulatedLine:
    """Counts the parts `start`, `start` + 1, ... at a rate; a closed line goes on where it was."""

    def __init__(self, start: int, parts: int, rate_hz: float, *, name: str, clock: Clock) -> None:
        self.counter = ItemCounter(name, clock)
        self._start = start
        self._parts = parts
        self._rate = RateLimiter(rate_hz, clock)

    def due_part(self, timeout_s: float) -> int | None:
        """The number of the part that is due, or None; EndOfSource after `parts` of them."""
        if self._parts and self.counter.seq >= self._parts:
            raise EndOfSource
        return self._start + self.counter.seq if self._rate.wait(timeout_s) else None


class SimulatedSource:
    """What a simulated source of any kind has: a line of its own, and nothing to open."""

    def __init__(self, config: SimulatedLineTable, *, name: str, clock: Clock) -> None:
        self.live = config.rate_hz > 0
        self.line = SimulatedLine(
            config.start, config.parts, config.rate_hz, name=name, clock=clock
        )

    def open(self) -> None:
        """Nothing to open; a line that was closed goes on where it stopped."""

    def close(self) -> None:
        """Nothing is held."""
