"""The plant's history: every durable message once, accounts of what is missing, and views.

A commit is on disk before it returns: what is acknowledged to a station after it survives a power
cut of the database's machine.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Protocol, Self, TypeAlias

from deploy.history.arrivals import Arrival
from deploy.history.ledger import Stored

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
