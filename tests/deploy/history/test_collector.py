"""From a station's outbox to the plant's database: each verdict once, and confirmed after that."""

from __future__ import annotations

import gc
import sqlite3
import threading
import time
from collections.abc import Iterable
from contextlib import ExitStack
from pathlib import Path

import pytest

from benchmarks.brokers import EmbeddedBroker
from deploy.history.arrivals import Arrival
from deploy.history.collector import Collector
from deploy.history.ledger import Stored
from deploy.history.sharing import Share
from deploy.history.store import Record
from deploy.history.stores.sqlite import SqliteStore
from deploy.history.subscriber import Broker
from edge_agent.contracts.core.clock import SystemClock
from edge_agent.contracts.core.errors import BrokerError, StorageError
from tests.deploy.history.history_kit import collecting, judged, seen
from tests.edge_agent.messaging.mqtt_kit import Client, Line
from tests.station_kit import mosquitto, verdict, wait_until


def stored(path: Path, query: str = "SELECT event_id FROM verdict") -> list[Record]:
    with SqliteStore(path, writes=False) as store:
        return store.query(query)


def ids_of(path: Path) -> list[str]:
    return [str(row["event_id"]) for row in stored(path)]


def test_every_verdict_is_stored_once_and_then_leaves_the_station(tmp_path: Path) -> None:
    path = tmp_path / "history.db"
    keys = {"ack": "application", "ack_timeout_s": 0.2}
    with mosquitto(tmp_path / "broker") as broker, ExitStack() as running:
        place = Broker("127.0.0.1", broker.port)
        with collecting(place, SqliteStore(path)):
            line = running.enter_context(Line(tmp_path / "s", broker.port, **keys))
            ids = line.put(300)
            assert wait_until(lambda: line.outbox.waiting == 0, 20)
        ids += line.put(200)
        assert line.says("no receiver confirms")
        assert line.outbox.waiting == 200
        with collecting(place, SqliteStore(path)) as again:
            assert wait_until(lambda: line.outbox.waiting == 0, 20)
            assert again.unreadable == 0
    assert sorted(ids_of(path)) == sorted(ids)
    (row,) = stored(path, "SELECT received, lost, missing FROM account")
    assert tuple(row.values()) == (500, 0, 0)


def test_a_broker_that_allows_one_message_at_a_time_is_enough(tmp_path: Path) -> None:
    broker = mosquitto(tmp_path / "broker", "max_inflight_messages 1")
    keys = {"ack": "application", "ack_timeout_s": 0.5}
    with (
        broker,
        collecting(Broker("127.0.0.1", broker.port), SqliteStore(tmp_path / "h.db")),
        Line(tmp_path / "s", broker.port, **keys) as line,
    ):
        line.put(20)
        assert wait_until(lambda: line.outbox.waiting == 0, 20)


def test_strangers_messages_are_counted_and_not_stored(tmp_path: Path) -> None:
    path = tmp_path / "history.db"
    forged = verdict("other/1/0").model_dump_json(exclude_none=True)
    with (
        mosquitto(tmp_path / "broker") as broker,
        collecting(Broker("127.0.0.1", broker.port), SqliteStore(path)) as collector,
        Client(broker.port) as stranger,
    ):
        for payload in (b"", b"[" * 9999, b'{"kind":"verdict"}', forged.encode()):
            stranger.publish("lineside/test/verdict", payload)
        assert wait_until(lambda: collector.unreadable == 4)
    assert ids_of(path) == []


def test_a_message_without_room_in_a_column_is_refused_alone(tmp_path: Path) -> None:
    path = tmp_path / "history.db"
    batch = [judged(k, at_ns=10**30 if k == 5 else k) for k in range(9)]
    with (
        mosquitto(tmp_path / "broker") as broker,
        collecting(Broker("127.0.0.1", broker.port), SqliteStore(path)) as collector,
        Client(broker.port, "lineside/test/ack") as station,
    ):
        for one in batch:
            station.publish("lineside/test/verdict", one.payload)
        assert wait_until(lambda: (collector.new, collector.refused) == (8, 1))
        named = {f"test/1/{k}" for k in (6, 7, 8)}
        assert wait_until(lambda: named <= {i for d in station.documents() for i in d["event_ids"]})
        ends = {end for document in station.documents() for end in document["through"]}
    assert max(ends) == "test/1/4"
    assert len(ids_of(path)) == 8


class AwayStore(SqliteStore):
    """A history whose disk fails `faults` times before a commit goes through."""

    faults = 2

    def add(self, arrivals: Iterable[Arrival]) -> Stored:
        if self.faults:
            self.faults -= 1
            raise StorageError("disk I/O error", where="history.db", cure="check it")
        return super().add(arrivals)


