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
