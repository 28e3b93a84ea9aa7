"""Real time for the threads that a part waits for, in the station's service.

With other programs on the board (an upgrade, a login, our own encoders) such a thread would wait
for a processor at every step; in real time it has one at once. What these threads may take is
bounded: a source that is faster than the line must starve neither the outbox nor a login.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable

VARIABLE = "LINESIDE_REAL_TIME"
"""1: as the unit says it, whose LimitRTPRIO permits it. What a person starts presses no other
program aside."""
PRIORITY = 2
"""Of 1 to 99: before every ordinary program, behind the kernel's own threads (50)."""
LOOK_NS = 200_000_000
"""Between two looks of a thread at what it used."""
WINDOW_NS = 1_000_000_000
MOST_SHARE = 0.6
"""Of all processors, by all these threads together; beyond it they are ordinary threads again."""
SHARE_TO_RETURN = 0.4


class RealTimeBudget:
    """What the threads use together; any thread may call it. processors: how many there are."""

    def __init__(self, processors: int | None = None) -> None:
        self.is_kept = True
        self._processors = processors or len(os.sched_getaffinity(0))
        self._lock = threading.Lock()
        self._since_ns = 0
        self._used_ns = 0

    def spend(self, used_ns: int, now_ns: int) -> None:
        """A thread used so much of a processor since its last look."""
        with self._lock:
            self._used_ns += used_ns
            window_ns = now_ns - self._since_ns
            if window_ns < WINDOW_NS:
                return
            share = self._used_ns / window_ns / self._processors
            self.is_kept = share < (MOST_SHARE if self.is_kept else SHARE_TO_RETURN)
            self._since_ns, self._used_ns = now_ns, 0


class RealTimeThread:
    """The calling thread's own; made and used by that thread alone.

    budget: what it shares with others. set_real_time: puts the calling thread there (True) or back;
    raises OSError where the system does not allow it.
    """

    def __init__(
        self,
        budget: RealTimeBudget | None = None,
        *,
        set_real_time: Callable[[bool], None] | None = None,
        mono_ns: Callable[[], int] = time.monotonic_ns,
    ) -> None:
        self.is_real_time = False
        self._budget = budget or BUDGET
        self._mono_ns = mono_ns
        self._set = set_real_time or _set_real_time
        self._used_ns = time.thread_time_ns()
        self._next_ns = 0
        self._is_allowed = set_real_time is not None or os.environ.get(VARIABLE) == "1"
        self.keep()

    def keep(self) -> None:
        """Be in real time as long as the budget is kept; to be called in every loop."""
        if not self._is_allowed:
            return
        now_ns = self._mono_ns()
        if now_ns < self._next_ns:
            return
        self._next_ns = now_ns + LOOK_NS
        used_ns = time.thread_time_ns()
        self._budget.spend(used_ns - self._used_ns, now_ns)
        self._used_ns = used_ns
        if self._budget.is_kept != self.is_real_time:
            self._change(self._budget.is_kept)

    def _change(self, real_time: bool) -> None:
        try:
            self._set(real_time)
        except OSError:
            self._is_allowed = False  # a container, a kernel that gives real time to groups alone
            return
        self.is_real_time = real_time


def _set_real_time(real_time: bool) -> None:
    """Threads and processes that the thread starts are ordinary ones (sched(7), reset on fork)."""
    policy, priority = (os.SCHED_RR, PRIORITY) if real_time else (os.SCHED_OTHER, 0)
    os.sched_setscheduler(0, policy | os.SCHED_RESET_ON_FORK, os.sched_param(priority))


BUDGET = RealTimeBudget()
"""Of this process."""
