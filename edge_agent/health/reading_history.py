"""Readings that came before: a sensor's driver that gives an old buffer again and again."""

from __future__ import annotations

from collections import deque
from hashlib import blake2b

from edge_agent.contracts.core.types import Signal

REMEMBERED = 16
"""Drivers have rings of at most so many buffers."""


class ReadingHistory:
    """The last readings of one channel. The noise of a sensor that lives never comes twice."""

    def __init__(self) -> None:
        self._ring: deque[bytes] = deque(maxlen=REMEMBERED)

    def came_before(self, signal: Signal) -> bool:
        """Whether a reading is one of the last ones; it is remembered."""
        digest = blake2b(signal.tobytes(), digest_size=16).digest()
        came = digest in self._ring
        self._ring.append(digest)
        return came
