"""Decides the parts whose deadline is over, in a thread of its own.

Neither a slow disk of the log nor a device that is asked for its state may delay a verdict.
"""

from __future__ import annotations

import threading
from collections.abc import Callable

from edge_agent.contracts.core.clock import Clock
from edge_agent.contracts.core.real_time import RealTimeThread
from edge_agent.station.line_table import LineTable

SETTLE_TICK_S = 0.003
"""Between two looks at parts that wait for the end of their window."""


class DeadlineWatch:
    """Calls `expire` again and again; one thread may start and stop it.

    beat_ns: monotonic time of the last look, or of the start: what came before was no standstill.
    """

    def __init__(self, expire: Callable[[], object], line: LineTable, clock: Clock) -> None:
        self.beat_ns = clock.mono_ns()
        self._expire = expire
        self._tick_s = line.tick_s
        if line.join == "trigger":  # a part passes when its window is over
            self._tick_s = SETTLE_TICK_S
        self._clock = clock
        self._ended = threading.Event()

    def start(self) -> None:
        """Begin to look."""
        self.beat_ns = self._clock.mono_ns()
        threading.Thread(target=self._run, name="deadlines", daemon=True).start()

    def stop(self) -> None:
        """Look no more."""
        self._ended.set()

    def _run(self) -> None:
        turn = RealTimeThread()
        while not self._ended.wait(self._tick_s):
            turn.keep()
            self.beat_ns = self._clock.mono_ns()
            self._expire()
