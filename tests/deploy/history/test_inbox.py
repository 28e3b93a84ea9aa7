"""What a collector takes from a topic, and what not."""

from __future__ import annotations

import pytest

from deploy.history.inbox import is_check, read_arrival
from tests.deploy.history.history_kit import judged, seen

GOOD = judged(0).payload.encode()


def test_a_message_keeps_its_own_words() -> None:
    found = read_arrival("plant/hall-2/test/verdict", GOOD, 5)
    assert found is not None
    assert (found.payload, found.received_ns) == (GOOD.decode(), 5)


@pytest.mark.parametrize(
    ("topic", "payload"),
    [
        ("lineside/other/verdict", GOOD),
        ("lineside/test/gap", GOOD),
        ("lineside/test/ack", b'{"event_ids": []}'),
        ("lineside/test/nothing", GOOD),
        ("lineside/test/verdict", GOOD.replace(b"test/1/0", b"forged/1/0")),
        ("lineside/test/verdict", b"\xff" + GOOD),
        ("lineside/test/state", seen("other")[0].payload.encode()),
    ],
    ids=["station", "kind", "inbound", "stream", "event id", "bytes", "state"],
)
def test_what_is_not_as_its_topic_says_is_left(topic: str, payload: bytes) -> None:
    assert read_arrival(topic, payload, 0) is None


def test_a_field_that_a_newer_station_adds_costs_no_message() -> None:
    newer = GOOD.replace(b'{"', b'{"colour":"red","', 1)
    found = read_arrival("lineside/test/verdict", newer, 5)
    assert found is not None
    assert found.payload == newer.decode()


def test_the_message_of_lineside_agent_check_is_known() -> None:
    assert is_check(b'{"schema_version":1,"kind":"check"}')
    assert not is_check(GOOD)
