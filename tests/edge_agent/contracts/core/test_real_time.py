"""Threads in real time: only where the service asks, ordinary again when they take too much."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import threading
import time

import pytest

from edge_agent.contracts.core.clock import ManualClock
from edge_agent.contracts.core.real_time import (
    PRIORITY,
    VARIABLE,
    WINDOW_NS,
    RealTimeBudget,
    RealTimeThread,
    cpu_of_thread_ns,
)
from tests.station_kit import wait_until

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


@pytest.mark.parametrize(("share", "expected"), [(0.9, [True, False]), (0.1, [True])])
def test_a_thread_that_works_and_does_not_return_is_made_ordinary_by_the_others(
    share: float, expected: list[bool]
) -> None:
    clock, budget, said = ManualClock(), RealTimeBudget(processors=4), list[bool]()
    used_ns = [0]
    silent = RealTimeThread(
        budget, set_real_time=said.append, mono_ns=clock.mono_ns, cpu_ns=lambda: used_ns[0]
    )
    other = RealTimeThread(
        budget, set_real_time=lambda _: None, mono_ns=clock.mono_ns, cpu_ns=lambda: 0
    )
    for _ in range(30):
        clock.sleep_s(0.2)
        used_ns[0] += round(share * 0.2 * SECOND_NS)
        other.keep()
    assert said == expected
    assert other.is_real_time, "the rest of the line keeps what it has"
    silent.keep()
    assert silent.is_real_time, "it came back"


def test_what_silent_threads_use_is_counted() -> None:
    clock, budget, used_ns = ManualClock(), RealTimeBudget(processors=1), [0]
    silent = [
        RealTimeThread(
            budget, set_real_time=lambda _: None, mono_ns=clock.mono_ns, cpu_ns=lambda: used_ns[0]
        )
        for _ in range(2)
    ]
    other = RealTimeThread(
        budget, set_real_time=lambda _: None, mono_ns=clock.mono_ns, cpu_ns=lambda: 0
    )
    for _ in range(30):
        clock.sleep_s(0.2)
        used_ns[0] += round(0.4 * 0.2 * SECOND_NS)  # less than a thread alone may use
        other.keep()
    assert not any(thread.is_real_time for thread in silent)


def is_there(number: int) -> bool:
    try:
        cpu_of_thread_ns(number)
    except OSError:
        return False
    return True


def test_a_threads_use_is_read_by_its_number_until_it_has_ended() -> None:
    own, free, known = list[int](), threading.Event(), threading.Event()

    def work() -> None:
        sum(range(200_000))
        own.extend((threading.get_native_id(), time.thread_time_ns()))
        known.set()
        free.wait(10)

    thread = threading.Thread(target=work)
    thread.start()
    assert known.wait(10)
    number, used_ns = own
    assert used_ns <= cpu_of_thread_ns(number) < used_ns + SECOND_NS
    free.set()
    thread.join()
    assert wait_until(lambda: not is_there(number)), "the kernel may be a moment behind join()"


@pytest.mark.skipif(not is_permitted(), reason="this user may not use real time")
def test_a_call_that_never_returns_leaves_real_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, "1")
    budget, numbers, end = RealTimeBudget(processors=64), list[int](), threading.Event()

    def hang() -> None:
        RealTimeThread(budget)
        numbers.append(threading.get_native_id())
        while not end.is_set():
            pass

    def policy(number: int) -> int:
        return os.sched_getscheduler(number) & ~os.SCHED_RESET_ON_FORK

    def look_after() -> None:
        own = RealTimeThread(budget)
        while not end.wait(0.05):
            own.keep()

    threads = [threading.Thread(target=hang), threading.Thread(target=look_after)]
    for thread in threads:
        thread.start()
    try:
        assert wait_until(lambda: bool(numbers) and policy(numbers[0]) == os.SCHED_OTHER, 60)
        assert threads[1].native_id is not None
        assert policy(threads[1].native_id) == os.SCHED_RR
    finally:
        end.set()
        for thread in threads:
            thread.join()


def test_a_system_that_refuses_is_asked_once(caplog: pytest.LogCaptureFixture) -> None:
    asked = list[bool]()

    def refuse(real_time: bool) -> None:
        asked.append(real_time)
        raise PermissionError(1, "Operation not permitted")

    clock, budget = ManualClock(), RealTimeBudget()
    caplog.set_level(logging.WARNING)
    for _ in range(2):
        thread = RealTimeThread(budget, set_real_time=refuse, mono_ns=clock.mono_ns)
        for _ in range(10):
            clock.sleep_s(1)
            thread.keep()
        assert not thread.is_real_time
    assert asked == [True, True], "once by each thread"
    assert [record.getMessage() for record in caplog.records] == [
        "real time is refused (Operation not permitted): on a busy computer parts wait; "
        "see docs/station.md, Before other programs"
    ]
