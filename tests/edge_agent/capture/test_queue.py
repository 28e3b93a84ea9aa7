"""Between source and channel: the drop rule, and a device that goes away and comes back."""

from __future__ import annotations

import logging
import threading
import time

import numpy as np
import pytest

from edge_agent.capture.queue import BoundedQueue, DirectQueue, ReconnectingSource, build_queue
from edge_agent.capture.source import EndOfSource
from edge_agent.capture.view import ViewTable, viewed
from edge_agent.contracts.core.clock import ManualClock, SystemClock
from edge_agent.contracts.core.errors import ConfigError, DeviceError
from edge_agent.contracts.core.types import Frame, Item
from tests.station_kit import take_all, wait_until

IMAGE = np.zeros((4, 4, 3), np.uint8)


class Belt:
    """A source of `count` frames; `gate` holds it until the test opens it."""

    def __init__(self, count: int, *, live: bool) -> None:
        self.live = live
        self.opened = 0
        self.closed = 0
        self.broken = False
        self.gate = threading.Event()
        self.gate.set()
        self._count = count
        self._seq = 0

    def open(self) -> None:
        if self.broken:
            raise DeviceError("absent", where="belt", cure="plug it in")
        self.opened += 1

    def next(self, timeout_s: float) -> Item | None:
        if not self.gate.wait(timeout_s):
            return None
        if self.broken:
            raise DeviceError("pulled out", where="belt", cure="plug it in")
        if self._seq >= self._count:
            raise EndOfSource
        seq, self._seq = self._seq, self._seq + 1
        return Frame(IMAGE, seq, seq, seq, "belt", f"part{seq}")

    def close(self) -> None:
        self.closed += 1


class Watch:
    """Remembers what it is told, by number."""

    def __init__(self) -> None:
        self.grabs: list[int] = []
        self.drops: list[int] = []

    def grabbed(self, item: Item) -> None:
        self.grabs.append(item.seq)

    def dropped(self, item: Item) -> None:
        self.drops.append(item.seq)


@pytest.mark.parametrize(("live", "lost"), [(True, 3), (False, 0)])
def test_holes_in_the_numbers_of_a_live_device_are_counted(live: bool, lost: int) -> None:
    belt = Belt(8, live=live)
    source = ReconnectingSource(belt, "top", ManualClock())
    source.open()
    source.next(1)
    source.next(1)
    belt._seq += 3
    source.next(1)
    assert source.lost == lost


def test_full_queue_drops_the_oldest_and_every_part_is_accounted_for() -> None:
    belt = Belt(50, live=True)
    feed = build_queue(belt, name="top", size=2, clock=SystemClock())
    assert isinstance(feed, BoundedQueue)
    watch = Watch()
    feed.start(watch)
    assert wait_until(lambda: len(watch.grabs) == 50)
    items = take_all(feed.take)
    feed.close()
    assert watch.grabs == list(range(50))
    assert [item.seq for item in items] == [48, 49], "not the latest frames"
    assert watch.drops == list(range(48))
    assert feed.dropped == 48
    assert belt.closed == 1


def test_item_is_watched_before_anybody_takes_it() -> None:
    belt, watch = Belt(2, live=True), Watch()
    feed = build_queue(belt, name="top", size=2, clock=SystemClock())
    feed.start(watch)
    assert wait_until(lambda: watch.grabs == [0, 1])
    feed.close()


@pytest.mark.parametrize("live", [True, False])
def test_an_open_feed_grabs_nothing_until_it_is_started(live: bool) -> None:
    belt, watch = Belt(2, live=live), Watch()
    feed = build_queue(belt, name="top", size=2, clock=SystemClock())
    feed.open()
    feed.open()
    assert (belt.opened, belt._seq) == (1, 0)
    feed.start(watch)
    assert belt.opened == 1, "start opened it again"
    assert [item.seq for item in take_all(feed.take)] == [0, 1]
    assert watch.grabs == [0, 1]
    feed.close()
    feed.start(watch)
    assert belt.opened == 2, "what closed was not opened again"
    feed.close()


