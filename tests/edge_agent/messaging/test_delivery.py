"""What is sent next and what an answer means: the rules alone, with time as an argument."""

from __future__ import annotations

import pytest

from edge_agent.broker.packets import NO_SUBSCRIBER
from edge_agent.messaging.mqtt.delivery import Delivery
from edge_agent.messaging.mqtt.lanes import Query, Span
from edge_agent.messaging.outbox_reader import Page
from edge_agent.messaging.row import Row


def rows(count: int, stream: str = "verdict", first: int = 1) -> list[Row]:
    return [Row(k, "1", k - 1, stream, b"{}") for k in range(first, first + count)]


def delivery(*, by_receiver: bool = False, window: int = 10) -> Delivery:
    made = Delivery(window=window, by_receiver=by_receiver, keep_unheard=True, ack_timeout_s=30)
    made.connected(65535, 0)
    return made


def test_row_whose_answer_is_lost_is_sent_again_first_on_the_next_connection() -> None:
    d = delivery()
    for row in rows(5):
        d.sent(row, row.id)
    assert d.answered(1, 0, "", 0) == rows(1)[0]
    d.lost(1)
    d.connected(65535, 2)
    assert list(d.again) == [2, 3, 4, 5]


def test_window_respects_the_brokers_receive_maximum() -> None:
    d = Delivery(window=100, by_receiver=False, keep_unheard=True, ack_timeout_s=30)
    d.connected(20, 0)
    assert d.room == 19


def test_connections_that_break_before_any_answer_are_tried_with_one_row() -> None:
    d = delivery()
    for row in rows(5):
        d.sent(row, row.id)
    d.lost(1)
    d.connected(65535, 2)
    assert d.room == 1
    d.sent(rows(1)[0], 9)
    assert d.answered(9, 0, "", 3) is not None
    assert d.room == 2


def test_row_on_which_three_connections_break_is_set_apart() -> None:
    d = delivery()
    bad = rows(1)[0]
    for attempt in range(3):
        d.connected(65535, attempt)
        d.again.clear()
        d.sent(bad, 1)
        d.sent(rows(1, first=2)[0], 2)
        assert d.lost(attempt) == [bad.id, 2]
    d.connected(65535, 5)
    assert list(d.again) == [2]
    assert "the connection breaks on it" in " ".join(d.faults())


def test_refused_row_is_tried_again_ever_more_seldom() -> None:
    d = delivery()
    bad, now, waits = rows(1)[0], 0.0, []
    d.sent(bad, 1)
    d.answered(1, 0x97, "", now)
    for _ in range(8):
        begin = now
        while not d.again:
            now += 1
            d.look_back(now)
        waits.append(now - begin)
        d.again.clear()
        d.sent(bad, 1)
        d.answered(1, 0x97, "", now)
        d.sent(rows(1, first=99)[0], 2)
        d.answered(2, 0, "", now)
    assert waits == [60, 120, 240, 480, 960, 1920, 3600, 3600]


def test_topic_that_nobody_hears_is_asked_with_one_row_and_then_catches_up() -> None:
    d = delivery()
    for row in rows(5):
        d.sent(row, row.id)
    d.lanes[0].live = 5
    for row in rows(5):
        assert d.answered(row.id, NO_SUBSCRIBER, "", 0) is None
    assert list(d.pauses) == ["verdict"]
    query = d.lanes[0].live_query()
    assert query is not None
    assert "verdict" in query.without
    d.lanes[0].took(query, Page([], 50))
    d.look_back(0.5)
    assert list(d.again) == []
    d.look_back(1)
    assert len(d.again) == 1
    d.sent(rows(1)[0], 7)
    assert d.answered(7, 0, "", 2) is not None
    assert d.pauses == {}
    assert d.lanes[0].resumed == {"verdict": [Span(5, 50)]}
    d.again.clear()
    d.look_back(2)
    assert sorted(d.again) == [2, 3, 4, 5]


@pytest.mark.parametrize(("stream", "told"), [("verdict", 1), ("evidence", 0), ("condition", 0)])
def test_only_a_stream_that_every_plant_needs_is_missed_by_nobody(stream: str, told: int) -> None:
    made = delivery()
    (row,) = rows(1, stream)
    made.refuse(row, "nobody subscribes to it", 0.0, NO_SUBSCRIBER)
    assert len(made.faults()) == told
    made.pauses[stream].probing = True
    made.refuse(row, "not authorized", 1.0, 0x87)
    assert made.faults() == [f"{stream} messages stay on disk: not authorized"]


