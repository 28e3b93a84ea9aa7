"""Parts that several sources share: numbers, rates, and files in order."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge_agent.capture.counter import ItemCounter
from edge_agent.capture.file_sequence import FileSequence
from edge_agent.capture.rate_limiter import RateLimiter
from edge_agent.capture.source import EndOfSource
from edge_agent.contracts.core.clock import ManualClock
from edge_agent.contracts.core.errors import DeviceError


def test_items_are_numbered_without_a_hole_but_where_one_is_meant() -> None:
    clock = ManualClock(utc_ns=1000, mono_ns=5)
    counter = ItemCounter("top", clock)
    counter.skip()  # before the first there is nothing to miss
    assert counter.stamp() == (1000, 5, 0, "top")
    counter.skip()
    assert counter.stamp()[2] == 2


def test_a_rate_is_kept_by_the_clock() -> None:
    clock = ManualClock()
    limiter = RateLimiter(4, clock)
    times = [(limiter.wait(1), clock.mono_ns())[1] for _ in range(3)]
    assert times == [0, 250_000_000, 500_000_000]


def test_a_late_caller_does_not_catch_up_in_a_burst() -> None:
    clock = ManualClock()
    limiter = RateLimiter(10, clock)
    limiter.wait(1)
    clock.advance_s(5)
    begun = clock.mono_ns()
    for _ in range(4):
        limiter.wait(1)
    assert clock.mono_ns() - begun >= 2 * 100_000_000


def test_a_tick_beyond_the_timeout_is_awaited_no_longer() -> None:
    clock = ManualClock()
    limiter = RateLimiter(0.1, clock)
    assert limiter.wait(1)
    assert not limiter.wait(1)
    assert clock.mono_ns() == 1_000_000_000


def test_files_come_in_name_order_of_one_kind(tmp_path: Path) -> None:
    for name in ("b/2.wav", "a/1.wav", "labels.csv"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    files = FileSequence(tmp_path, (".wav", ".csv"), "recordings")
    files.open()
    assert [files.part_id(files.pop()) for _ in range(2)] == ["a/1.wav", "b/2.wav"]
    with pytest.raises(EndOfSource):
        files.pop()


def test_a_folder_without_such_files_is_named(tmp_path: Path) -> None:
    with pytest.raises(DeviceError, match=r"no recordings \(\.wav\)"):
        FileSequence(tmp_path, (".wav",), "recordings").open()
