"""A history's file: by whom it is made, read and refused; values that no column takes."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from deploy.history.arrivals import Arrival, EventKey, row_of, table_of
from deploy.history.dialect import SQLITE, VIEW_FILES
from deploy.history.places import store_at
from deploy.history.store import HistoryStore
from deploy.history.stores.sqlite import SqliteStore
from edge_agent.contracts.core.errors import InputError, StorageError
from tests.deploy.history.history_kit import NOON_NS, judged, named_gap, seen


def test_a_reader_does_not_make_the_file(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="cannot be used"):
        store_at(str(tmp_path / "none.db"), writes=False).open()
    assert not (tmp_path / "none.db").exists()


def test_a_reader_sees_what_the_writer_committed(place: str) -> None:
    with store_at(place) as writer, store_at(place, writes=False) as reader:
        writer.add([judged(0)])
        assert reader.query("SELECT event_id FROM verdict") == [{"event_id": "test/1/0"}]


def test_a_closed_store_says_so_and_can_be_opened_again(place: str) -> None:
    store = store_at(place)
    for _ in range(2):
        store.open()
        store.close()
        store.close()
    with pytest.raises(StorageError, match="not open"):
        store.add([judged(0)])


@pytest.mark.parametrize("make", ["CREATE TABLE verdict (a)", "PRAGMA user_version = 7"])
def test_a_file_of_another_format_is_refused(tmp_path: Path, make: str) -> None:
    path = tmp_path / "history.db"
    base = sqlite3.connect(path)
    base.execute("CREATE TABLE other (a)")
    base.execute(make)
    base.commit()
    base.close()
    for writes in (True, False):
        with pytest.raises(StorageError, match=r"its format is [07], this version knows 2"):
            SqliteStore(path, writes=writes).open()


def test_a_value_without_room_refuses_the_batch_and_leaves_no_trace(store: HistoryStore) -> None:
    with pytest.raises(InputError, match="no column takes it"):
        store.add([judged(0), judged(1, at_ns=10**30)])
    assert store.query("SELECT * FROM verdict") == []
    assert store.query("SELECT * FROM account") == []
    assert store.add([judged(0)]).new == 1


@pytest.mark.integrations
def test_text_that_postgres_cannot_hold_is_refused_alone(database: str) -> None:
    bad = judged(0, reason="a\x00b")
    with store_at(database) as store:
        with pytest.raises(InputError, match="no column takes it"):
            store.add([bad])
        assert store.add([judged(0)]).new == 1


def test_the_newest_sample_of_a_kind_is_the_latest(store: HistoryStore) -> None:
    store.add([*seen("a", "armed", NOON_NS), *seen("a", "disarmed", NOON_NS + 1)])
    rows = store.query("SELECT kind, at_ns FROM latest ORDER BY kind")
    assert [(row["kind"], row["at_ns"]) for row in rows] == [
        ("health", NOON_NS + 1),
        ("state", NOON_NS + 1),
    ]
    assert store.query("SELECT count(*) AS samples FROM sample") == [{"samples": 4}]


def test_a_retained_message_that_comes_again_is_no_news(store: HistoryStore) -> None:
    first = seen("a", "armed", NOON_NS)
    store.add(first)
    store.add([one._replace(received_ns=NOON_NS + 10**9) for one in first])
    rows = store.query("SELECT received_ns FROM latest")
    assert {row["received_ns"] for row in rows} == {NOON_NS}


def test_each_kind_has_its_table_and_its_key() -> None:
    kinds = [judged(3), named_gap(4, 0, 1, 2), *seen("test")]
    assert [table_of(one.message) for one in kinds] == ["verdict", "gap", "sample", "sample"]
    assert row_of(kinds[1])[:3] == ("test/1/4", "test", "1")
    assert isinstance(kinds[0], Arrival)
    assert EventKey.of(judged(3).message) == EventKey("test", "1", 3)  # type: ignore[arg-type]


def test_no_marker_of_a_dialect_is_left_in_the_views() -> None:
    statements = [one for file in VIEW_FILES for one in SQLITE.statements(file)]
    assert len(statements) > 10
    assert not [one for one in statements if "@" in one or "{" in one]
