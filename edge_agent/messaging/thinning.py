"""Which telemetry leaves the outbox when room is short: no I/O.

One message in 10 s stays of each source, then one in 60 s, then none; results are never touched.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from typing import NamedTuple

from edge_agent.messaging.row import Row

LEVELS = ((0.5, 10), (0.7, 60), (0.85, 0))
"""From which share of the room on one message in so many seconds stays; 0: none."""
BACK = 0.1
"""A level ends when so much more of the room is free than when it began."""
CHUNK = 5000
"""Rows of one step: the outbox's writer has verdicts to keep in between."""
CHANNEL, AT_NS = re.compile(rb'"channel":"([^"]*)"'), re.compile(rb'"at_ns":(\d+)')

RowsAfter = Callable[[int, int], list[Row]]
"""(id, limit) -> the next rows of telemetry, oldest first."""


class Piece(NamedTuple):
    """Some rows that were looked at: how many, and which of them are to go."""

    looked: int
    gone: list[Row]


@dataclass
class Thinning:
    """Sweeps over the telemetry, coarser as room gets shorter."""

    _level: int | None = None
    _position: int = 0
    _seen: dict[tuple[str, bytes], int] = field(default_factory=dict)

    @property
    def reason(self) -> str:
        """What a gap message says of the rows of the last step."""
        period_s = LEVELS[self._level or 0][1]
        if not period_s:
            return "telemetry was dropped: the outbox had no room"
        return f"telemetry was thinned to one message in {period_s} s: the outbox had little room"

    def step(
        self, share: float, rows_after: RowsAfter, busy: Collection[int], limit: int = CHUNK
    ) -> Piece:
        """Looks at the next rows, `limit` at most. share: of the room, used; busy: ids that are
        being sent, which stay.

        A piece of which nothing goes may be followed by others; one of no row ends the sweep.
        """
        self._choose(share)
        if self._level is None:
            return Piece(0, [])
        rows = rows_after(self._position, limit)
        if rows:
            self._position = rows[-1].id
        elif not LEVELS[self._level][1]:
            self._position = 0  # what was being sent may be free by the next sweep
        gone = [row for row in rows if not self._stays(row) and row.id not in busy]
        return Piece(len(rows), gone)

    def _choose(self, share: float) -> None:
        """A coarser level looks at all rows anew; a finer one only at what comes."""
        reached = sum(share >= begin for begin, _ in LEVELS) - 1
        if reached > (-1 if self._level is None else self._level):
            self._level, self._position = reached, 0
            self._seen.clear()
        elif self._level is not None and share < LEVELS[self._level][0] - BACK:
            self._level = self._level - 1 if self._level else None
            self._seen.clear()

    def _stays(self, row: Row) -> bool:
        """Whether a row is the first of its source in its period."""
        period_s = LEVELS[self._level or 0][1]
        if not period_s:
            return False
        channel, at_ns = CHANNEL.search(row.payload), AT_NS.search(row.payload)
        source = row.stream, channel[1] if channel else b""
        place = int(at_ns[1]) // (period_s * 1_000_000_000) if at_ns else 0
        if self._seen.get(source) == place:
            return False
        self._seen[source] = place
        return True
