"""The watch of deadlines looks again and again, shows that it lives, and ends."""

from __future__ import annotations

import threading

from edge_agent.contracts.core.clock import SystemClock
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
