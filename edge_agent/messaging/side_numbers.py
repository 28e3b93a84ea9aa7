"""The numbers of what is no verdict: an epoch of its own, so that the verdicts' has no holes.

A receiver of verdicts and gaps alone sees from their numbers that none is missing. No part depends
on the other messages, so that their count is in memory only: an alarm, too, that was handed over
and not committed when the agent was killed is in no gap, and no book tells of the epoch where the
database is lost with the kill.
"""

from __future__ import annotations

import threading

MAIN_STREAMS = ("verdict", "gap")
"""Streams that share the numbers of the parts."""


class SideNumbers:
    """Gives 0, 1, 2, ... in `epoch`. Any thread may call it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._epoch = ""
        self._given = 0

    @property
    def epoch(self) -> str:
        """The epoch of this run; empty before begin()."""
        return self._epoch

    def begin(self, epoch: str) -> None:
        """Count the numbers of `epoch` from 0."""
        with self._lock:
            self._epoch, self._given = epoch, 0

    def take(self) -> int:
        """The next number."""
        with self._lock:
            number = self._given
            self._given += 1
        return number
