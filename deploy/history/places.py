"""Where a history is: a file, or an address of PostgreSQL."""

from __future__ import annotations

from pathlib import Path

from deploy.history.store import HistoryStore
from deploy.history.stores.sqlite import SqliteStore
from edge_agent.contracts.core.errors import StorageError


def store_at(place: str, *, writes: bool = True) -> HistoryStore:
    """The store of a file name (SQLite) or of a postgresql:// address; it is not opened.

    writes: False for a reader. Raises StorageError where the driver of PostgreSQL is missing.
    """
    if not place.startswith(("postgresql://", "postgres://")):
        return SqliteStore(Path(place), writes=writes)
    try:
        from deploy.history.stores.postgres import PostgresStore
    except ModuleNotFoundError as error:
        cure = "pip install 'lineside[postgres]'"
        raise StorageError("the driver of PostgreSQL is missing", cure=cure) from error
    return PostgresStore(place, writes=writes)
