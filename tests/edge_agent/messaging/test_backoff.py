"""Waits between connections: they grow, differ between stations, and tell a second client."""

from __future__ import annotations

import random

from edge_agent.messaging.mqtt.backoff import Backoff


def backoff(chance: float = 1.0) -> Backoff:
    return Backoff(30.0, lambda: chance)


def test_waits_double_to_the_limit() -> None:
    b = backoff()
    assert [round(b.wait_s(), 1) for _ in range(10)] == [
        0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 12.8, 25.6, 30.0, 30.0,
    ]  # fmt: skip


def test_stations_are_not_in_step() -> None:
    b = Backoff(30.0, random.Random(1).random)
    waits = [b.wait_s() for _ in range(12)]
    assert len(set(waits)) == len(waits)
    assert all(15 <= wait <= 30 for wait in waits[8:])


def test_only_a_confirmation_or_a_lasting_connection_makes_waits_short() -> None:
    b = backoff()
    for _ in range(6):
        b.lost(taken_over=False, sound=False, pending=())
        b.wait_s()
    assert not b.lasts(29)
    assert b.wait_s() > 10
    assert b.lasts(31)
    assert b.wait_s() == 0.2
    b.wait_s()
    b.confirmed()
    assert b.wait_s() == 0.2


def test_take_over_is_waited_out_also_where_messages_are_confirmed() -> None:
    b, waits = backoff(), []
    for _ in range(5):
        b.confirmed()
        b.lost(taken_over=True, sound=True, pending=())
        waits.append(b.wait_s())
    assert waits == [4, 8, 16, 30, 30]
    b.lasts(301)
    assert b.rivals == 0


def test_second_client_is_seen_without_the_brokers_word() -> None:
    b = backoff()
    for pending in ((), (4, 5), (9,), (), (11, "health")):
        assert b.rivals == 0
        b.lost(taken_over=False, sound=True, pending=pending)
    assert b.rivals == 1


def test_broker_that_restarts_or_breaks_on_one_message_is_no_second_client() -> None:
    b = backoff()
    for _ in range(10):
        b.lost(taken_over=False, sound=True, pending=())
        b.lost(taken_over=False, sound=False, pending=())
    for _ in range(10):
        b.lost(taken_over=False, sound=True, pending=(7,))
    assert b.rivals == 0


def test_broker_that_breaks_on_one_message_and_loses_other_answers_is_no_second_client() -> None:
    b = backoff()
    for first in range(10):
        b.lost(taken_over=False, sound=True, pending=range(first, 21))
    assert b.rivals == 0