class RunningBelt(Belt):
    """One whose first `unread` frames come before anybody reads."""

    def __init__(self, count: int, *, live: bool, unread: int) -> None:
        super().__init__(count, live=live)
        self._unread = unread

    def begin(self) -> None:
        self._count -= self._unread


@pytest.mark.parametrize("is_viewed", [False, True])
@pytest.mark.parametrize("live", [True, False])
def test_what_a_running_device_gave_before_the_start_is_no_item(
    live: bool, is_viewed: bool
) -> None:
    belt = RunningBelt(5, live=live, unread=3)
    view = ViewTable(width=0.5) if is_viewed else None
    feed = build_queue(viewed(belt, view), name="x", size=8, clock=SystemClock())
    feed.open()
    feed.start()
    assert [item.seq for item in take_all(feed.take)] == [0, 1]
    feed.close()


def test_source_that_is_not_live_is_never_dropped() -> None:
    feed = build_queue(Belt(50, live=False), name="top", size=2, clock=SystemClock())
    assert isinstance(feed, DirectQueue)
    feed.start()
    time.sleep(0.05)
    assert [item.seq for item in take_all(feed.take)] == list(range(50))
    assert feed.dropped == 0


def test_stopped_live_feed_still_gives_what_waits() -> None:
    belt, watch = Belt(2, live=True), Watch()
    feed = build_queue(belt, name="top", size=2, clock=SystemClock())
    feed.start(watch)
    assert wait_until(lambda: watch.grabs == [0, 1])
    feed.stop()
    assert [item.seq for item in take_all(feed.take)] == [0, 1]
    feed.close()


def test_lost_device_is_reopened_with_growing_waits(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)
    clock, belt = ManualClock(), Belt(9, live=False)
    source = ReconnectingSource(belt, "top", clock)
    source.open()
    assert source.next(0.1) is not None
    belt.broken = True
    for _ in range(100):
        assert source.next(0.1) is None
    assert "pulled out" in source.fault or "absent" in source.fault
    belt.broken = False
    until = clock.mono_ns() + round(6e9)
    item = None
    while item is None and clock.mono_ns() < until:
        item = source.next(0.1)
    assert item is not None
    assert item.seq == 1
    assert source.fault == ""
    said = [record.message for record in caplog.records]
    assert len([line for line in said if "lost its source" in line]) == 1
    assert len([line for line in said if "again" in line]) == 1


def test_driver_that_fails_unexpectedly_is_a_lost_device(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    belt = Belt(2, live=True)
    given = belt.next
    faults = iter([RuntimeError("the codec broke"), None, None, None])

    def shaky(timeout_s: float) -> Item | None:
        fault = next(faults)
        if fault is not None:
            raise fault
        return given(timeout_s)

    monkeypatch.setattr(belt, "next", shaky)
    feed = build_queue(belt, name="top", size=2, clock=SystemClock(), reopen_s=[0.001])
    feed.start()
    assert [item.seq for item in take_all(feed.take)] == [0, 1]
    assert (belt.opened, belt.closed) == (2, 1)
    feed.close()


def test_driver_that_cannot_be_opened_for_any_reason_is_logged_once(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    belt = Belt(2, live=True)
    feed = build_queue(belt, name="top", size=2, clock=SystemClock(), reopen_s=[0.001])
    belt.gate.clear()
    feed.start()

    def refuse() -> None:
        belt.opened += 1
        raise ConfigError("the password cannot be read")

    monkeypatch.setattr(belt, "open", refuse)
    belt.broken = True
    belt.gate.set()
    assert wait_until(lambda: belt.opened >= 20)
    assert feed.fault == "the password cannot be read"
    feed.close()
    assert len(caplog.records) == 1


def test_device_that_comes_back_without_giving_anything_is_asked_ever_less_often() -> None:
    clock, belt = ManualClock(), Belt(9, live=False)
    source = ReconnectingSource(belt, "top", clock)
    source.open()

    def breaks(timeout_s: float) -> Item | None:
        raise DeviceError("no frame", where="belt", cure="look at it")

    belt.next = breaks  # type: ignore[method-assign]
    for _ in range(600):
        source.next(0.1)
        clock.advance_s(0.1)
    assert belt.opened < 30, "opened anew more than every five seconds for two minutes"
