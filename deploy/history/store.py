"""The plant's history: every durable message once, accounts of what is missing, and views.

A commit is on disk before it returns: what is acknowledged to a station after it survives a power
cut of the database's machine.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Protocol, Self, TypeAlias

from deploy.history.arrivals import Arrival
from deploy.history.ledger import Stored
from edge_agent.contracts.core.errors import StorageError

Record: TypeAlias = dict[str, object]
"""A row of a view: column -> value."""


class HistoryStore(Protocol):
    """A database; one thread uses it. Closing twice is fine; what was closed can be opened."""

    def open(self) -> None:
        """Connect, and create what is missing; raises StorageError."""

    def close(self) -> None:
        """Close; a second call does nothing."""

    def add(self, arrivals: Iterable[Arrival]) -> Stored:
        """Commit a batch: all of it or nothing.

        Raises StorageError where the database cannot take anything now, InputError where a message
        of the batch has a value that the database has no room for.
        """

    def query(self, sql: str, values: Sequence[object] = ()) -> list[Record]:
        """Rows of a statement whose values are marked by ?; raises StorageError."""

    def __enter__(self) -> Self:
        """Open."""

    def __exit__(self, *_: object) -> None:
        """Close."""


def store_at(place: str, *, writes: bool = True) -> HistoryStore:
    """The store of a file name (SQLite) or of a postgresql:// address; it is not opened.

    writes: False for a reader. Raises StorageError where the driver of PostgreSQL is missing.
    """
    if not place.startswith(("postgresql://", "postgres://")):
        from deploy.history.stores.sqlite import SqliteStore

        return SqliteStore(Path(place), writes=writes)
    try:
        from deploy.history.stores.postgres import PostgresStore
    except ModuleNotFoundError as error:
        cure = "pip install 'lineside[postgres]'"
        raise StorageError("the driver of PostgreSQL is missing", cure=cure) from error
    return PostgresStore(place, writes=writes)
