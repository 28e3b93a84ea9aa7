"""Saving rows of a damaged file that SQLite itself wrote, and putting a new one in its place."""

from __future__ import annotations

import contextlib
import sqlite3
from pathlib import Path

from edge_agent.messaging.outbox_rebuild import finish_rebuild, rebuild, sqlite_rows, wal_rows
from edge_agent.messaging.row import Book, Row, book_columns, seal

SCHEMA = """
CREATE TABLE message (id INTEGER PRIMARY KEY, epoch TEXT, seq INTEGER, stream TEXT, seal BLOB,
    payload BLOB);
CREATE TABLE epoch (epoch TEXT PRIMARY KEY, next_seq, low, settled, waiting, first, last, count,
    reason, exact, checksum);
"""
BOOK = book_columns(Book("1", low=200, waiting=200))


def connect(path: Path) -> sqlite3.Connection:
    base = sqlite3.connect(path, isolation_level=None)
    base.execute("PRAGMA page_size = 8192")
    base.executescript(SCHEMA)
    return base


def row(number: int) -> Row:
    head = f'{{"kind":"verdict","event_id":"s/1/{number}","x":"'.encode()
    return Row(number, "1", number, "verdict", head + b"." * 900 + b'"}')


ROWS = [row(number) for number in range(1, 201)]


def write(path: Path) -> None:
    """200 rows of 1 kB, some 25 pages."""
    rebuild(path, ROWS, [BOOK], connect)


def test_a_whole_file_gives_every_row_and_book(tmp_path: Path) -> None:
    path = tmp_path / "outbox.db"
    write(path)
    assert sqlite_rows(path, None) == (ROWS, [BOOK])
    with contextlib.closing(sqlite3.connect(path)) as base:
        assert sqlite_rows(path, base) == (ROWS, [BOOK])
    assert wal_rows(path) == []


def test_zeroed_pages_cost_only_their_own_rows(tmp_path: Path) -> None:
    path = tmp_path / "outbox.db"
    write(path)
    content = bytearray(path.read_bytes())
    lost = content[10 * 8192 : 12 * 8192]
    content[10 * 8192 : 12 * 8192] = bytes(2 * 8192)
    path.write_bytes(content)
    gone = [one for one in ROWS if one.payload in bytes(lost)]
    assert 10 <= len(gone) <= 18
    found, _ = sqlite_rows(path, None)
    assert found == [one for one in ROWS if one not in gone]


def test_a_file_without_its_header_still_gives_its_rows(tmp_path: Path) -> None:
    path = tmp_path / "outbox.db"
    write(path)
    content = bytearray(path.read_bytes())
    content[:100] = b"\xff" * 100
    path.write_bytes(content)
    assert sqlite_rows(path, None) == (ROWS, [])


def test_a_row_whose_seal_does_not_fit_is_left_out(tmp_path: Path) -> None:
    path = tmp_path / "outbox.db"
    write(path)
    with contextlib.closing(sqlite3.connect(path)) as base:
        base.execute("UPDATE message SET seq = 7 WHERE id = 8")
        base.execute("UPDATE message SET seal = ? WHERE id = 9", (seal(row(10)),))
        base.execute("UPDATE epoch SET low = 1")
        base.commit()
    found, books = sqlite_rows(path, None)
    assert {8, 9}.isdisjoint(one.id for one in found if one.seq == 7)
    assert [one for one in found if one.id not in (8, 9)] == [o for o in ROWS if o.id not in (8, 9)]
    assert books == []


def test_rows_of_the_write_ahead_log_are_found(tmp_path: Path) -> None:
    path = tmp_path / "outbox.db"
    with contextlib.closing(connect(path)) as base:
        base.execute("PRAGMA journal_mode = WAL")
        one = row(1)
        values = (one.id, one.epoch, one.seq, one.stream, seal(one), one.payload)
        base.execute("INSERT INTO message VALUES (?, ?, ?, ?, ?, ?)", values)
        assert wal_rows(path) == [one]


def test_a_cut_before_the_exchange_is_finished_by_the_next_start(tmp_path: Path) -> None:
    path = tmp_path / "outbox.db"
    path.write_bytes(b"damaged")
    (tmp_path / "outbox.db-wal").write_bytes(b"its log")
    (tmp_path / "damaged-old.db").write_bytes(b"an older one")
    with contextlib.closing(connect(tmp_path / "outbox.rebuilt.db")):
        pass
    finish_rebuild(path)
    assert sqlite_rows(path, None) == ([], [])
    aside = sorted(one.suffix for one in tmp_path.glob("damaged-*"))
    assert aside == [".db", ".db-wal"], "one damaged file is kept, with its log"
    finish_rebuild(path)
    assert path.exists()
