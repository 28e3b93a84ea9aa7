"""Threads in real time: only where the service asks, ordinary again when they take too much."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from edge_agent.contracts.core.clock import ManualClock
from edge_agent.contracts.core.real_time import (
    PRIORITY,
    VARIABLE,
    WINDOW_NS,
    RealTimeBudget,
    RealTimeThread,
)

SECOND_NS = 1_000_000_000
PROGRAM = """
import os, subprocess, sys, threading
from edge_agent.contracts.core.real_time import RealTimeThread
def look():
    return os.sched_getscheduler(0) & ~os.SCHED_RESET_ON_FORK, os.sched_getparam(0).sched_priority
def urgent():
    RealTimeThread()
    found.append(look())
    inner = threading.Thread(target=lambda: found.append(look()))
    inner.start()
    inner.join()
found = []
thread = threading.Thread(target=urgent)
thread.start()
thread.join()
print(*found, look(), sep=";")
"""


def policies(environment: dict[str, str]) -> list[str]:
    """Policy and priority of an urgent thread, of one that it starts, and of the main thread."""
    known = {name: value for name, value in os.environ.items() if name != VARIABLE}
    command = [sys.executable, "-c", PROGRAM]
    done = subprocess.run(
        command, env=known | environment, capture_output=True, text=True, check=True, timeout=60
    )
    return done.stdout.strip().split(";")


def is_permitted() -> bool:
    if not hasattr(os, "sched_setscheduler"):
        return False
    before = os.sched_getscheduler(0)
    try:
        os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(PRIORITY))
    except OSError:
        return False
    os.sched_setscheduler(0, before, os.sched_param(0))
    return True


def test_what_a_person_starts_presses_no_other_program_aside() -> None:
    assert policies({}) == [str((os.SCHED_OTHER, 0))] * 3


@pytest.mark.skipif(not is_permitted(), reason="this user may not use real time")
def test_in_the_service_an_urgent_thread_is_in_real_time_and_what_it_starts_is_not() -> None:
    ordinary = str((os.SCHED_OTHER, 0))
    assert policies({VARIABLE: "1"}) == [str((os.SCHED_RR, PRIORITY)), ordinary, ordinary]


def test_threads_that_take_more_than_their_share_are_ordinary_until_they_take_less() -> None:
    budget, said = RealTimeBudget(processors=2), list[bool]()
    clock = ManualClock()
    budget.spend(0, clock.mono_ns() + WINDOW_NS)
    thread = RealTimeThread(budget, set_real_time=said.append, mono_ns=clock.mono_ns)
    assert said == [True]
    clock.sleep_s(1)
    for used_ns, expected in (
        (SECOND_NS, [True]),  # half of two processors
        (round(1.3 * SECOND_NS), [True, False]),
        (SECOND_NS, [True, False]),
        (round(0.7 * SECOND_NS), [True, False, True]),
    ):
        clock.sleep_s(1)
        budget.spend(used_ns, clock.mono_ns())
        thread.keep()
        assert said == expected, used_ns


def test_a_window_of_the_budget_is_a_second() -> None:
    budget = RealTimeBudget(processors=1)
    budget.spend(0, 10 * SECOND_NS)
    budget.spend(WINDOW_NS, 10 * SECOND_NS + WINDOW_NS // 2)
    assert budget.is_kept, "half a second of work was taken for a whole one"


def test_a_system_that_refuses_is_asked_once() -> None:
    asked = list[bool]()

    def refuse(real_time: bool) -> None:
        asked.append(real_time)
        raise PermissionError

    clock = ManualClock()
    thread = RealTimeThread(RealTimeBudget(), set_real_time=refuse, mono_ns=clock.mono_ns)
    for _ in range(10):
        clock.sleep_s(1)
        thread.keep()
    assert asked == [True]
    assert not thread.is_real_time
