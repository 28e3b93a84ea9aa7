"""Saves what can be read of a damaged outbox, row by row, into a new file.

SQLite stops at the first damaged page. Rows are therefore read from both ends by SQLite, and what
lies between is searched for in the raw bytes, where every row has a seal with its checksum. Pages
that a newer version in the write-ahead log replaces are not searched. File format:
sqlite.org/fileformat2.html, sections 1 and 4.
"""

from __future__ import annotations

import contextlib
import logging
import os
import sqlite3
import struct
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from edge_agent.contracts.core.files import fsync_dir
from edge_agent.messaging.ballast import PAGE_BYTES
from edge_agent.messaging.outbox_tables import TABLES, insertions
from edge_agent.messaging.row import (
    ROW_COLUMNS,
    Row,
    book_of,
    forgiving_text,
    is_whole,
    scan_rows,
)

LOG = logging.getLogger("lineside.outbox")

WAL_HEADER, FRAME_HEADER = 32, 24
SUFFIXES = ("-wal", "-shm", "")
"""The log is moved before the file: a foreign log would be played into the new file."""

BookRow = tuple[object, ...]


def sqlite_rows(path: Path, base: sqlite3.Connection | None) -> tuple[list[Row], list[BookRow]]:
    """Every whole row, by id, and every row of the table `epoch` that can still be read."""
    raw = [row for page in _pages(path) for row in scan_rows(page)]
    if base is None:
        with contextlib.suppress(sqlite3.Error), contextlib.closing(_read_only(path)) as own:
            return _sorted(raw, list(_walk(own))), _books(own)
        return _sorted(raw, []), []
    return _sorted(raw, list(_walk(base))), _books(base)


def wal_rows(path: Path) -> list[Row]:
    """The rows in the newest pages of the write-ahead log; none where there is no log."""
    return [row for page in _newest_frames(path).values() for row in scan_rows(page)]


def rebuild(
    path: Path,
    rows: list[Row],
    books: list[BookRow],
    connect: Callable[[Path], sqlite3.Connection],
) -> None:
    """Write a new file and put it in the place of `path`, which is set aside as damaged-TIME.db.

    A cut in between leaves the old file, or the new one whole: finish_rebuild() ends the work.
    """
    fresh = path.with_name("outbox.rebuilding.db")
    for suffix in SUFFIXES:
        fresh.with_name(fresh.name + suffix).unlink(missing_ok=True)
    base = connect(fresh)
    try:
        base.execute("BEGIN IMMEDIATE")
        for statement, values in insertions(rows):
            base.executemany(statement, values)
        for book in books:
            marks = ", ".join("?" * len(book))
            base.execute(f"INSERT OR REPLACE INTO epoch VALUES ({marks})", book)
        base.execute("COMMIT")
        base.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    finally:
        base.close()
    fresh.rename(_rebuilt(path))
    fsync_dir(path.parent)
    finish_rebuild(path)


def finish_rebuild(path: Path) -> None:
    """Put a rebuilt file in the place of the damaged one, where that is still to be done."""
    if not _rebuilt(path).exists():
        return
    stamp = time.strftime("%Y%m%d-%H%M%S", time.gmtime())
    for old in path.parent.glob("damaged-*"):
        old.unlink(missing_ok=True)
    for suffix in SUFFIXES:
        damaged = path.with_name(f"{path.name}{suffix}")
        if damaged.exists():
            damaged.rename(path.parent / f"damaged-{stamp}.db{suffix}")
    _rebuilt(path).rename(path)
    fsync_dir(path.parent)
    LOG.error("%s was damaged: it is set aside as damaged-%s.db, and built anew", path, stamp)


def _rebuilt(path: Path) -> Path:
    return path.with_name("outbox.rebuilt.db")


def _read_only(path: Path) -> sqlite3.Connection:
    base = sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True, timeout=1.0)
    base.text_factory = forgiving_text
    return base


def _sorted(*found: list[Row]) -> list[Row]:
    by_id = {row.id: row for rows in found for row in rows}
    return [by_id[number] for number in sorted(by_id)]


def _walk(base: sqlite3.Connection) -> Iterator[Row]:
    """Whole rows of every table."""
    for table in TABLES:
        yield from _walk_table(base, table)


def _walk_table(base: sqlite3.Connection, table: str) -> Iterator[Row]:
    """Whole rows from the front until SQLite stops, then from the back until it stops again."""
    for order in ("ASC", "DESC"):
        try:
            for *columns, sealed in base.execute(
                f"SELECT {ROW_COLUMNS} FROM {table} ORDER BY id {order}"
            ):
                row = Row(*columns)
                if is_whole(row, sealed):
                    yield row
        except sqlite3.Error:
            continue
        else:
            return


def _books(base: sqlite3.Connection) -> list[BookRow]:
    found: dict[object, BookRow] = {}
    for order in ("ASC", "DESC"):
        with contextlib.suppress(sqlite3.Error):
            for row in base.execute(f"SELECT * FROM epoch ORDER BY epoch {order}"):
                if book_of(row) is not None:
                    found[row[0]] = row
    return list(found.values())


def _pages(path: Path) -> Iterator[bytes]:
    """The newest version of every page that can be read."""
    newest = _newest_frames(path)
    yield from newest.values()
    with contextlib.suppress(OSError), path.open("rb", buffering=0) as stream:
        for number in range(1, 2 + path.stat().st_size // PAGE_BYTES):
            if number in newest:
                continue
            with contextlib.suppress(OSError):  # a bad sector: the next page may be readable
                yield os.pread(stream.fileno(), PAGE_BYTES, (number - 1) * PAGE_BYTES)


def _newest_frames(path: Path) -> dict[int, bytes]:
    """Page number -> its last frame in the log. A frame of an older run of the log has another
    salt; checksums of frames are not asked, as each row has its own.
    """
    try:
        content = path.with_name(f"{path.name}-wal").read_bytes()
    except OSError:
        return {}
    salts, size = content[16:24], FRAME_HEADER + PAGE_BYTES
    found = {}
    for at in range(WAL_HEADER, len(content) - size + 1, size):
        if content[at + 8 : at + 16] == salts:
            page = struct.unpack_from("!I", content, at)[0]
            found[page] = content[at + FRAME_HEADER : at + size]
    return found
