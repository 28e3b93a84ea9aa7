"""A broker that loses what it acknowledged: only the collector's word counts at level 2."""

from __future__ import annotations

from pathlib import Path

import pytest

from deploy.history.stores.sqlite import SqliteStore
from deploy.history.subscriber import Broker
from tests.deploy.history.history_kit import collecting
from tests.deploy.history.test_collector import ids_of
from tests.edge_agent.messaging.mqtt_kit import Client, Line
from tests.station_kit import mosquitto, wait_until

NOT_KEPT = "persistence false"


@pytest.mark.parametrize(
    ("ack", "count_stored"), [("broker", 0), ("application", 200)], ids=["level 1", "level 2"]
)
def test_a_killed_broker_loses_what_it_acknowledged_but_not_at_level_2(
    tmp_path: Path, ack: str, count_stored: int
) -> None:
    path, keys = tmp_path / "history.db", {"ack": ack, "ack_timeout_s": 0.2}
    with mosquitto(tmp_path / "broker", extra=NOT_KEPT) as broker:
        place = Broker("127.0.0.1", broker.port)
        with collecting(place, SqliteStore(path)):
            pass
        with (
            Client(broker.port, "lineside/test/verdict") as witness,
            Line(tmp_path / "s", broker.port, **keys) as line,
        ):
            ids = line.put(200)
            # The broker has all of them for the collector's session, whose client is away.
            assert wait_until(lambda: len(witness.payloads) >= 200)
            assert wait_until(lambda: line.outbox.waiting == (200 if count_stored else 0))
            broker.kill()
            broker.start()
            with collecting(place, SqliteStore(path)) as collector:
                assert wait_until(lambda: collector.new == count_stored)
                assert wait_until(lambda: line.outbox.waiting == 0)
    assert sorted(ids_of(path)) == (sorted(ids) if count_stored else [])


def test_a_count_that_grows_is_logged_once_and_not_at_each_number(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with (
        mosquitto(tmp_path / "broker") as broker,
        Client(broker.port, "lineside/test/verdict"),
        Line(tmp_path / "s", broker.port, ack="application", ack_timeout_s=0.2) as line,
    ):
        line.put(1)
        assert line.says("no receiver confirms 1 messages")
        for count in range(2, 8):
            line.put(1)
            assert line.says(f"no receiver confirms {count} messages")
    assert len([text for text in caplog.messages if "no receiver confirms" in text]) == 1
