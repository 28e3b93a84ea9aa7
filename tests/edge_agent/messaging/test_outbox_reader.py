"""What the sender reads: pages by id and stream, rows by number, and rows that were altered."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from edge_agent.messaging.outbox_reader import OutboxReader
from edge_agent.messaging.outbox_store import OutboxStore
from edge_agent.messaging.row import Row, seal
from edge_agent.messaging.sqlite_faults import StoreDamagedError

ROWS = [Row(k, "1", k, "gap" if k % 3 == 0 else "verdict", b"{%d}" % k) for k in range(1, 10)]


@pytest.fixture
def store(tmp_path: Path) -> Iterator[OutboxStore]:
    """A store whose file was filled by SQLite itself."""
    made = OutboxStore(tmp_path, 8, busy_s=0.05)
    made.open()
    base = sqlite3.connect(tmp_path / "outbox.db")
    for row in ROWS:
        values = (row.id, row.epoch, row.seq, row.stream, seal(row), row.payload)
        base.execute("INSERT INTO message VALUES (?, ?, ?, ?, ?, ?)", values)
    base.commit()
    base.close()
    yield made
    made.close()


@pytest.fixture
def reader(store: OutboxStore) -> Iterator[OutboxReader]:
    made = OutboxReader(store)
    yield made
    made.close()


def test_pages_follow_each_other_without_a_hole(reader: OutboxReader) -> None:
    first = reader.after(0, 4)
    second = reader.after(first.end, 100)
    assert [*first.rows, *second.rows] == ROWS
    assert (first.end, first.full, second.end, second.full) == (4, True, 9, False)
    assert reader.after(9, 4).rows == []


@pytest.mark.parametrize(
    ("asked", "ids"),
    [
        ({"only": ["gap"]}, [3, 6, 9]),
        ({"without": ["gap"]}, [1, 2, 4, 5, 7, 8]),
        ({"without": ["gap", "verdict"]}, []),
        ({"only": ["gap"], "until": 6}, [3, 6]),
        ({"only": ["none"]}, []),
    ],
)
def test_streams_are_chosen(asked: dict[str, object], ids: list[int], reader: OutboxReader) -> None:
    page = reader.after(0, 100, **asked)  # type: ignore[arg-type]
    assert [row.id for row in page.rows] == ids
    assert page.end == asked.get("until", 9), "what was left out is not asked for again"


def test_rows_that_are_gone_are_left_out(store: OutboxStore, reader: OutboxReader) -> None:
    store.remove([2], [])
    assert [row.id for row in reader.rows([7, 2, 1])] == [1, 7]


def test_an_altered_payload_is_damage(reader: OutboxReader, tmp_path: Path) -> None:
    base = sqlite3.connect(tmp_path / "outbox.db")
    base.execute("UPDATE message SET payload = ? WHERE id = 5", (b"{6}",))
    base.commit()
    base.close()
    assert [row.id for row in reader.after(0, 4).rows] == [1, 2, 3, 4]
    with pytest.raises(StoreDamagedError, match="row 5 is not what was written"):
        reader.after(4, 4)


def test_a_store_that_is_closed_gives_no_rows(store: OutboxStore, reader: OutboxReader) -> None:
    assert len(reader.rows([1, 2])) == 2
    store.close()
    assert reader.after(0, 4).rows == []
