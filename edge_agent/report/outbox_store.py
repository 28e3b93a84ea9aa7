"""The outbox on disk: one SQLite file in WAL mode, every commit fsynced (synchronous=FULL).

WAL with synchronous=NORMAL loses committed rows in a power cut; FULL does not (sqlite.org/wal.html,
"Performance Considerations"; confirmed by power-cut emulation). After the disk fills, a WAL
database cannot even delete: hence the quota, the small WAL, and a ballast file to give up.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import logging
import os
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from edge_agent.contracts.core.errors import StorageError
from edge_agent.contracts.core.files import storage_error, write_atomic

LOG = logging.getLogger("lineside.outbox")

PAGE_BYTES = 4096
WAL_PAGES = 256
"""The WAL is folded back into the database after 1 MiB."""
BALLAST_BYTES = 4 * WAL_PAGES * PAGE_BYTES
"""Given up when the disk is full, so that the WAL can grow once more for deletes."""
EPOCHS_KEPT = 10_000
SCHEMA = """
CREATE TABLE IF NOT EXISTS message (
    epoch INTEGER NOT NULL, seq INTEGER NOT NULL, stream TEXT NOT NULL, payload BLOB NOT NULL,
    PRIMARY KEY (epoch, seq)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS epoch (
    epoch INTEGER PRIMARY KEY, next_seq INTEGER NOT NULL,
    gap_first INTEGER, gap_last INTEGER, gap_count INTEGER NOT NULL DEFAULT 0
);
"""

Key = tuple[int, int]
"""(epoch, seq): the order in which messages were made."""


@dataclass(frozen=True)
class Row:
    """One message as it lies on disk."""

    epoch: int
    seq: int
    stream: str
    payload: bytes

    @property
    def key(self) -> Key:
        """(epoch, seq)."""
        return self.epoch, self.seq


@dataclass(frozen=True)
class Gap:
    """`count` messages between two sequence numbers of an epoch that were not kept."""

    epoch: int
    first_seq: int
    last_seq: int
    count: int

    def including(self, other: Gap) -> Gap:
        """This gap and another one of the same epoch as one."""
        return Gap(
            self.epoch,
            min(self.first_seq, other.first_seq),
            max(self.last_seq, other.last_seq),
            self.count + other.count,
        )


class Ledger:
    """The file; one thread at a time may use it. Raises StorageError where it cannot write.

    readable: the file is there with its tables, be it without an epoch of our own.
    """

    def __init__(self, folder: Path, quota_mb: float) -> None:
        self.readable = False
        self.folder = folder
        self.path = folder / "outbox.db"
        self._pages = round(quota_mb * (1 << 20) / PAGE_BYTES)
        self._lock: IO[str] | None = None
        self._base: sqlite3.Connection | None = None

    def open(self, utc_s: int) -> int:
        """Open or create the file and begin a new epoch, which is returned.

        An epoch is one more than the last, and at least the time: a station whose state was lost
        does not repeat an event id. After a StorageError open() may be called again; where the file
        is `readable` by then, messages of earlier runs can be read and removed.
        """
        self.claim()
        try:
            self._lay_ballast()
            self._connect_with_room()
            self._lay_ballast()
        except OSError as error:
            with contextlib.suppress(StorageError):
                self._connect_with_room()
            raise storage_error(self.folder, error) from error
        return self._begin_epoch(utc_s)

    def claim(self) -> None:
        """Make this folder ours; raises StorageError where another agent has it."""
        if self._lock is not None:
            return
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            self._take_lock()
        except OSError as error:
            raise storage_error(self.folder, error) from error

    def close(self) -> None:
        """Fold the WAL back and close; a second call does nothing."""
        if self._base is not None:
            with contextlib.suppress(sqlite3.Error):
                self._base.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            self._base.close()
            self._base = None
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    def commit(
        self,
        epoch: int,
        next_seq: int,
        rows: Sequence[Row] = (),
        confirmed: Iterable[Key] = (),
        gap: Gap | None = None,
    ) -> int:
        """Durably remove what is confirmed, add `rows`, and note the unreported gap of `epoch`.

        Gives the number of rows removed. All or nothing; raises StorageError.
        """
        values = (gap.first_seq, gap.last_seq, gap.count) if gap else (None, None, 0)
        with self._transaction() as base:
            before = base.total_changes
            base.executemany("DELETE FROM message WHERE epoch = ? AND seq = ?", confirmed)
            removed = base.total_changes - before
            base.executemany(
                "INSERT INTO message VALUES (?, ?, ?, ?)",
                [(row.epoch, row.seq, row.stream, row.payload) for row in rows],
            )
            base.execute(
                "UPDATE epoch SET next_seq = max(next_seq, ?), gap_first = ?, gap_last = ?,"
                " gap_count = ? WHERE epoch = ?",
                (next_seq, *values, epoch),
            )
        return removed

    def gaps(self) -> list[tuple[Gap, int]]:
        """Unreported gaps, each with the next sequence number of its epoch."""
        found = self._opened().execute(
            "SELECT epoch, gap_first, gap_last, gap_count, next_seq FROM epoch WHERE gap_count > 0"
        )
        return [(Gap(*row[:4]), max(row[4], row[2] + 1)) for row in found]

    def count(self) -> int:
        """Messages that wait."""
        return int(self._opened().execute("SELECT count(*) FROM message").fetchone()[0])

    def has_room(self) -> bool:
        """Whether a tenth of the quota and, on the disk, the space of WAL and ballast are free."""
        base = self._opened()
        used: int = base.execute("PRAGMA page_count").fetchone()[0]
        used -= base.execute("PRAGMA freelist_count").fetchone()[0]
        try:
            disk = os.statvfs(self.folder)
        except OSError as error:
            raise storage_error(self.folder, error) from error
        needed = WAL_PAGES * PAGE_BYTES + (0 if self._ballast.exists() else BALLAST_BYTES)
        return used <= 0.9 * self._pages and disk.f_bavail * disk.f_frsize >= needed

    def give_ballast(self) -> None:
        """Free the ballast's space for the WAL."""
        with contextlib.suppress(OSError):
            self._ballast.unlink(missing_ok=True)

    def take_ballast(self) -> None:
        """Lay the ballast again where there is room."""
        with contextlib.suppress(OSError):
            self._lay_ballast()

    @property
    def _ballast(self) -> Path:
        return self.folder / "ballast"

    def _opened(self) -> sqlite3.Connection:
        if self._base is None:
            raise StorageError("not open", where=str(self.path), cure="open it first")
        return self._base

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        base = self._opened()
        try:
            base.execute("BEGIN IMMEDIATE")
            yield base
            base.execute("COMMIT")
        except sqlite3.Error as error:
            with contextlib.suppress(sqlite3.Error):
                base.execute("ROLLBACK")
            raise StorageError(
                f"cannot write ({error})", where=str(self.path), cure=_cure(error)
            ) from error

    def _connect_with_room(self) -> None:
        """Open the file; on a full disk in the room of the ballast, which is given up for it."""
        if self._base is not None:
            return
        try:
            self._base = self._connect_or_renew()
        except StorageError:
            if not self._ballast.exists():
                raise
            self.give_ballast()
            self._base = self._connect_or_renew()
        self.readable = True

    def _connect_or_renew(self) -> sqlite3.Connection:
        try:
            return self._connect()
        except sqlite3.DatabaseError as error:
            self._set_aside(error)
            return self._connect()

    def _connect(self) -> sqlite3.Connection:
        base = sqlite3.connect(self.path, isolation_level=None, check_same_thread=False, timeout=10)
        try:
            base.execute(f"PRAGMA page_size = {PAGE_BYTES}")
            base.execute("PRAGMA journal_mode = WAL")
            base.execute("PRAGMA synchronous = FULL")
            base.execute(f"PRAGMA wal_autocheckpoint = {WAL_PAGES}")
            base.execute(f"PRAGMA journal_size_limit = {WAL_PAGES * PAGE_BYTES}")
            base.execute(f"PRAGMA max_page_count = {self._pages}")
            base.executescript(SCHEMA)
            base.execute("SELECT count(*) FROM message").fetchone()
        except sqlite3.OperationalError as error:
            base.close()
            raise StorageError(
                f"cannot open the outbox ({error})", where=str(self.path), cure=_cure(error)
            ) from error
        except sqlite3.DatabaseError:
            base.close()
            raise
        return base

    def _begin_epoch(self, utc_s: int) -> int:
        note = self.folder / "epoch"
        base = self._opened()
        last = base.execute("SELECT max(epoch) FROM epoch").fetchone()[0] or 0
        with contextlib.suppress(OSError, ValueError):
            last = max(last, int(note.read_text()))
        epoch = max(last + 1, utc_s)
        write_atomic(note, f"{epoch}\n".encode())
        with self._transaction():
            base.execute("INSERT INTO epoch (epoch, next_seq) VALUES (?, 0)", (epoch,))
            base.execute(
                "DELETE FROM epoch WHERE gap_count = 0 AND epoch NOT IN "
                "(SELECT epoch FROM epoch ORDER BY epoch DESC LIMIT ?)",
                (EPOCHS_KEPT,),
            )
        return epoch

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

    def _lay_ballast(self) -> None:
        if self._ballast.exists() and self._ballast.stat().st_size == BALLAST_BYTES:
            return
        disk = os.statvfs(self.folder)
        if disk.f_bavail * disk.f_frsize < BALLAST_BYTES:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        try:
            with self._ballast.open("wb") as stream:
                stream.write(b"\0" * BALLAST_BYTES)
                os.fsync(stream.fileno())
        except OSError:
            self.give_ballast()
            raise

    def _set_aside(self, error: sqlite3.DatabaseError) -> None:
        stamp = self.path.stat().st_mtime_ns
        for suffix in ("", "-wal", "-shm"):
            damaged = self.path.with_name(f"{self.path.name}{suffix}")
            if damaged.exists():
                damaged.rename(self.folder / f"damaged-{stamp}.db{suffix}")
        LOG.error("%s is damaged (%s): kept as damaged-%d.db, begun anew", self.path, error, stamp)


class LedgerReader:
    """Reads committed messages from a connection of its own; owned by the sender's thread."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._path = ledger.path
        self._base: sqlite3.Connection | None = None

    def after(self, key: Key, limit: int) -> list[Row]:
        """The next `limit` messages after `key`, oldest first; none before the file is open."""
        if not self._ledger.readable:
            return []
        try:
            if self._base is None:
                self._base = sqlite3.connect(self._path, isolation_level=None, timeout=10)
                self._base.execute("PRAGMA query_only = 1")
            found = self._base.execute(
                "SELECT epoch, seq, stream, payload FROM message "
                "WHERE (epoch, seq) > (?, ?) ORDER BY epoch, seq LIMIT ?",
                (*key, limit),
            ).fetchall()
        except sqlite3.Error as error:
            raise StorageError(
                f"cannot be read ({error})", where=str(self._path), cure=_cure(error)
            ) from error
        return [Row(*row) for row in found]

    def close(self) -> None:
        """Close the connection; a second call does nothing."""
        if self._base is not None:
            self._base.close()
            self._base = None


def _cure(error: sqlite3.Error) -> str:
    if "full" in str(error):
        return "free some space, raise outbox.quota_mb, or bring the broker back"
    return "check the disk and the rights on state_dir"
