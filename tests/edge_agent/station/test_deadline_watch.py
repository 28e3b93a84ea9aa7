"""The watch of deadlines looks again and again, shows that it lives, and ends."""

from __future__ import annotations

import threading

from edge_agent.contracts.core.clock import ManualClock, SystemClock
from edge_agent.station.deadline_watch import DeadlineWatch
from edge_agent.station.line_table import LineTable
from tests.station_kit import wait_until


def test_it_looks_until_it_is_stopped() -> None:
    looks = threading.Semaphore(0)
    watch = DeadlineWatch(looks.release, LineTable(deadline_ms=50), SystemClock())
    before_ns = watch.beat_ns
    watch.start()
    assert all(looks.acquire(timeout=10) for _ in range(3))
    assert watch.beat_ns > before_ns
    watch.stop()
    assert wait_until(lambda: all(one.name != "deadlines" for one in threading.enumerate()))


def test_an_arming_that_took_long_is_no_standstill_and_one_after_it_is() -> None:
    clock, looks, free = ManualClock(), threading.Event(), threading.Event()

    def look() -> None:
        looks.set()
        free.wait(10)

    watch = DeadlineWatch(look, LineTable(deadline_ms=50), clock)
    clock.advance_s(6)
    watch.start()
    assert watch.beat_ns == clock.mono_ns(), "before the first look"
    assert looks.wait(10)
    clock.advance_s(6)
    assert clock.mono_ns() - watch.beat_ns == 6e9, "a look that does not end"
    watch.stop()
    free.set()
    assert wait_until(lambda: all(one.name != "deadlines" for one in threading.enumerate()))
