"""The last judged items in memory, whether they are kept on disk or not."""

from __future__ import annotations

from collections import deque

from edge_agent.contracts.core.types import Frame, Reading
from edge_agent.contracts.wire.observation import Observation

SMALL_BYTES = 1024
"""What an item without an array counts."""


class RecentItems:
    """As many of the last items as `limit_bytes` hold, the oldest go; one thread at a time."""

    def __init__(self, limit_bytes: int) -> None:
        self._limit = limit_bytes
        self._items: deque[tuple[Observation, int]] = deque()
        self._bytes = 0

    def add(self, observation: Observation) -> None:
        """Remember an item; one that is larger than the limit is not."""
        size = size_of(observation)
        if size > self._limit:
            return
        self._items.append((observation, size))
        self._bytes += size
        while self._bytes > self._limit:
            self._bytes -= self._items.popleft()[1]

    def of_part(self, part_id: str) -> list[Observation]:
        """What is remembered of a part, the oldest first."""
        return [one for one, _ in self._items if one.part_id == part_id]


def size_of(observation: Observation) -> int:
    """Bytes of an item in memory, with the map of its judgement."""
    item, judgement = observation.item, observation.judgement
    heat = 0 if judgement is None or judgement.heat is None else judgement.heat.nbytes
    if isinstance(item, Frame):
        return item.image.nbytes + heat + SMALL_BYTES
    if isinstance(item, Reading):
        return item.signal.nbytes + heat + SMALL_BYTES
    return SMALL_BYTES
