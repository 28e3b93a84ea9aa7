"""What waits for somebody slow is bounded, by number and by bytes."""

from __future__ import annotations

import threading

import pytest

from edge_agent.station.relay import Relay
from tests.station_kit import wait_until


def test_the_end_drops_nothing_that_is_large() -> None:
    begun, free, seen = threading.Event(), threading.Event(), list[int]()

    def take(number: int) -> None:
        seen.append(number)
        begun.set()
        free.wait(10)

    relay = Relay(take, "slow", 8, size_of=lambda _: 99, most_bytes=40)
    relay.put(0)
    assert begun.wait(10)
    relay.put(1)
    threading.Timer(0.05, free.set).start()
    relay.close()
    assert (seen, relay.dropped) == ([0, 1], 0)


def test_what_waits_at_the_end_or_comes_later_is_dropped_counted_and_told(
    caplog: pytest.LogCaptureFixture,
) -> None:
    begun, free, seen, dropped = threading.Event(), threading.Event(), list[int](), list[int]()

    def take(number: int) -> None:
        seen.append(number)
        begun.set()
        free.wait(10)

    relay = Relay(take, "slow", on_drop=dropped.append)
    relay.put(0)
    assert begun.wait(10)
    relay.put(1)
    relay.put(2)
    relay.close(limit_s=0.05)
    assert dropped == [1, 2]
    assert "slow: 2 were dropped, they still waited at the end" in caplog.text
    relay.put(3)
    relay.close(limit_s=0)
    free.set()
    assert (seen, dropped, relay.dropped) == ([0], [1, 2, 3], 3)


@pytest.mark.parametrize(
    ("sizes", "expected"),
    [
        ([10] * 20, [0, 16, 17, 18, 19]),
        ([1] * 20, [0, 12, 13, 14, 15, 16, 17, 18, 19]),
        ([1, 1, 99], [0, 2]),
        ([1, 99, 1], [0, 2]),
    ],
    ids=["bytes", "number", "a large one waits alone", "and goes for the next"],
)
def test_the_oldest_goes_beyond_the_bound(sizes: list[int], expected: list[int]) -> None:
    begun, free, seen = threading.Event(), threading.Event(), list[int]()

    def take(one: tuple[int, int]) -> None:
        seen.append(one[0])
        begun.set()
        free.wait(10)

    relay = Relay(take, "slow", 8, size_of=lambda one: one[1], most_bytes=40)
    relay.put((0, sizes[0]))
    assert begun.wait(10)
    for number, size in enumerate(sizes[1:], 1):
        relay.put((number, size))
    free.set()
    wait_until(lambda: len(seen) == len(expected))
    relay.close()
    assert seen == expected
    assert relay.dropped == len(sizes) - len(expected)


@pytest.mark.parametrize(
    ("worths", "expected"),
    [
        ([9, 5, 1, 3, 1, 3], [0, 1, 3, 5]),
        ([9, 5, 5, 5, 1], [0, 1, 2, 3]),
        ([9, 1, 5, 5, 5], [0, 2, 3, 4]),
        ([9, 1, 1, 1, 1], [0, 2, 3, 4]),
    ],
    ids=["the least first", "a new one too", "also where it is the oldest", "the oldest of alike"],
)
def test_what_is_worth_least_goes_first_and_is_told(worths: list[int], expected: list[int]) -> None:
    begun, free, seen, gone = threading.Event(), threading.Event(), list[int](), list[int]()

    def take(number: int) -> None:
        seen.append(number)
        begun.set()
        free.wait(10)

    relay = Relay(take, "slow", 3, worth_of=lambda number: worths[number], on_drop=gone.append)
    relay.put(0)
    assert begun.wait(10)
    for number in range(1, len(worths)):
        relay.put(number)
    free.set()
    wait_until(lambda: len(seen) == len(expected))
    relay.close()
    assert seen == expected
    assert sorted(seen + gone) == list(range(len(worths)))


def test_a_large_one_of_little_worth_does_not_push_out_others() -> None:
    begun, free, seen = threading.Event(), threading.Event(), list[str]()

    def take(name: str) -> None:
        seen.append(name)
        begun.set()
        free.wait(10)

    relay = Relay(take, "slow", 9, size_of=len, most_bytes=8, worth_of=lambda name: name[0] == "F")
    for name in ("F1", "F2", "F3", "P" * 9, "P4", "F5"):
        relay.put(name)
        assert begun.wait(10)
    free.set()
    wait_until(lambda: len(seen) == 5)
    relay.close()
    assert seen == ["F1", "F2", "F3", "P4", "F5"]
