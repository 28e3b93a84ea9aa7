"""Real time for the threads that a part waits for, in the station's service.

With other programs on the board (an upgrade, a login, our own encoders) such a thread would wait
for a processor at every step; in real time it has one at once. What these threads may take is
bounded: a source that is faster than the line must starve neither the outbox nor a login, and
neither must a network that never returns.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable
from functools import partial

LOG = logging.getLogger("lineside.station")

VARIABLE = "LINESIDE_REAL_TIME"
"""1: as the unit says it, whose LimitRTPRIO permits it. What a person starts presses no other
program aside."""
PRIORITY = 2
"""Of 1 to 99: before every ordinary program, behind the kernel's own threads (50)."""
LOOK_NS = 200_000_000
"""Between two looks of a thread at what it used."""
LATE_NS = 1_000_000_000
MOST_WHILE_LATE = 0.5
"""A thread that has not looked for so long, and worked for more than this share of it, may never
return (a network that hangs): the others make it an ordinary one until it looks again."""
WINDOW_NS = 1_000_000_000
MOST_SHARE = 0.6
"""Of all processors, by all these threads together; beyond it they are ordinary threads again."""
SHARE_TO_RETURN = 0.4
CURE = "on a busy computer parts wait; see docs/station.md, Before other programs"


class RealTimeBudget:
    """What the threads use together; any thread may call it. processors: how many there are."""

    def __init__(self, processors: int | None = None) -> None:
        self.is_kept = True
        self.refusal = ""
        self._processors = processors or len(os.sched_getaffinity(0))
        self._lock = threading.Lock()
        self._since_ns = 0
        self._used_ns = 0
        self._threads: set[RealTimeThread] = set()

    def join(self, thread: RealTimeThread) -> None:
        """The thread is looked after until it ends."""
        with self._lock:
            self._threads.add(thread)

    def demote_late(self, now_ns: int) -> None:
        """Make every thread that does not return an ordinary one."""
        with self._lock:
            threads = list(self._threads)
        ended = {thread for thread in threads if not thread.demote_if_late(now_ns)}
        if ended:
            with self._lock:
                self._threads -= ended

    def refuse(self, error: OSError) -> None:
        """The system does not allow it; told once."""
        with self._lock:
            told, self.refusal = self.refusal, error.strerror or type(error).__name__
        if not told:
            LOG.warning("real time is refused (%s): %s", self.refusal, CURE)

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
    """The calling thread's own; made by that thread, which alone calls keep().

    budget: what it shares with others. set_real_time: puts that thread there (True) or back; raises
    OSError where the system does not allow it. cpu_ns: what the thread used of a processor; raises
    OSError when it has ended. Others call both too.
    """

    def __init__(
        self,
        budget: RealTimeBudget | None = None,
        *,
        set_real_time: Callable[[bool], None] | None = None,
        mono_ns: Callable[[], int] = time.monotonic_ns,
        cpu_ns: Callable[[], int] | None = None,
    ) -> None:
        thread_id = threading.get_native_id()
        self.is_real_time = False
        self._budget = budget or BUDGET
        self._mono_ns = mono_ns
        self._set = set_real_time or partial(_set_real_time, thread_id)
        self._cpu_ns = cpu_ns or partial(cpu_of_thread_ns, thread_id)
        self._lock = threading.Lock()
        self._used_ns = self._next_ns = self._looked_ns = 0
        self._is_allowed = set_real_time is not None or os.environ.get(VARIABLE) == "1"
        if self._is_allowed:
            self._used_ns = self._cpu_ns()
            self.keep()
            self._budget.join(self)

    def keep(self) -> None:
        """Be in real time as long as the budget is kept; to be called in every loop."""
        if not self._is_allowed:
            return
        now_ns = self._mono_ns()
        if now_ns < self._next_ns:
            return
        self._next_ns = now_ns + LOOK_NS
        with self._lock:
            self._budget.spend(self._used_since(now_ns), now_ns)
            if self._budget.is_kept != self.is_real_time:
                self._change(self._budget.is_kept)
        self._budget.demote_late(now_ns)

    def demote_if_late(self, now_ns: int) -> bool:
        """Be an ordinary thread where this one does not return; False when it has ended."""
        if now_ns - self._looked_ns < LATE_NS:
            return True
        with self._lock:
            late_ns = now_ns - self._looked_ns
            if late_ns < LATE_NS:
                return True  # it looked meanwhile
            try:
                used_ns = self._used_since(now_ns)
            except OSError:
                return False
            if self.is_real_time:
                self._budget.spend(used_ns, now_ns)
                if used_ns > MOST_WHILE_LATE * late_ns or not self._budget.is_kept:
                    self._change(False)
            return True

    def _used_since(self, now_ns: int) -> int:
        """What it used of a processor since the last look, its own or another's."""
        used_ns = self._cpu_ns()
        since_ns, self._used_ns, self._looked_ns = self._used_ns, used_ns, now_ns
        return used_ns - since_ns

    def _change(self, real_time: bool) -> None:
        try:
            self._set(real_time)
        except OSError as error:
            self._is_allowed = False  # a container, a kernel that gives real time to groups alone
            self._budget.refuse(error)
            return
        self.is_real_time = real_time


def cpu_of_thread_ns(thread_id: int) -> int:
    """What a thread of this process used of a processor; raises OSError when it has ended.

    The clock's number holds the thread's (linux/posix-timers.h): pthread_getcpuclockid() gives the
    same, and may crash for a thread that has ended.
    """
    return time.clock_gettime_ns(~thread_id << 3 | 6)  # CPUCLOCK_PERTHREAD_MASK | CPUCLOCK_SCHED


def _set_real_time(thread_id: int, real_time: bool) -> None:
    """Threads and processes that the thread starts are ordinary ones (sched(7), reset on fork)."""
    policy, priority = (os.SCHED_RR, PRIORITY) if real_time else (os.SCHED_OTHER, 0)
    os.sched_setscheduler(thread_id, policy | os.SCHED_RESET_ON_FORK, os.sched_param(priority))


BUDGET = RealTimeBudget()
"""Of this process."""