def test_paused_topic_is_asked_with_another_row_each_time() -> None:
    """The oldest may be refused for its own sake."""
    d, asked, now = delivery(), set(), 0.0
    for row in rows(10):
        d.sent(row, row.id)
    for row in rows(10):
        d.answered(row.id, 0x87, "", now)
    for _ in range(10):
        while not d.again:
            now += 1
            d.look_back(now)
        number = d.again.popleft()
        asked.add(number)
        d.sent(rows(1, first=number)[0], number)
        d.answered(number, 0x87, "", now)
    assert asked == set(range(1, 11))
    assert d.pauses["verdict"].wait_s == 10


def test_rows_read_ahead_are_read_again_after_a_pause() -> None:
    d = delivery()
    d.sent(rows(1)[0], 1)
    lane = d.lanes[0]
    lane.live = 1
    lane.took(Query(1), Page([*rows(20, first=2), *rows(1, "gap", first=22)], 22))
    d.answered(1, NO_SUBSCRIBER, "", 0)
    assert (lane.live, [row.stream for row in lane.ahead]) == (22, ["gap"])
    lane.resume("verdict")
    query = lane.backlog_query()
    assert query is not None
    assert (query.begin, query.until, query.only) == (1, 21, ("verdict",))


def test_only_sent_and_waiting_events_can_be_acknowledged() -> None:
    d = delivery(by_receiver=True)
    for row in rows(3):
        d.sent(row, row.id)
        assert d.answered(row.id, 0, "", 0) is None
    assert d.acknowledged([("1", 7), ("2", 0)], [("2", 99)], 1) == []
    assert d.acknowledged([("1", 1), ("1", 1)], [], 1) == rows(1, first=2)
    assert d.acknowledged([], [("1", 10**17)], 1) == [rows(3)[0], rows(3)[2]]
    assert not d.unconfirmed


def test_row_confirmed_while_its_copy_is_under_way_is_not_waited_for_again() -> None:
    d = delivery(by_receiver=True)
    row = rows(1)[0]
    d.sent(row, 1)
    d.answered(1, 0, "", 0)
    d.look_back(31)
    assert list(d.again) == [1]
    d.again.clear()
    d.sent(row, 2)
    assert d.acknowledged([("1", 0)], [], 32) == [row]
    assert d.answered(2, 0, "", 33) is None
    assert not d.unconfirmed


def test_silent_receiver_gets_copies_of_one_row_at_doubling_intervals() -> None:
    d, times = delivery(by_receiver=True), []
    for row in rows(10):
        d.sent(row, row.id)
        d.answered(row.id, 0, "", 0)
    for now in range(1, 4000):
        d.look_back(now)
        while d.again:
            times.append(now)
            number = d.again.popleft()
            assert number == 1
            d.sent(rows(1)[0], 1)
            d.answered(1, 0, "", now)
    assert times == [30, 90, 210, 450, 930, 1530, 2130, 2730, 3330, 3930]


def old_delivery(*, by_receiver: bool = False) -> Delivery:
    """Of MQTT 3.1.1, whose PUBACK cannot refuse."""
    made = Delivery(10, by_receiver, keep_unheard=True, ack_timeout_s=30, can_refuse=False)
    made.connected(65535, 0)
    return made


def test_answer_without_a_code_counts_once_the_connection_outlived_it() -> None:
    d = old_delivery()
    for row in rows(2):
        d.sent(row, row.id)
    assert d.answered(1, 0, "", 1.0) is None
    assert d.answered(2, 0, "", 1.15) is None
    assert d.outlived(1.1) == []
    assert d.outlived(1.25) == rows(1)
    assert d.outlived(1.4) == rows(1, first=2)


def test_row_whose_answer_is_the_end_of_three_connections_is_set_apart() -> None:
    d = old_delivery()
    for attempt in range(3):
        d.connected(65535, attempt)
        d.again.clear()
        d.sent(rows(1)[0], 1)
        d.sent(rows(1, first=2)[0], 2)
        assert d.answered(1, 0, "", attempt) is None
        assert d.lost(attempt) == [1, 2]
    d.connected(65535, 5)
    assert list(d.again) == [2]
    assert "the connection breaks on it" in " ".join(d.faults())
    assert d.outlived(9) == []


def test_row_that_a_receiver_confirmed_is_not_sent_again_whatever_ends_the_connection() -> None:
    d = old_delivery(by_receiver=True)
    for row in rows(2):
        d.sent(row, row.id)
        d.answered(row.id, 0, "", 1)
    assert d.acknowledged([("1", 0)], [], 1.1) == rows(1)
    assert d.lost(1.15) == [2]
    d.connected(65535, 2)
    assert list(d.again) == [2]


def test_a_repeated_row_is_no_older_than_when_it_was_sent_first() -> None:
    """Its bytes stay, so a receiver may compare them."""
    d = delivery()
    live, waiting = rows(2)
    d.sent(live, 1)
    d.lost(1)
    d.connected(65535, 2, newest=2)
    assert (d.is_old(live), d.is_old(waiting)) == (False, True)
    d.confirmed([live])
    assert d.is_old(live)
