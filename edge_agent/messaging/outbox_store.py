"""The outbox on disk: one SQLite file in WAL mode, every commit of rows fsynced.

WAL with synchronous=NORMAL loses committed rows in a power cut; FULL does not (sqlite.org/wal.html,
"Performance Considerations"; confirmed by power-cut emulation). Removals need no fsync: what a
power cut brings back is sent again, and receivers drop what they have.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from pathlib import Path
from typing import IO

from edge_agent.contracts.core.errors import StorageError
from edge_agent.contracts.core.files import remove_unfinished, storage_error
from edge_agent.messaging import outbox_tables, sqlite_faults
from edge_agent.messaging.ballast import PAGE_BYTES, WAL_PAGES, Ballast
from edge_agent.messaging.outbox_rebuild import finish_rebuild, rebuild, sqlite_rows, wal_rows
from edge_agent.messaging.row import (
    ROW_COLUMNS,
    Book,
    Row,
    book_columns,
    book_of,
    forgiving_text,
    is_whole,
)

VERSION = 2
EPOCHS_KEPT = 10_000
UNFINISHED_S = 60.0
"""What is older is no longer being written."""
SCHEMA = f"""{outbox_tables.SCHEMA}
CREATE TABLE IF NOT EXISTS epoch (
    epoch TEXT PRIMARY KEY, next_seq INTEGER NOT NULL, low INTEGER NOT NULL,
    settled INTEGER NOT NULL, waiting INTEGER NOT NULL,
    gap_first INTEGER, gap_last INTEGER, gap_count INTEGER NOT NULL, gap_reason TEXT NOT NULL,
    gap_exact INTEGER NOT NULL, checksum INTEGER NOT NULL
) WITHOUT ROWID;
"""
# A page of 8 KiB holds the largest message in one piece: no row is spread over overflow pages,
# so that a row is whole where its page is.
PRAGMAS = (
    f"PRAGMA page_size = {PAGE_BYTES}",
    "PRAGMA journal_mode = WAL",
    "PRAGMA synchronous = FULL",
    f"PRAGMA wal_autocheckpoint = {WAL_PAGES}",
    f"PRAGMA journal_size_limit = {WAL_PAGES * PAGE_BYTES}",
    # Removed rows are overwritten: a search of the raw file must not find them again.
    "PRAGMA secure_delete = ON",
    "PRAGMA cell_size_check = ON",
)


class OutboxStore:
    """The file; one thread at a time may write. Raises StorageError where it cannot.

    readable: the file is there with its tables. generation: grows when the file was rebuilt.
    busy_s: how long a call waits for another program's lock before it raises StoreBusyError.
    """

    def __init__(self, folder: Path, quota_mb: float, *, busy_s: float = 1.0) -> None:
        self.readable = False
        self.generation = 0
        self.folder = folder
        self.path = folder / "outbox.db"
        self.ballast = Ballast(folder)
        self.busy_s = busy_s
        self._pages = round(quota_mb * (1 << 20) / PAGE_BYTES)
        self._lock: IO[str] | None = None
        self._base: sqlite3.Connection | None = None
        self._inode = 0

    def claim(self) -> None:
        """Make this folder ours; raises StorageError where another agent has it."""
        if self._lock is not None:
            return
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            self._take_lock()
        except OSError as error:
            raise storage_error(self.folder, error) from error

    def open(self) -> list[Row]:
        """Open or create the file; return rows that SQLite cannot see in a damaged log.

        Raises StoreDamagedError where the file must be rebuilt. After a StorageError open() may be
        called again; where the file is `readable` by then, earlier messages can be sent.
        """
        self.claim()
        if self._base is not None:
            self._lay_ballast()
            return []
        finish_rebuild(self.path)
        self._refuse_other_kind()
        # Before SQLite opens the log: it drops what follows the first damaged frame in silence.
        logged = wal_rows(self.path)
        try:
            self.ballast.lay()
        except OSError as error:
            with contextlib.suppress(StorageError):
                self._connect_with_room()
            raise storage_error(self.folder, error) from error
        self._connect_with_room()
        self._lay_ballast()
        return logged

    def _refuse_other_kind(self) -> None:
        """A folder, a pipe or a link to nothing is not ours to put aside, and a pipe is waited for
        without end.
        """
        if os.path.lexists(self.path) and not self.path.is_file():
            raise StorageError(
                "is there, and no file", where=str(self.path), cure="remove it, or what it leads to"
            )

    def close(self) -> None:
        """Fold the log back and close; a second call does nothing."""
        if self._base is not None:
            with contextlib.suppress(sqlite3.Error):
                self._base.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            self._base.close()
            self._base = None
        if self._lock is not None:
            self._lock.close()
            self._lock = None
        self.readable = False

    def commit(self, rows: Sequence[Row], books: Iterable[Book]) -> None:
        """Durably add `rows` and write `books`: all or nothing."""
        with self._transaction() as base:
            for statement, values in outbox_tables.insertions(rows):
                base.executemany(statement, values)
            _write_books(base, books)

    def remove(self, numbers: Sequence[int], books: Iterable[Book]) -> int:
        """Remove the rows of these ids and write `books`; returns how many rows were there."""
        ranges = [
            (run[0][1], run[-1][1])
            for _, pairs in groupby(enumerate(sorted(numbers)), lambda pair: pair[1] - pair[0])
            if (run := list(pairs))
        ]
        with self._transaction(durable=False) as base:
            removed = sum(
                base.executemany(f"DELETE FROM {table} WHERE id BETWEEN ? AND ?", ranges).rowcount
                for table in outbox_tables.TABLES
            )
            _write_books(base, books)
        return removed

    def books(self) -> dict[str, Book]:
        """Epoch -> book, oldest first; raises StoreDamagedError for one that is not as written."""
        with self._reading() as base:
            found = base.execute("SELECT * FROM epoch ORDER BY epoch").fetchall()
        books = [book_of(columns) for columns in found]
        if None in books:
            raise self._not_whole("the book of an epoch")
        return {book.epoch: book for book in books if book is not None}

    def numbers(self) -> dict[str, list[int]]:
        """Epoch -> the sequence numbers of its rows; raises StoreDamagedError where one is not
        what was committed.
        """
        found: dict[str, list[int]] = {}
        for table in outbox_tables.TABLES:
            for row in self._rows(f"SELECT {ROW_COLUMNS} FROM {table}"):
                found.setdefault(row.epoch, []).append(row.seq)
        return found

    def telemetry(self, number: int, limit: int) -> list[Row]:
        """At most `limit` rows of telemetry with ids above `number`, oldest first."""
        table = outbox_tables.TELEMETRY
        text = f"SELECT {ROW_COLUMNS} FROM {table} WHERE id > ? ORDER BY id LIMIT ?"
        return list(self._rows(text, (number, limit)))

    def free_pages(self) -> int:
        """Pages of the file that hold nothing: what goes into them needs no room on the disk."""
        with self._reading() as base:
            return int(base.execute("PRAGMA freelist_count").fetchone()[0])

    def fold_log(self) -> None:
        """Fold the log back: what is written next goes to its begin, and it does not grow."""
        with self._reading() as base:
            base.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()

    def used_share(self) -> float:
        """How much of the quota is used; 1 where the disk itself is nearly full."""
        with self._reading() as base:
            pages: int = base.execute("PRAGMA page_count").fetchone()[0]
            pages -= base.execute("PRAGMA freelist_count").fetchone()[0]
        try:
            free = self.ballast.free_bytes()
        except OSError as error:
            raise storage_error(self.folder, error) from error
        return 1.0 if free < 8 * WAL_PAGES * PAGE_BYTES else pages / self._pages

    def _rows(self, text: str, values: tuple[int, ...] = ()) -> Iterator[Row]:
        with self._reading() as base:
            for *columns, sealed in base.execute(text, values):
                row = Row(*columns)
                if not is_whole(row, sealed):
                    raise self._not_whole(f"row {row.id}")
                yield row

    def last_id(self) -> int:
        """The highest id on disk; 0 where there is none."""
        with self._reading() as base:
            return int(base.execute(outbox_tables.NEWEST).fetchone()[0])

    def waiting(self, stream: str) -> int:
        """How many messages of a stream are not confirmed yet."""
        text = f"SELECT count(*) FROM {outbox_tables.table_of(stream)} WHERE stream = ?"
        with self._reading() as base:
            return int(base.execute(text, (stream,)).fetchone()[0])

    def forget_old_epochs(self) -> None:
        """Delete the books of epochs long past that nothing is due of."""
        with self._transaction(durable=False) as base:
            base.execute(
                "DELETE FROM epoch WHERE gap_count = 0 AND waiting = 0 AND epoch NOT IN "
                "(SELECT epoch FROM epoch ORDER BY epoch DESC LIMIT ?)",
                (EPOCHS_KEPT,),
            )

    def rebuild(self) -> list[Row]:
        """Make a new file of every row and book that can be read; the old one is set aside.

        Returns the rows of the new file. Raises StorageError where there is no room for it.
        """
        self._reclaim()
        rows, books = sqlite_rows(self.path, self._base)
        self._disconnect()
        try:
            rebuild(self.path, rows, books, self._connect)
        except (OSError, StorageError):
            self.ballast.give()
            try:
                rebuild(self.path, rows, books, self._connect)
            except OSError as error:
                raise storage_error(self.path, error) from error
        self._connect_with_room()
        return rows

    def is_in_place(self) -> bool:
        """Whether the path still leads to the open file, not to nothing or to another one."""
        try:
            return self.path.stat().st_ino == self._inode
        except OSError:
            return False

    def has_room(self) -> bool:
        """Whether a tenth of the quota and, on the disk, the space of log and ballast are free."""
        with self._reading() as base:
            used: int = base.execute("PRAGMA page_count").fetchone()[0]
            used -= base.execute("PRAGMA freelist_count").fetchone()[0]
        try:
            free = self.ballast.free_bytes()
            log = self.path.with_name("outbox.db-wal").stat().st_size
        except OSError as error:
            raise storage_error(self.folder, error) from error
        # A log that another program's open reading keeps from being folded back counts as used.
        used += max(0, log // PAGE_BYTES - 2 * WAL_PAGES)
        needed = WAL_PAGES * PAGE_BYTES * (1 if self.ballast.laid else 5)
        return used <= 0.9 * self._pages and free >= needed

    def _not_whole(self, what: str) -> StorageError:
        return sqlite_faults.StoreDamagedError(
            f"{what} is not what was written", where=str(self.path), cure="check the disk"
        )

    def _lay_ballast(self) -> None:
        try:
            self.ballast.lay()
        except OSError as error:
            raise storage_error(self.folder, error) from error

    @contextlib.contextmanager
    def _transaction(self, *, durable: bool = True) -> Iterator[sqlite3.Connection]:
        with self._reading() as base:
            base.execute(f"PRAGMA synchronous = {'FULL' if durable else 'NORMAL'}")
            base.execute("BEGIN IMMEDIATE")
            try:
                yield base
                base.execute("COMMIT")
            except BaseException:
                # Whatever happened, the next transaction must be able to begin.
                if base.in_transaction:
                    with contextlib.suppress(sqlite3.Error):
                        base.execute("ROLLBACK")
                raise

    @contextlib.contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection]:
        if self._base is None:
            raise StorageError("not open", where=str(self.path), cure="open it first")
        try:
            yield self._base
        except sqlite3.Error as error:
            raise sqlite_faults.storage_error(self.path, error) from error

    def _connect_with_room(self) -> None:
        """Open the file; on a full disk in the room of the ballast, which is given up for it."""
        if self._base is None:
            try:
                self._base = self._connect(self.path)
            except sqlite_faults.StoreDamagedError:
                raise
            except StorageError:
                if not self.ballast.laid:
                    raise
                self.ballast.give()
                self._base = self._connect(self.path)
        self._inode = self.path.stat().st_ino
        self.generation += 1
        self.readable = True

    def _connect(self, path: Path) -> sqlite3.Connection:
        try:
            base = sqlite3.connect(
                path, isolation_level=None, check_same_thread=False, timeout=self.busy_s
            )
        except sqlite3.Error as error:
            raise sqlite_faults.storage_error(path, error) from error
        base.text_factory = forgiving_text
        try:
            for pragma in (*PRAGMAS, f"PRAGMA max_page_count = {self._pages}"):
                base.execute(pragma)
            self._check_version(base)
            base.executescript(SCHEMA)
            for table in outbox_tables.TABLES:
                base.execute(f"SELECT count(*) FROM {table}").fetchone()
            base.execute(f"PRAGMA user_version = {VERSION}")
            outbox_tables.sort_in(base)
        except sqlite3.Error as error:
            base.close()
            raise sqlite_faults.storage_error(path, error) from error
        return base

    def _check_version(self, base: sqlite3.Connection) -> None:
        version: int = base.execute("PRAGMA user_version").fetchone()[0]
        tables: int = base.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
        if tables and version != VERSION:
            raise sqlite3.DatabaseError(f"its format is {version}, ours {VERSION}")
        others = "SELECT name FROM sqlite_master WHERE type IN ('trigger', 'view')"
        if (found := base.execute(others).fetchone()) is not None:
            raise sqlite3.DatabaseError(f"{found[0]!r} in it is not ours")

    def _disconnect(self) -> None:
        self.readable = False
        if self._base is not None:
            self._base.close()
            self._base = None

    def _reclaim(self) -> None:
        """Claim the folder again where it was moved away while we worked in it."""
        lock = self._lock
        try:
            ours = lock and os.fstat(lock.fileno()).st_ino == (self.folder / "lock").stat().st_ino
        except OSError:
            ours = False
        if not ours:
            self._lock = None
            try:
                self.claim()
            except StorageError:
                self._lock = lock
                raise
            if lock is not None:
                lock.close()

    def _take_lock(self) -> None:
        self._lock = (self.folder / "lock").open("w")
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            self._lock.close()
            self._lock = None
            raise StorageError(
                "another agent uses this folder",
                where=str(self.folder),
                cure="stop it, or give this station its own state_dir",
            ) from error
        remove_unfinished(self.folder, os.fstat(self._lock.fileno()).st_mtime - UNFINISHED_S)


def _write_books(base: sqlite3.Connection, books: Iterable[Book]) -> None:
    base.executemany(
        "INSERT OR REPLACE INTO epoch VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        [book_columns(book) for book in books],
    )
