"""Bounds what a fault that repeats itself writes to the log."""

from __future__ import annotations

import logging

from edge_agent.contracts.core.clock import Clock


class LogLimit:
    """Logs the first line of each key at once, and then at most one in `every_s` seconds."""

    def __init__(self, logger: logging.Logger, clock: Clock, every_s: float = 60.0) -> None:
        self._logger = logger
        self._clock = clock
        self._every_ns = round(every_s * 1e9)
        self._last_ns: dict[str, int] = {}
        self._held: dict[str, int] = {}

    def log(self, level: int, key: str, text: str) -> None:
        """Log `text`, or count it where `key` was logged a short time ago."""
        now_ns = self._clock.mono_ns()
        last_ns = self._last_ns.get(key)
        if last_ns is not None and now_ns - last_ns < self._every_ns:
            self._held[key] = self._held.get(key, 0) + 1
            return
        held = self._held.pop(key, 0)
        self._last_ns[key] = now_ns
        self._logger.log(level, "%s%s", text, f" ({held} more since)" if held else "")
