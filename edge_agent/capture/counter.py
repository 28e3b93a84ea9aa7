"""The number and the time of each item of a source."""

from __future__ import annotations

from typing import TypeAlias

from edge_agent.contracts.core.clock import Clock

Stamp: TypeAlias = tuple[int, int, int, str]
"""captured_at_ns, mono_ns, seq, source: as Frame, Reading, ProcessRow and Unreadable take them."""


class ItemCounter:
    """Counts the items of the source `name` from 0; `seq` is the next one's number."""

    def __init__(self, name: str, clock: Clock) -> None:
        self.seq = 0
        self._name = name
        self._clock = clock

    def stamp(self) -> Stamp:
        """The next number, grabbed now."""
        seq, self.seq = self.seq, self.seq + 1
        return self._clock.utc_ns(), self._clock.mono_ns(), seq, self._name

    def skip(self) -> None:
        """Leave a hole before the next number, unless it is the first."""
        self.seq += self.seq > 0
