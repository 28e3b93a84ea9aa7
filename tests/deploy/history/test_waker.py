"""The pipe that wakes a thread."""

from __future__ import annotations

import select

from deploy.history.waker import Waker


def test_a_wake_is_seen_and_more_of_them_than_the_pipe_holds_are_one() -> None:
    waker = Waker()
    assert select.select([waker.end], [], [], 0)[0] == []
    for _ in range(100_000):
        waker.wake()
    assert select.select([waker.end], [], [], 0)[0] == [waker.end]
    waker.close()
    waker.close()
    waker.wake()
