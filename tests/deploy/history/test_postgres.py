"""The history in a real PostgreSQL: partitions, its death, several collectors at once."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from benchmarks.postgres import Postgres, find_postgres
from deploy.history.places import store_at
from deploy.history.stores import partitions
from deploy.history.stores.postgres import PostgresStore
from deploy.history.subscriber import Broker
from edge_agent.contracts.core.errors import StorageError
from tests.deploy.history.history_kit import arrival, collecting, judged, seen
from tests.edge_agent.messaging.mqtt_kit import Line
from tests.station_kit import mosquitto, wait_until

pytestmark = pytest.mark.integrations

DAY_NS = partitions.DAY_NS


@pytest.fixture
def mortal() -> Iterator[Postgres]:
    """A server of the test's own, which it may kill."""
    if find_postgres() is None:
        pytest.skip("PostgreSQL is not installed (apt install postgresql)")
    with Postgres() as running:
        yield running


def tables(store: PostgresStore, like: str) -> set[str]:
    sql = "SELECT relname FROM pg_class WHERE relkind = 'r' AND relname LIKE ?"
    return {str(row["relname"]) for row in store.query(sql, (like,))}


def test_verdicts_lie_in_partitions_by_their_day(database: str) -> None:
    now_ns = time.time_ns()
    days = [now_ns, now_ns - 3 * DAY_NS, now_ns - 500 * DAY_NS, now_ns + 30 * DAY_NS]
    with PostgresStore(database) as store:
        store.add([judged(k, at_ns=at_ns) for k, at_ns in enumerate(days)])
        names = [time.strftime("verdict_p%Y%m%d", time.gmtime(at // 10**9)) for at in days]
        assert tables(store, "verdict_p%") == set(names[:2])
        counts = [store.query(f"SELECT count(*) AS n FROM {name}")[0]["n"]
                  for name in (names[0], names[1], "verdict_default")]  # fmt: skip
        assert counts == [1, 1, 2]


def test_a_dropped_day_does_not_come_back(database: str) -> None:
    at_ns = time.time_ns()
    with PostgresStore(database) as store:
        store.add([judged(k, at_ns=at_ns) for k in range(3)])
        (name,) = tables(store, "verdict_p%")
        store.query(f"DROP TABLE {name}")
        assert store.add([judged(k, at_ns=at_ns) for k in range(3)]).new == 0


def test_a_day_whose_rows_came_too_early_stays_in_the_default_partition(
    database: str, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    ahead_ns = time.time_ns() + 10 * DAY_NS
    with PostgresStore(database) as store:
        store.add([judged(0, at_ns=ahead_ns)])
        monkeypatch.setattr(partitions, "FUTURE_DAYS", 20)
        assert store.add([judged(1, at_ns=ahead_ns)]).new == 1
        assert store.query("SELECT count(*) AS n FROM verdict_default") == [{"n": 2}]
    assert "default partition" in caplog.text


def test_pg_partman_makes_the_days_where_it_is_installed(database: str) -> None:
    with psycopg.connect(database, autocommit=True) as base:
        if not base.execute("SELECT 1 FROM pg_available_extensions WHERE name = 'pg_partman'"
                            ).fetchone():  # fmt: skip
            pytest.skip("pg_partman is not installed (apt install postgresql-15-partman)")
        base.execute("CREATE SCHEMA partman; CREATE EXTENSION pg_partman SCHEMA partman")
    for _ in range(2):
        with PostgresStore(database) as store:
            store.add([judged(0, at_ns=time.time_ns())])
            made = tables(store, "verdict_p2%")
            assert len(made) > 4
            today = time.strftime("verdict_p%Y_%m_%d", time.gmtime())
            assert store.query(f"SELECT count(*) AS n FROM {today}") == [{"n": 1}]


def test_timescaledb_makes_chunks_where_it_is_installed(request: pytest.FixtureRequest) -> None:
    """LINESIDE_TIMESCALEDB: the address of an empty database of a server that has it."""
    database = os.environ.get("LINESIDE_TIMESCALEDB") or request.getfixturevalue("database")
    with psycopg.connect(database, autocommit=True) as base:
        sql = "SELECT 1 FROM pg_available_extensions WHERE name = 'timescaledb'"
        if not base.execute(sql).fetchone():
            pytest.skip("TimescaleDB is not installed (Debian 13: postgresql-17-timescaledb)")
        base.execute("CREATE EXTENSION timescaledb")
    with PostgresStore(database) as store:
        assert store.add([judged(0, at_ns=time.time_ns())]).new == 1
        assert store.query("SELECT count(*) AS n FROM timescaledb_information.chunks") == [{"n": 1}]


def test_collectors_that_write_one_epoch_at_once_keep_one_exact_account(database: str) -> None:
    batches = [[judged(k) for k in range(n, 1000, 4)] for n in range(4)]
    barrier = threading.Barrier(4)

    def write(mine: int) -> None:
        with store_at(database) as store:
            barrier.wait(30)
            for k in range(0, 250, 50):
                store.add([*batches[mine][k : k + 50], *batches[mine - 1][k : k + 50], *seen("t")])

    threads = [threading.Thread(target=write, args=(k,)) for k in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    with store_at(database, writes=False) as store:
        assert store.query("SELECT count(*) AS n FROM verdict") == [{"n": 1000}]
        (row,) = store.query("SELECT received, lost, missing, ranges FROM account")
    assert tuple(row.values()) == (1000, 0, 0, "[[0, 999]]")


def test_a_killed_server_costs_nothing(mortal: Postgres, tmp_path: Path) -> None:
    with (
        mosquitto(tmp_path / "broker") as broker,
        Line(tmp_path / "s", broker.port, ack="application", ack_timeout_s=2) as line,
        collecting(Broker("127.0.0.1", broker.port), store_at(mortal.address)) as collector,
    ):
        ids = line.put(500)
        assert wait_until(lambda: collector.new > 0)
        mortal.kill()
        ids += line.put(500)
        time.sleep(0.5)
        mortal.start()
        assert wait_until(lambda: line.outbox.waiting == 0, 60)
    with store_at(mortal.address, writes=False) as store:
        found = [str(row["event_id"]) for row in store.query("SELECT event_id FROM verdict")]
    assert sorted(found) == sorted(ids)


def test_a_reader_needs_no_right_to_write(database: str) -> None:
    with PostgresStore(database) as store:
        store.add([judged(0)])
        store.query("CREATE ROLE reader LOGIN")
        store.query("GRANT USAGE ON SCHEMA lineside TO reader")
        store.query("GRANT SELECT ON ALL TABLES IN SCHEMA lineside TO reader")
    try:
        with store_at(database.replace("lineside@", "reader@"), writes=False) as reader:
            assert reader.query("SELECT parts FROM yield_by_hour") == [{"parts": 1}]
            with pytest.raises(StorageError, match="permission denied"):
                reader.query("DELETE FROM verdict")
    finally:
        with PostgresStore(database) as store:
            store.query("DROP OWNED BY reader")
            store.query("DROP ROLE reader")


def test_an_error_does_not_show_the_password() -> None:
    store = PostgresStore("postgresql://lineside:secret@127.0.0.1:1/plant")
    with pytest.raises(
        StorageError, match=r"postgresql 127\.0\.0\.1/plant: cannot be used"
    ) as caught:
        store.open()
    assert "secret" not in str(caught.value)


def test_the_batch_goes_through_one_transaction(database: str) -> None:
    kinds = [judged(0), *seen("test"), arrival(judged(1).message)]
    with PostgresStore(database) as store:
        assert store.add(kinds).new == 2
        assert store.query("SELECT count(*) AS n FROM sample") == [{"n": 2}]
