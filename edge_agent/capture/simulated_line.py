"""The simulated line behind the simulated camera and the simulated sensor."""

from __future__ import annotations

from edge_agent.capture.counter import ItemCounter
from edge_agent.capture.rate_limiter import RateLimiter
from edge_agent.capture.source import EndOfSource
from edge_agent.contracts.core.clock import Clock


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
