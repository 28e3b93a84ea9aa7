"""Time, passed in so that tests own it."""

from __future__ import annotations

import time
from typing import Protocol


class Clock(Protocol):
    """Wall time for the record, monotonic time for deadlines; both int nanoseconds."""

    def utc_ns(self) -> int: ...

    def mono_ns(self) -> int: ...

    def sleep_s(self, seconds: float) -> None: ...


class SystemClock:
    """The machine's clocks."""

    def utc_ns(self) -> int:
        return time.time_ns()

    def mono_ns(self) -> int:
        return time.monotonic_ns()

    def sleep_s(self, seconds: float) -> None:
        time.sleep(seconds)


class ManualClock:
    """A clock that moves only when it is told to."""

    def __init__(self, utc_ns: int = 1_700_000_000_000_000_000, mono_ns: int = 0) -> None:
        self._utc_ns = utc_ns
        self._mono_ns = mono_ns

    def utc_ns(self) -> int:
        return self._utc_ns

    def mono_ns(self) -> int:
        return self._mono_ns

    def sleep_s(self, seconds: float) -> None:
        self.advance_s(seconds)

    def advance_s(self, seconds: float) -> None:
        step = round(seconds * 1e9)
        self._utc_ns += step
        self._mono_ns += step
