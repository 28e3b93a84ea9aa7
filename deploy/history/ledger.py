"""The account of every epoch of every station: which numbers are stored, lost, or still to come.

A transaction of the database posts a batch: what is new is inserted, and the accounts of its epochs
are written with it. Accounts stay when old verdicts are removed, so a verdict that a station sends
again is known also then.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field, replace
from typing import Protocol, TypeAlias

from deploy.history.arrivals import Arrival, EventKey, TableRow, row_of, table_of
from deploy.history.intervals import Ranges, common, contains, size, union
from edge_agent.contracts.wire.kinds.gap import GapMessage

Epoch: TypeAlias = tuple[str, str]
"""(station, epoch)."""


@dataclass(frozen=True)
class NamedGap:
    """What a gap message says: `dropped` numbers of a range will never come."""

    first_seq: int
    last_seq: int
    dropped: int


@dataclass(frozen=True)
class Account:
    """An epoch from 0 to the highest number known: received + lost + missing = last_seq + 1.

    received: stored numbers. lost: those that a gap named and that are not stored. missing: those
    that nobody explains, because they are on their way or because a broker lost them.
    """

    stored: Ranges = field(default_factory=list)
    last_seq: int = -1
    received: int = 0
    lost: int = 0
    missing: int = 0
    through: int = -1

    def balanced(self, gaps: Iterable[NamedGap]) -> Account:
        """The account with its figures computed anew from `stored` and the epoch's gaps.

        through: all numbers up to it are stored, or lost for certain; -1: not even the first.
        """
        gaps = list(gaps)
        named = union((gap.first_seq, gap.last_seq) for gap in gaps)
        known = [last for _, last in (*self.stored, *named)]
        last_seq, received = max(known, default=-1), size(self.stored)
        open_in_gaps = size(named) - size(common(named, self.stored))
        # A range may be wider than what it lost: the rest of it is still to come.
        lost = min(open_in_gaps, sum(gap.dropped for gap in gaps))
        whole = [(g.first_seq, g.last_seq) for g in gaps if g.dropped > g.last_seq - g.first_seq]
        settled = union([*self.stored, *whole])
        highest = self.stored[-1][1] if self.stored else -1
        return replace(
            self,
            last_seq=last_seq,
            received=received,
            lost=lost,
            missing=last_seq + 1 - received - lost,
            through=min(settled[0][1], highest) if settled and settled[0][0] == 0 else -1,
        )


@dataclass(frozen=True)
class Book:
    """An epoch's account as it was last written, and its gaps by their event ids."""

    account: Account = field(default_factory=Account)
    gaps: dict[str, NamedGap] = field(default_factory=dict)

    def account_with(self, numbers: Iterable[int]) -> Account:
        """The account once these numbers are stored too."""
        more = [(number, number) for number in numbers]
        stored = union([*self.account.stored, *more])
        return replace(self.account, stored=stored).balanced(self.gaps.values())


@dataclass(frozen=True)
class Stored:
    """What a commit did: new messages, those that were there already, and the epochs' accounts."""

    new: int
    repeated: int
    through: dict[Epoch, int] = field(default_factory=dict)


class Transaction(Protocol):
    """What a database does within one commit, in this order."""

    def read(self, epochs: Collection[Epoch]) -> dict[Epoch, Book]:
        """Begin; the books of these epochs, locked until the commit; an empty one where none is."""

    def insert(self, table: str, rows: list[TableRow]) -> int:
        """Insert what is not there yet; returns how many rows that were."""

    def save(self, accounts: dict[Epoch, Account], latest: list[TableRow]) -> None:
        """Write the accounts, and rows of `sample` as the newest of their station and kind."""


def post(transaction: Transaction, arrivals: Iterable[Arrival]) -> Stored:
    """Write a batch of messages and the accounts they change."""
    durable: list[tuple[EventKey, Arrival]] = []
    rows: defaultdict[str, list[TableRow]] = defaultdict(list)
    for arrival in arrivals:
        if arrival.key is not None:
            durable.append((arrival.key, arrival))
        else:
            rows["sample"].append(row_of(arrival))
    latest = list({row[:2]: row for row in rows["sample"]}.values())
    books = transaction.read({(key.station, key.epoch) for key, _ in durable})
    arrived = _arrived_anew(books, durable, rows)
    inserted = {table: transaction.insert(table, some) for table, some in rows.items() if some}
    accounts = {epoch: book.account_with(arrived[epoch]) for epoch, book in books.items()}
    transaction.save(accounts, latest)
    new = sum(count for table, count in inserted.items() if table != "sample")
    through = {epoch: account.through for epoch, account in accounts.items()}
    return Stored(new, len(durable) - new, through)


def _arrived_anew(
    books: dict[Epoch, Book],
    durable: list[tuple[EventKey, Arrival]],
    rows: defaultdict[str, list[TableRow]],
) -> defaultdict[Epoch, set[int]]:
    """Add the row of every message that no account has, and gaps to the books; returns the
    messages' numbers by epoch.
    """
    arrived: defaultdict[Epoch, set[int]] = defaultdict(set)
    for key, arrival in durable:
        epoch = key.station, key.epoch
        if key.seq in arrived[epoch] or contains(books[epoch].account.stored, key.seq):
            continue
        arrived[epoch].add(key.seq)
        message = arrival.message
        if type(message) is GapMessage:
            gap = NamedGap(message.first_seq, message.last_seq, message.dropped)
            books[epoch].gaps[message.event_id] = gap
        rows[table_of(message)].append(row_of(arrival))
    return arrived
