"""The history in a file: SQLite, one collector or several on one machine.

A commit is fsynced (synchronous=FULL).
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Collection, Iterable, Sequence
from pathlib import Path
from typing import Self

from deploy.history.arrivals import COLUMNS, Arrival, TableRow
from deploy.history.dialect import SQLITE, VIEW_FILES
from deploy.history.ledger import Account, Book, Epoch, NamedGap, Stored, post
from deploy.history.store import Record
from edge_agent.contracts.core.errors import InputError, StorageError

FORMAT = 2
"""PRAGMA user_version of a file that this version writes."""
BUSY_S = 30.0


class SqliteStore:
    """A HistoryStore; a writer's file is made where it is missing, a reader's is not changed."""

    def __init__(self, path: Path, *, writes: bool = True) -> None:
        self._path = path
        self._writes = writes
        self._base: sqlite3.Connection | None = None

    def open(self) -> None:
        """Open; a writer creates the file with its tables and views where they are missing."""
        try:
            if self._writes:
                self._path.parent.mkdir(parents=True, exist_ok=True)
                self._base = sqlite3.connect(self._path, isolation_level=None, timeout=BUSY_S)
                self._base.execute("PRAGMA journal_mode = WAL")
                self._base.execute("PRAGMA synchronous = FULL")
                self._create(self._base)
            else:
                address = f"{self._path.absolute().as_uri()}?mode=ro"
                self._base = sqlite3.connect(address, uri=True, timeout=BUSY_S)
                self._check_format(self._base)
        except StorageError:
            self.close()
            raise
        except (OSError, sqlite3.Error) as error:
            self.close()
            raise self._error(error) from error

    def close(self) -> None:
        """Close; a second call does nothing."""
        if self._base is not None:
            self._base.close()
            self._base = None

    def __enter__(self) -> Self:
        self.open()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def add(self, arrivals: Iterable[Arrival]) -> Stored:
        """Commit a batch: all of it or nothing."""
        base = self._opened()
        try:
            base.execute("BEGIN IMMEDIATE")
            stored = post(SqliteTransaction(base), arrivals)
            base.execute("COMMIT")
        except (sqlite3.DataError, OverflowError, UnicodeError) as error:
            self._roll_back(base)
            raise InputError(f"no column takes it ({error})", where=str(self._path)) from error
        except sqlite3.Error as error:
            self._roll_back(base)
            raise self._error(error) from error
        return stored

    def query(self, sql: str, values: Sequence[object] = ()) -> list[Record]:
        """Rows of a statement whose values are marked by ?."""
        try:
            found = self._opened().execute(sql, values)
            names = [column[0] for column in found.description or []]
            return [dict(zip(names, row, strict=True)) for row in found]
        except sqlite3.Error as error:
            raise self._error(error) from error

    def _create(self, base: sqlite3.Connection) -> None:
        if base.execute("SELECT 1 FROM sqlite_schema").fetchone():
            self._check_format(base)
        base.execute("BEGIN IMMEDIATE")
        for file in ("tables_sqlite.sql", *VIEW_FILES):
            for statement in SQLITE.statements(file):
                base.execute(statement)
        base.execute(f"PRAGMA user_version = {FORMAT}")
        base.execute("COMMIT")

    def _check_format(self, base: sqlite3.Connection) -> None:
        found = int(base.execute("PRAGMA user_version").fetchone()[0])
        if found != FORMAT:
            raise StorageError(
                f"its format is {found}, this version knows {FORMAT}",
                where=str(self._path),
                cure="name a file that `lineside-deploy collect` of this version made",
            )

    def _opened(self) -> sqlite3.Connection:
        if self._base is None:
            raise StorageError("not open", where=str(self._path), cure="open it first")
        return self._base

    def _roll_back(self, base: sqlite3.Connection) -> None:
        if base.in_transaction:
            base.execute("ROLLBACK")

    def _error(self, error: Exception) -> StorageError:
        return StorageError(
            f"cannot be used ({error})", where=str(self._path), cure="check disk and rights"
        )


class SqliteTransaction:
    """What ledger.post does within BEGIN IMMEDIATE: nobody else writes meanwhile."""

    def __init__(self, base: sqlite3.Connection) -> None:
        self._base = base

    def read(self, epochs: Collection[Epoch]) -> dict[Epoch, Book]:
        """The books of these epochs."""
        return {epoch: Book(self._account(epoch), self._gaps(epoch)) for epoch in epochs}

    def _account(self, epoch: Epoch) -> Account:
        sql = "SELECT ranges FROM account WHERE station = ? AND epoch = ?"
        row = self._base.execute(sql, epoch).fetchone()
        return Account([] if row is None else [(first, last) for first, last in json.loads(row[0])])

    def _gaps(self, epoch: Epoch) -> dict[str, NamedGap]:
        sql = (
            "SELECT event_id, first_seq, last_seq, dropped FROM gap WHERE station = ? AND epoch = ?"
        )
        return {event_id: NamedGap(*row) for event_id, *row in self._base.execute(sql, epoch)}

    def insert(self, table: str, rows: list[TableRow]) -> int:
        """Insert what is not there yet; returns how many rows that were."""
        marks = ", ".join("?" * len(COLUMNS[table]))
        sql = f"INSERT INTO {table} VALUES ({marks}) ON CONFLICT DO NOTHING"
        return self._base.executemany(sql, rows).rowcount

    def save(self, accounts: dict[Epoch, Account], latest: list[TableRow]) -> None:
        """Write the accounts, and rows as the newest of their station and kind."""
        rows = (
            (*epoch, a.last_seq, a.received, a.lost, a.missing, json.dumps(a.stored))
            for epoch, a in accounts.items()
        )
        self._base.executemany("INSERT OR REPLACE INTO account VALUES (?, ?, ?, ?, ?, ?, ?)", rows)
        # A retained message that comes again is no news of the station.
        self._base.executemany(
            "INSERT INTO latest VALUES (?, ?, ?, ?, ?) ON CONFLICT (station, kind) DO UPDATE SET "
            "at_ns = excluded.at_ns, received_ns = excluded.received_ns, "
            "payload = excluded.payload WHERE latest.payload <> excluded.payload",
            latest,
        )
