"""The queue before the disk: what waits, what is dropped, what is confirmed."""

from __future__ import annotations

from edge_agent.messaging.hand_over import HandOver, Missed, Waiting
from edge_agent.messaging.row import Row


def message(seq: int) -> Waiting:
    return Waiting("7", seq, "verdict", b"{}")


def test_a_full_queue_counts_the_newest() -> None:
    queue = HandOver(limit=2, batch=10)
    for seq in range(3):
        queue.put(message(seq), "full")
    assert [one.seq for one in queue.batch()] == [0, 1]
    assert queue.missed() == [Missed("7", 2, "full")]
    assert queue.missed() == []


def test_what_is_written_waits_until_it_is_confirmed() -> None:
    queue = HandOver(limit=9, batch=10)
    for seq in range(3):
        queue.put(message(seq), "full")
    queue.written(taken=2, added=2)
    assert (queue.waiting, queue.has_more_than(0), queue.has_more_than(1)) == (3, True, False)
    queue.confirm([Row(41, "7", 0, "verdict", b"")])
    assert queue.waiting == 2
    assert queue.confirmed() == {41: "7"}
    queue.removed([41], 1)
    assert queue.waiting == 2
    assert queue.confirmed() == {}


def test_dropped_messages_are_counted_from_the_oldest() -> None:
    queue = HandOver(limit=9, batch=10)
    for seq in range(2):
        queue.put(message(seq), "full")
    queue.drop(1, "no space")
    assert queue.missed() == [Missed("7", 0, "no space")]
    assert [one.seq for one in queue.batch()] == [1]
    assert not queue.empty


def test_rows_found_on_disk_at_the_start_wait_too() -> None:
    queue = HandOver(limit=9, batch=10)
    assert queue.empty
    queue.counted(5)
    assert (queue.waiting, queue.empty) == (5, True)
