"""What the outbox keeps: rows with a seal, gaps, and a book for each epoch."""

from __future__ import annotations

import re
import secrets
import struct
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

MAGIC = b"LsRow\x01"
SEAL = struct.Struct(f"!{len(MAGIC)}sQII")
"""Magic, id, payload bytes, checksum. A seal lies directly before its payload in the file, so a row
is found again in a damaged file by its bytes alone."""
ROW_COLUMNS = "id, epoch, seq, stream, payload, seal"
"""Of the table `message`, in the order of Row."""
NUMBER_MAX = 10**18
"""Numbers of an epoch are below: event ids have 18 digits for them, and SQLite 63 bits."""
TIME_DIGITS, RANDOM_DIGITS = 10, 15
_EVENT_ID = re.compile(rb'"event_id":"[^"/]+/(\d{1,40})/(\d{1,18})"')
_KIND = re.compile(rb'"kind":"([a-z0-9_-]+)"')


class Row(NamedTuple):
    """One message as it lies on disk. id: the order in which messages were committed."""

    id: int
    epoch: str
    seq: int
    stream: str
    payload: bytes


@dataclass(frozen=True)
class Gap:
    """`count` messages between two sequence numbers of an epoch that nobody will get.

    exact: False where `count` is an upper bound.
    """

    epoch: str
    first_seq: int
    last_seq: int
    count: int
    reason: str
    exact: bool = True

    def including(self, other: Gap) -> Gap:
        """This gap and another one of the same epoch as one; the first reason stays."""
        return replace(
            self,
            first_seq=min(self.first_seq, other.first_seq),
            last_seq=max(self.last_seq, other.last_seq),
            count=self.count + other.count,
            exact=self.exact and other.exact,
        )


@dataclass
class Book:
    """The account of one epoch.

    Every number that was given is settled by a row on disk or by a gap. low: all numbers below are
    settled; above: settled ones beyond it (channels put their parts in any order). waiting: rows
    of this epoch on disk. gap_seq: the number that the gap message took, until it is on disk.
    """

    epoch: str
    low: int = 0
    above: set[int] = field(default_factory=set)
    waiting: int = 0
    gap: Gap | None = None
    gap_seq: int | None = None

    @property
    def settled(self) -> int:
        """Numbers that are accounted for."""
        return self.low + len(self.above)

    @property
    def next_seq(self) -> int:
        """One more than the highest number that is settled."""
        return max(self.above, default=self.low - 1) + 1

    def settle(self, numbers: Iterable[int]) -> None:
        """Account for these numbers."""
        self.above.update(number for number in numbers if number >= self.low)
        while self.low in self.above:
            self.above.remove(self.low)
            self.low += 1

    def settle_below(self, number: int) -> None:
        """Account for all numbers below this one, however many they are."""
        self.low = max(self.low, number)
        above, self.above = self.above, set()
        self.settle(above)

    def miss(self, gap: Gap) -> None:
        """Note messages that nobody will get; a gap message is due."""
        self.gap = gap if self.gap is None else self.gap.including(gap)


def new_epoch(last: str, utc_s: int) -> str:
    """An epoch that never was: the time (or the last epoch's plus one) and 50 random bits.

    The time puts epochs in order where it can. The random digits keep event ids apart where the
    state folder was lost and the clock begins at the same second after every start.
    """
    last_s = int(last[:TIME_DIGITS]) if last[:TIME_DIGITS].isdigit() else 0
    time = min(max(last_s + 1, utc_s, 10 ** (TIME_DIGITS - 1)), 10**TIME_DIGITS - 1)
    return f"{time}{secrets.randbelow(10**RANDOM_DIGITS):0{RANDOM_DIGITS}d}"


def seal(row: Row) -> bytes:
    """The seal of a row: its id, and a checksum over all of it."""
    return SEAL.pack(MAGIC, row.id, len(row.payload), _checksum(row))


def is_whole(row: Row, sealed: bytes) -> bool:
    """Whether a row is what was committed."""
    try:
        return seal(row) == sealed
    except (TypeError, AttributeError, struct.error):  # a damaged column is of another type
        return False


def forgiving_text(content: bytes) -> str:
    """Text of the database: bytes that are no UTF-8 are damage, which the checksum finds."""
    return content.decode("utf-8", "replace")


def book_columns(book: Book) -> tuple[object, ...]:
    """A book as it lies on disk, its checksum last."""
    gap = book.gap
    noted: tuple[object, ...] = (None, None, 0, "", 1)
    if gap is not None:
        noted = (gap.first_seq, gap.last_seq, gap.count, gap.reason, int(gap.exact))
    columns = (book.epoch, book.next_seq, book.low, book.settled, book.waiting, *noted)
    return (*columns, zlib.crc32(repr(columns).encode()))


def book_of(columns: Sequence[Any]) -> Book | None:
    """A book as it was committed; None where it is not what was written.

    Which numbers above `low` were settled is not on disk: as many as there were are taken from the
    top, which keeps the count and the next number right.
    """
    if zlib.crc32(repr(tuple(columns[:-1])).encode()) != columns[-1]:
        return None
    epoch, next_seq, low, settled, waiting, first, last, count, reason, exact = columns[:-1]
    above = set(range(next_seq - (settled - low), next_seq))
    gap = Gap(epoch, first, last, count, reason, bool(exact)) if count else None
    return Book(epoch, low, above, waiting, gap)


def scan_rows(content: bytes) -> list[Row]:
    """Every whole row in the raw bytes of a database or write-ahead log, in the order found."""
    rows = []
    at = content.find(MAGIC)
    while at >= 0:
        row = _row_at(content, at)
        if row is not None:
            rows.append(row)
        at = content.find(MAGIC, at + 1)
    return rows


def _row_at(content: bytes, at: int) -> Row | None:
    begin = at + SEAL.size
    if begin > len(content):
        return None
    _, number, size, checksum = SEAL.unpack_from(content, at)
    payload = content[begin : begin + size]
    event, kind = _EVENT_ID.search(payload), _KIND.search(payload)
    if len(payload) != size or event is None or kind is None:
        return None
    row = Row(number, event[1].decode(), int(event[2]), kind[1].decode(), payload)
    return row if _checksum(row) == checksum else None


def _checksum(row: Row) -> int:
    names = f"{row.id}/{row.epoch}/{row.seq}/{row.stream}".encode()
    return zlib.crc32(row.payload, zlib.crc32(names))
