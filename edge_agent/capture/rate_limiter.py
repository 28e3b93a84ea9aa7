"""A steady rate for sources that replay files."""

from __future__ import annotations

from edge_agent.contracts.core.clock import Clock


class RateLimiter:
    """Ticks at `rate_hz`; a rate of 0 is always due. A late caller does not catch up in a burst."""

    def __init__(self, rate_hz: float, clock: Clock) -> None:
        self._period_ns = round(1e9 / rate_hz) if rate_hz else 0
        self._clock = clock
        self._due_ns: int | None = None

    def wait(self, timeout_s: float) -> bool:
        """Sleep until the next tick; False when it lies beyond the timeout (then slept that)."""
        now = self._clock.mono_ns()
        due = now if self._due_ns is None else self._due_ns
        if due - now > timeout_s * 1e9:
            self._clock.sleep_s(timeout_s)
            return False
        if due > now:
            self._clock.sleep_s((due - now) / 1e9)
        self._due_ns = max(due, now - self._period_ns) + self._period_ns
        return True

    def stretch(self, seconds: float) -> None:
        """Put the next tick `seconds` after the one before (a recording paces by its length)."""
        now = self._clock.mono_ns()
        self._due_ns = max(now, self._due_ns or now) + round(seconds * 1e9)
