"""Rows lie in the table of their stream, also those of an agent that knew another one."""

from __future__ import annotations

import contextlib
import sqlite3
from pathlib import Path

from edge_agent.messaging.outbox_reader import OutboxReader
from edge_agent.messaging.outbox_store import OutboxStore
from edge_agent.messaging.outbox_tables import MESSAGE, TELEMETRY, sort_in
from edge_agent.messaging.row import Row

ROWS = [
    Row(number, "7", number, stream, b'{"kind":"%s"}' % stream.encode())
    for number, stream in enumerate(("verdict", "evidence", "part", "new-kind"), 1)
]


def test_rows_that_another_agent_put_into_the_other_table_are_read(tmp_path: Path) -> None:
    """As before evidence was telemetry; and as after an update that is taken back."""
    store = OutboxStore(tmp_path, 1)
    store.open()
    store.commit(ROWS, [])
    store.close()
    with contextlib.closing(sqlite3.connect(tmp_path / "outbox.db")) as base, base:
        for stream, begin, end in (
            ("evidence", TELEMETRY, MESSAGE), ("new-kind", MESSAGE, TELEMETRY),
        ):  # fmt: skip
            base.execute(f"INSERT INTO {end} SELECT * FROM {begin} WHERE stream = ?", (stream,))
            base.execute(f"DELETE FROM {begin} WHERE stream = ?", (stream,))
    store.open()
    reader = OutboxReader(store)
    assert reader.after(0, 9, only=("evidence", "part")).rows == ROWS[1:3]
    assert reader.after(0, 9, without=("evidence", "part", "condition")).rows == ROWS[::3]
    reader.close()
    store.close()


def test_without_room_for_the_move_they_stay_where_they_are(tmp_path: Path) -> None:
    with contextlib.closing(sqlite3.connect(tmp_path / "x.db", isolation_level=None)) as base:
        for table in (MESSAGE, TELEMETRY):
            base.execute(f"CREATE TABLE {table} (id INTEGER, stream TEXT, payload BLOB)")
        many = [(k, "evidence", bytes(3000)) for k in range(50)]
        base.executemany(f"INSERT INTO {MESSAGE} VALUES (?, ?, ?)", many)
        pages = base.execute("PRAGMA page_count").fetchone()[0]
        base.execute(f"PRAGMA max_page_count = {pages}")
        sort_in(base)
        assert base.execute(f"SELECT count(*) FROM {MESSAGE}").fetchone() == (50,)
        base.execute(f"PRAGMA max_page_count = {4 * pages}")
        sort_in(base)
        assert base.execute(f"SELECT count(*) FROM {TELEMETRY}").fetchone() == (50,)
