"""Reads committed messages from a connection of its own; owned by the sender's thread."""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from edge_agent.messaging import sqlite_faults
from edge_agent.messaging.outbox_store import OutboxStore
from edge_agent.messaging.outbox_tables import NEWEST, TABLES, tables_of
from edge_agent.messaging.row import ROW_COLUMNS, Row, forgiving_text, is_whole
from edge_agent.messaging.sqlite_faults import StoreBusyError, StoreDamagedError


@dataclass(frozen=True)
class Page:
    """Rows in the order of their ids. end: the id that was read up to; the next page begins there.

    full: there may be more rows.
    """

    rows: list[Row]
    end: int
    full: bool = False


class OutboxReader:
    """Raises StoreDamagedError; a lock of another program is waited for and then means no rows."""

    def __init__(self, store: OutboxStore) -> None:
        self._store = store
        self._generation = -1
        self._base: sqlite3.Connection | None = None

    def after(
        self,
        number: int,
        limit: int,
        *,
        until: int | None = None,
        only: Sequence[str] | None = None,
        without: Sequence[str] = (),
    ) -> Page:
        """At most `limit` rows with ids from `number` + 1 (to `until`), oldest first.

        Of the streams `only`, or of all streams but those of `without`.
        """
        condition, values = "id > ?", [number]
        if until is not None:
            condition, values = f"{condition} AND id <= ?", [*values, until]
        streams = list(only) if only is not None else list(without)
        if streams:
            word = "IN" if only is not None else "NOT IN"
            condition += f" AND stream {word} ({', '.join('?' * len(streams))})"
        # The newest id is asked first: a row that is committed in between must not be skipped.
        newest = until if until is not None else self.newest()
        rows = self._select(
            f"{condition} ORDER BY id LIMIT ?",
            (*values, *streams, limit),
            tables_of(only, without),
        )[:limit]
        full = len(rows) == limit
        # A row of such a commit may also be among the rows: it must not be read twice.
        last = rows[-1].id if rows else number
        return Page(rows, last if full else max(last, newest), full)

    def newest(self) -> int:
        """The highest id on disk; 0 where there is none."""
        found = self._execute(NEWEST, ())
        return int(str(found[0][0])) if found else 0

    def waiting(self, streams: Collection[str]) -> int:
        """How many rows of these streams are on disk."""
        marks = ", ".join("?" * len(streams))
        return sum(
            int(str(found[0][0]))
            for table in tables_of(streams, ())
            if (
                found := self._execute(
                    f"SELECT count(*) FROM {table} WHERE stream IN ({marks})", tuple(streams)
                )
            )
        )

    def rows(self, numbers: Sequence[int]) -> list[Row]:
        """The rows of these ids that are still there, oldest first."""
        marks = ", ".join("?" * len(numbers))
        return self._select(f"id IN ({marks}) ORDER BY id", tuple(numbers), TABLES)

    def close(self) -> None:
        """Close the connection; a second call does nothing."""
        if self._base is not None:
            self._base.close()
            self._base = None

    def _select(
        self, condition: str, values: tuple[object, ...], tables: Sequence[str]
    ) -> list[Row]:
        """The rows of these tables, by id."""
        rows = []
        for table in tables:
            for columns in self._execute(
                f"SELECT {ROW_COLUMNS} FROM {table} WHERE {condition}", values
            ):
                row = Row(*columns[:5])
                if not is_whole(row, columns[5]):
                    raise StoreDamagedError(
                        f"row {row.id} is not what was written", where=str(self._store.path)
                    )
                rows.append(row)
        return sorted(rows) if len(tables) > 1 else rows

    def _execute(self, text: str, values: tuple[object, ...]) -> list[Any]:
        if not self._store.readable:
            return []
        try:
            return self._opened().execute(text, values).fetchall()
        except sqlite3.Error as error:
            fault = sqlite_faults.storage_error(self._store.path, error)
            if isinstance(fault, StoreBusyError):
                return []
            self.close()
            if isinstance(fault, StoreDamagedError):
                raise fault from error
            return []  # a file that is being replaced cannot be opened for a moment

    def _opened(self) -> sqlite3.Connection:
        if self._base is None or self._generation != self._store.generation:
            self.close()
            self._generation = self._store.generation
            self._base = sqlite3.connect(
                self._store.path, isolation_level=None, timeout=self._store.busy_s
            )
            self._base.text_factory = forgiving_text
            self._base.execute("PRAGMA query_only = 1")
        return self._base
