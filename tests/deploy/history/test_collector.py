"""From a station's outbox to the plant's database: each verdict once, and confirmed after that."""

from __future__ import annotations

import contextlib
import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path

from deploy.history.collector import Broker, Collector
from deploy.history.store import HistoryStore
from edge_agent.contracts.core.types import Verdict
from tests.edge_agent.messaging.mqtt_kit import Client, Line
from tests.station_kit import mosquitto, verdict, wait_until


@contextlib.contextmanager
def collecting(port: int, path: Path) -> Iterator[Collector]:
    """A collector at work in a thread of its own."""
    store, stop = HistoryStore(path), threading.Event()
    collector = Collector(Broker("127.0.0.1", port), store)

    def run() -> None:
        store.open()
        collector.run(stop)
        store.close()

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield collector
    finally:
        stop.set()
        thread.join(20)


def stored(path: Path, query: str = "SELECT event_id FROM verdict") -> list[tuple[object, ...]]:
    base = sqlite3.connect(path)
    rows = base.execute(query).fetchall()
    base.close()
    return rows


def test_every_verdict_is_stored_once_and_then_leaves_the_station(tmp_path: Path) -> None:
    path = tmp_path / "history.db"
    keys = {"ack": "application", "ack_timeout_s": 0.5}
    with (
        mosquitto(tmp_path / "broker") as broker,
        Line(tmp_path / "s", broker.port, **keys) as line,
    ):
        with collecting(broker.port, path):
            ids = line.put(300)
            assert wait_until(lambda: line.outbox.waiting == 0, 20)
        ids += line.put(200)
        assert line.says("no receiver confirms")
        assert line.outbox.waiting == 200
        with collecting(broker.port, path) as again:
            assert wait_until(lambda: line.outbox.waiting == 0, 20)
            assert again.unreadable == 0
    assert {row[0] for row in stored(path)} == set(ids)
    assert len(stored(path)) == len(ids)


def test_strangers_messages_are_counted_and_not_stored(tmp_path: Path) -> None:
    path = tmp_path / "history.db"
    forged = verdict("other/1/0").model_dump_json(exclude_none=True)
    with mosquitto(tmp_path / "broker") as broker, collecting(broker.port, path) as collector:
        assert wait_until(path.exists)
        with Client(broker.port) as stranger:
            for payload in (b"", b"[" * 9999, b'{"kind":"verdict"}', forged.encode()):
                wait_until(lambda: False, 0.2)
                stranger.publish("lineside/test/verdict", payload)
        assert wait_until(lambda: collector.unreadable == 4)
    assert stored(path) == []


def test_views_count_yield_and_reasons(tmp_path: Path) -> None:
    store = HistoryStore(tmp_path / "history.db")
    store.open()
    hour_ns = 3600 * 10**9
    store.add(
        verdict(f"test/1/{k}").model_copy(
            update={
                "verdict": Verdict.FAIL if k % 10 == 0 else Verdict.PASS,
                "reason": "top: scratch" if k % 10 == 0 else "",
                "at_ns": (1 + k // 50) * hour_ns,
            }
        )
        for k in range(100)
    )
    repeated = store.add([verdict("test/1/0")])
    store.close()
    assert (repeated.new, repeated.repeated) == (0, 1)
    hours = stored(tmp_path / "history.db", "SELECT hour, parts, failed FROM yield_by_hour")
    assert hours == [("1970-01-01T01:00Z", 50, 5), ("1970-01-01T02:00Z", 50, 5)]
    assert stored(tmp_path / "history.db", "SELECT reason, parts FROM pareto") == [
        ("top: scratch", 10)
    ]
    (low, high) = stored(tmp_path / "history.db", "SELECT low, high FROM p_chart")[0]
    assert (round(float(str(low)), 4), round(float(str(high)), 4)) == (0.0, 0.2273)
