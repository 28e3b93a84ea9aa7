"""Finds, when a run begins, what earlier runs lost: every number that was given is accounted for.

Three witnesses are compared: the books in the database, the note beside it (which knows how many
rows waited when the database itself is gone), and the counter of given numbers.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, TypeAlias

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from edge_agent.contracts.core.files import write_atomic
from edge_agent.contracts.wire.kinds.gap import GapMessage
from edge_agent.messaging.acted_counter import LastRun
from edge_agent.messaging.hand_over import Waiting
from edge_agent.messaging.row import NUMBER_MAX, Book, Gap, Row

LOG = logging.getLogger("lineside.outbox")

DAMAGED = "the outbox on disk was damaged"
UNRECORDED = "the agent ended before these parts were recorded"


Epoch: TypeAlias = Annotated[str, Field(pattern=r"^[0-9]{1,40}$")]


class EpochNote(BaseModel):
    """An epoch as the note knows it."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    next_seq: int = Field(ge=0, lt=NUMBER_MAX)
    waiting: int = Field(ge=0, lt=NUMBER_MAX)


class Note(BaseModel):
    """The file `epoch` beside the database. clean: written at an orderly end, so it is exact."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    last: Epoch
    clean: bool
    epochs: dict[Epoch, EpochNote]


@dataclass(frozen=True)
class Loss:
    """A gap, and the next number of its epoch, which the gap message takes."""

    gap: Gap
    next_seq: int


def read_note(folder: Path) -> Note | None:
    """The note; None where there is none, or it is not readable."""
    try:
        return Note.model_validate_json((folder / "epoch").read_bytes())
    except FileNotFoundError:
        return None
    except (OSError, ValidationError) as error:
        LOG.warning("%s cannot be read: %s", folder / "epoch", error)
        return None


def write_note(folder: Path, books: Iterable[Book], last: str, *, clean: bool) -> None:
    """Write the note of every epoch that has rows on disk; raises StorageError."""
    epochs = {
        book.epoch: EpochNote(next_seq=book.next_seq, waiting=max(0, book.waiting))
        for book in books
        if book.waiting > 0 or book.epoch == last
    }
    note = Note(last=last, clean=clean, epochs=epochs)
    write_atomic(folder / "epoch", note.model_dump_json().encode())


def complete_books(
    books: dict[str, Book], note: Note | None, rows: Mapping[str, list[int]]
) -> set[str]:
    """Add a book for each epoch that only the note or the rows know.

    Returns the epochs whose losses can only be bounded.
    """
    doubtful = set()
    for epoch, known in (note.epochs if note else {}).items():
        if epoch not in books:
            books[epoch] = Book(epoch, known.next_seq, waiting=known.waiting)
            doubtful |= {epoch} if note and not note.clean else set()
    for epoch, numbers in rows.items():
        if epoch not in books:
            books[epoch] = Book(epoch, max(numbers) + 1, waiting=len(numbers))
            doubtful.add(epoch)
    return doubtful


def unrecorded(books: dict[str, Book], last: LastRun | None, doubtful: Iterable[str]) -> list[Gap]:
    """The numbers that were given, and of which no row was ever committed.

    A number that was recorded shows that all below it were given, also where the counter knows
    less: a burst may have gone beyond the block that was reserved on disk before a power cut.
    doubtful: epochs whose book is lost; their count is an upper bound.
    """
    ran = {} if last is None else {str(last.epoch): last}
    gaps = []
    for epoch in {**books, **ran}:
        book = books.setdefault(epoch, Book(epoch))
        run = ran.get(epoch)
        given = max(book.next_seq, run.given if run else 0)
        missing = given - book.settled
        if missing > 0:
            exact = (run is None or run.exact) and epoch not in set(doubtful)
            gaps.append(Gap(epoch, book.low, given - 1, missing, UNRECORDED, exact))
    return gaps


def vanished(
    books: Mapping[str, Book], rows: Mapping[str, list[int]], doubtful: Iterable[str]
) -> list[Gap]:
    """What waited by the books and is not there any more. rows: epoch -> numbers that are there."""
    gaps = []
    for epoch, book in books.items():
        there = rows.get(epoch, [])
        missing = book.waiting - len(there)
        if missing > 0:
            first, last = _range(there, book.next_seq, missing)
            exact = epoch not in set(doubtful)
            gaps.append(Gap(epoch, first, last, missing, DAMAGED, exact))
    return gaps


def lost_in_log(logged: Iterable[Row], books: Mapping[str, Book]) -> list[Row]:
    """Rows of the log that SQLite did not see: their numbers come after all that their book knows.

    A row with a lower number was confirmed and removed.
    """
    return [r for r in logged if r.epoch not in books or r.seq >= books[r.epoch].next_seq]


def lost_in_memory(
    noted: Iterable[Row], books: Mapping[str, Book], rows: Mapping[str, list[int]]
) -> list[Row]:
    """Messages noted in shared memory that were never committed, whatever the order of their
    numbers. rows: epoch -> numbers that are on disk.

    A book on disk says how many numbers above `low` were settled, not which (edge_agent.messaging
    .row): it is told which were not.
    """
    there = {epoch: set(numbers) for epoch, numbers in rows.items()}
    found = [
        row
        for row in noted
        if (book := books.get(row.epoch)) is None
        or (row.seq >= book.low and row.seq not in there.get(row.epoch, ()))
    ]
    for epoch in {row.epoch for row in found} & books.keys():
        book, on_disk = books[epoch], there.get(epoch, ())
        unsettled = {row.seq for row in found if row.epoch == epoch}
        known = [n for n in range(book.next_seq - 1, book.low - 1, -1) if n not in unsettled]
        known.sort(key=lambda number: number not in on_disk)
        book.above = set(known[: len(book.above)])
    return found


def _range(there: list[int], next_seq: int, missing: int) -> tuple[int, int]:
    """The first and last number that may be missing: the holes after the oldest row that is there,
    where these are as many as are missing; otherwise any number of the epoch.
    """
    known = {number for number in there if number < next_seq}
    first, last = min(known, default=0), next_seq - 1
    if last + 1 - first - len(known) != missing:
        return 0, max(0, last)
    while first in known:
        first += 1
    while last in known:
        last -= 1
    return first, last


def books_after_loss(books: Mapping[str, Book], rows: Iterable[Row], reason: str) -> list[Book]:
    """The books of these rows' epochs as they are once the rows, which wait, are given up."""
    by_epoch: dict[str, list[int]] = {}
    for row in rows:
        by_epoch.setdefault(row.epoch, []).append(row.seq)
    changed = []
    for epoch, seqs in by_epoch.items():
        old = books.get(epoch) or Book(epoch)
        book = replace(old, above=set(old.above), waiting=max(0, old.waiting - len(seqs)))
        book.miss(Gap(epoch, min(seqs), max(seqs), len(seqs), reason))
        changed.append(book)
    return changed


def gap_row(station: str, seq: int, gap: Gap, at_ns: int) -> Waiting:
    """The gap message with the number `seq`, as it waits for the disk."""
    message = GapMessage(
        station=station,
        event_id=f"{station}/{gap.epoch}/{seq}",
        at_ns=at_ns,
        first_seq=gap.first_seq,
        last_seq=gap.last_seq,
        dropped=gap.count,
        exact=gap.exact,
        reason=gap.reason[:400],
    )
    return Waiting(gap.epoch, seq, "gap", message.model_dump_json().encode())