def test_a_database_that_is_away_is_waited_for(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "history.db"
    with (
        mosquitto(tmp_path / "broker") as broker,
        collecting(Broker("127.0.0.1", broker.port), AwayStore(path)) as collector,
        Line(tmp_path / "s", broker.port, ack="application") as line,
    ):
        ids = line.put(50)
        assert wait_until(lambda: line.outbox.waiting == 0, 20)
        assert (collector.new, collector.repeated) == (50, 0)
    assert sorted(ids_of(path)) == sorted(ids)
    assert [r.message for r in caplog.records if "nothing is stored for now" in r.message]
    assert "the database takes messages again" in caplog.messages


def test_a_broker_keeps_what_is_not_committed_where_its_answer_is_held(tmp_path: Path) -> None:
    path = tmp_path / "history.db"
    with mosquitto(tmp_path / "broker") as broker, Client(broker.port) as station:
        place = Broker("127.0.0.1", broker.port, hold=True)
        away = AwayStore(path)
        away.faults = 1_000_000
        with collecting(place, away) as collector:
            for k in range(5):
                station.publish("lineside/test/verdict", judged(k).payload)
            assert wait_until(lambda: away.faults < 1_000_000)
        with collecting(place, SqliteStore(path)) as collector:
            assert wait_until(lambda: collector.new == 5)


class SlowStore(SqliteStore):
    """A history whose disk takes a moment for each commit."""

    def add(self, arrivals: Iterable[Arrival]) -> Stored:
        time.sleep(0.05)
        return super().add(arrivals)


def test_what_the_broker_was_told_is_committed_before_the_end(tmp_path: Path) -> None:
    path = tmp_path / "history.db"
    with mosquitto(tmp_path / "broker") as broker, Client(broker.port) as station:
        place = Broker("127.0.0.1", broker.port)
        with collecting(place, SlowStore(path)):
            for k in range(2000):
                station.publish("lineside/test/verdict", judged(k).payload, qos=0)
            station.publish("lineside/test/verdict", judged(2000).payload)
        for k in range(2001, 2100):
            station.publish("lineside/test/verdict", judged(k).payload)
        with collecting(place, SqliteStore(path)) as second:
            named = {f"test/1/{k}" for k in range(2000, 2100)}
            assert wait_until(lambda: named <= set(ids_of(path)) and second.new > 0)


def test_collectors_share_the_stations_by_the_hash_of_their_names(tmp_path: Path) -> None:
    names = [f"press-{k}" for k in range(8)]
    paths = [tmp_path / "one.db", tmp_path / "two.db"]
    with mosquitto(tmp_path / "broker") as broker, Client(broker.port) as station:
        places = [
            Broker("127.0.0.1", broker.port, client_id=f"c{k}", share=Share(k, 2)) for k in (1, 2)
        ]
        with (
            collecting(places[0], SqliteStore(paths[0])) as one,
            collecting(places[1], SqliteStore(paths[1])) as two,
        ):
            for name in names:
                station.publish(f"lineside/{name}/state", seen(name)[0].payload)
            assert wait_until(lambda: one.stations | two.stations == set(names))
            for name in names:
                station.publish(f"lineside/{name}/verdict", judged(0, station=name).payload)
            assert wait_until(lambda: one.new + two.new == 8)
    found = [{name.split("/")[0] for name in ids_of(path)} for path in paths]
    assert found == [{n for n in names if place.share.takes(n)} for place in places]
    assert all(found)


def test_a_group_shares_one_subscription_and_keeps_one_account(tmp_path: Path) -> None:
    path = tmp_path / "history.db"
    with mosquitto(tmp_path / "broker") as broker:
        places = [
            Broker("127.0.0.1", broker.port, client_id=f"c{k}", group="plant") for k in (1, 2)
        ]
        with (
            collecting(places[0], SqliteStore(path)) as one,
            collecting(places[1], SqliteStore(path)) as two,
        ):
            with Line(tmp_path / "s", broker.port, ack="application") as line:
                ids = line.put(200)
                assert wait_until(lambda: line.outbox.waiting == 0, 20)
            assert (one.new + two.new, one.repeated + two.repeated) == (200, 0)
            assert min(one.new, two.new) > 0
    assert sorted(ids_of(path)) == sorted(ids)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # amqtt's own
@pytest.mark.filterwarnings("ignore::ResourceWarning")
def test_a_broker_of_mqtt_3_1_1_is_enough(tmp_path: Path) -> None:
    path = tmp_path / "history.db"
    with EmbeddedBroker() as broker:
        place = Broker("127.0.0.1", broker.port, protocol="3.1.1")
        with (
            collecting(place, SqliteStore(path)),
            Line(tmp_path / "s", broker.port, ack="application", protocol="3.1.1") as line,
        ):
            ids = line.put(20)
            assert wait_until(lambda: line.outbox.waiting == 0, 20)
    gc.collect()  # what amqtt left open is warned of here, and not in the middle of another test
    assert sorted(ids_of(path)) == sorted(ids)


def test_a_broker_that_is_away_at_the_start_is_an_error(tmp_path: Path) -> None:
    collector = Collector(Broker("127.0.0.1", 1), SqliteStore(tmp_path / "h.db"), SystemClock())
    with pytest.raises(BrokerError, match=r"broker 127\.0\.0\.1:1: cannot be reached"):
        collector.run(threading.Event())


def test_two_processes_may_write_one_file(tmp_path: Path) -> None:
    path = tmp_path / "history.db"
    with SqliteStore(path) as one, SqliteStore(path) as two:
        assert one.add([judged(k) for k in range(5)]).new == 5
        assert two.add([judged(k) for k in range(10)]).new == 5
        assert one.add([judged(10)]).through == {("test", "1"): 10}
    base = sqlite3.connect(path)
    assert base.execute("SELECT count(*) FROM verdict").fetchone() == (11,)
    base.close()
