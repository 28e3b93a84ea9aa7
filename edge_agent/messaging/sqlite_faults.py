"""What an error of SQLite means: another program's lock, a full disk, or a damaged file."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from edge_agent.contracts.core.errors import StorageError

BUSY = {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}
DAMAGED = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_ERROR}
"""SQLITE_ERROR: a table or column is gone."""
OF_ONE_ROW = {
    sqlite3.SQLITE_CONSTRAINT,
    sqlite3.SQLITE_MISMATCH,
    sqlite3.SQLITE_TOOBIG,
    sqlite3.SQLITE_RANGE,
}
UNREADABLE = {sqlite3.SQLITE_IOERR_READ, sqlite3.SQLITE_IOERR_SHORT_READ}


class StoreBusyError(StorageError):
    """Another program holds the lock: nothing is wrong with the disk, it must be waited for."""


class StoreDamagedError(StorageError):
    """The file is not what was written."""


class StoreRefusedError(StorageError):
    """One row cannot be written, whatever the disk does; the others can."""


def storage_error(path: Path, error: sqlite3.Error) -> StorageError:
    """The error of the tree for an error of SQLite."""
    extended = getattr(error, "sqlite_errorcode", None)
    code = None if extended is None else extended & 0xFF
    where = str(path)
    if code in BUSY:
        cure = "close the program that has it open (an SQLite browser, a backup)"
        return StoreBusyError("another program holds its lock", where=where, cure=cure)
    plain = type(error) is sqlite3.DatabaseError and code is None
    if code in DAMAGED or extended in UNREADABLE or plain:
        return StoreDamagedError(f"is damaged ({error})", where=where, cure="check the disk")
    if code in OF_ONE_ROW:
        return StoreRefusedError(f"a row is refused ({error})", where=where, cure="report this")
    if code == sqlite3.SQLITE_FULL:
        cure = "free some space, raise outbox.quota_mb, or bring the broker back"
        return StorageError(f"cannot write ({error})", where=where, cure=cure)
    cure = "check the disk and the rights on state_dir"
    return StorageError(f"cannot write ({error})", where=where, cure=cure)
