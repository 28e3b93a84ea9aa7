"""Where the belt was and when: the readings of an encoder, with what lies between them."""

from __future__ import annotations

import threading
from bisect import bisect_left
from collections import deque
from operator import itemgetter

KEEP_NS = 30_000_000_000
"""Readings are kept for so long: a part's trigger must be found among them."""
STALE_NS = 200_000_000
"""Without a reading for so long it is not known where the belt is."""


class Track:
    """Readings (monotonic ns, um) in their order. One thread notes, any thread asks.

    Between two readings the belt moved evenly; after the last one it goes on as it did.
    """

    def __init__(self) -> None:
        self._readings: deque[tuple[int, int]] = deque()
        self._lock = threading.Lock()

    def note(self, mono_ns: int, um: int) -> None:
        """The belt is at `um` now; an equal place only moves the last reading on."""
        with self._lock:
            readings = self._readings
            if len(readings) >= 2 and readings[-1][1] == readings[-2][1] == um:
                readings.pop()
            readings.append((mono_ns, um))
            while mono_ns - readings[0][0] > KEEP_NS and len(readings) > 2:
                readings.popleft()

    def forget(self) -> None:
        """The encoder is lost: where the belt was is no longer where it is counted from."""
        with self._lock:
            self._readings.clear()

    def at(self, mono_ns: int, ahead_ns: int = 0) -> int | None:
        """The place `ahead_ns` after that moment, if the belt goes on as it does; None where the
        readings do not reach the moment.
        """
        with self._lock:
            readings = self._readings
            if len(readings) < 2 or mono_ns < readings[0][0]:
                return None
            if mono_ns - readings[-1][0] > STALE_NS:
                return None
            moment_ns = mono_ns + ahead_ns
            last = bisect_left(readings, moment_ns, key=itemgetter(0))
            last = min(max(last, 1), len(readings) - 1)
            return _between(readings[last - 1], readings[last], moment_ns)

    def when(self, um: int) -> int | None:
        """The moment at which the belt, going forwards, came to that place; None: not yet."""
        with self._lock:
            later: tuple[int, int] | None = None
            for reading in reversed(self._readings):
                if reading[1] < um:
                    return None if later is None else _moment(reading, later, um)
                later = reading
            return None


def _between(before: tuple[int, int], after: tuple[int, int], mono_ns: int) -> int:
    (from_ns, from_um), (until_ns, until_um) = before, after
    if until_ns == from_ns:
        return until_um
    return from_um + round((until_um - from_um) * (mono_ns - from_ns) / (until_ns - from_ns))


def _moment(before: tuple[int, int], after: tuple[int, int], um: int) -> int:
    (from_ns, from_um), (until_ns, until_um) = before, after
    return from_ns + round((until_ns - from_ns) * (um - from_um) / (until_um - from_um))
