"""The outbox's writer: commits, removes, counts what cannot be kept, and rebuilds a damaged file.

Everything in here runs in one thread at a time. Nothing that happens ends it: a full disk is
counted, a lock is waited for, a damaged file is rebuilt, an unknown fault is tried again, and a
message that cannot be written is left out and named in a gap.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import replace

from edge_agent.contracts.core.clock import Clock
from edge_agent.contracts.core.errors import FaultError, LinesideError, StorageError
from edge_agent.contracts.core.faults import convert_faults
from edge_agent.contracts.core.log_limit import LogLimit
from edge_agent.messaging import accounts
from edge_agent.messaging.acted_counter import ActedCounter
from edge_agent.messaging.every import Every
from edge_agent.messaging.hand_over import HandOver, Waiting
from edge_agent.messaging.outbox_store import OutboxStore
from edge_agent.messaging.outbox_tables import TELEMETRY_STREAMS, pages_of
from edge_agent.messaging.row import Book, Gap, Row, new_epoch
from edge_agent.messaging.side_numbers import SideNumbers
from edge_agent.messaging.sqlite_faults import StoreBusyError, StoreDamagedError, StoreRefusedError
from edge_agent.messaging.thinning import CHUNK, Thinning

LOG = logging.getLogger("lineside.outbox")

TRIES = 3
"""A batch that fails for no known reason is tried so often, then message by message."""
FEW = 64
"""Rows of one transaction on a full disk: the log has room for their pages."""
GIVEN_UP = "telemetry is given up, so that verdicts are kept"
PATIENCE_S = 5.0
"""A lock of another program that lasts longer is named in `notice`."""


class OutboxWriter:
    """Owns the store and the books of all epochs. open: an epoch has begun and not ended.

    fault: why messages are counted and not kept, or what failed. notice: what else somebody should
    know. Both are read by other threads.
    """

    def __init__(
        self,
        store: OutboxStore,
        counter: ActedCounter,
        side: SideNumbers,
        queue: HandOver,
        *,
        station: str,
        clock: Clock,
        on_commit: Callable[[], None],
        probe_s: float,
    ) -> None:
        self.epoch = ""
        self.open = False
        self.fault = ""
        self.notice = ""
        self.full = False
        self._store = store
        self._counter = counter
        self._side = side
        self._queue = queue
        self._station = station
        self._clock = clock
        self._on_commit = on_commit
        self._probe_s = probe_s
        self._books: dict[str, Book] = {}
        self._thinning = Thinning()
        self._next_id = 1
        self._probe_at_ns = 0
        self._removals = Every(3 * probe_s)  # each writes whole pages, and there is room
        self._why = ""
        self._log = LogLimit(LOG, clock)
        self._busy_since_ns: int | None = None
        self._failures = 0

    # --- the start and the end of a run

    def begin(self) -> None:
        """Open the store, account for earlier runs, begin an epoch; raises StorageError."""
        try:
            self._begin()
        except StoreDamagedError as error:
            LOG.warning("%s", error)
            self._store.rebuild()
            self._begin()

    def _begin(self) -> None:
        try:
            logged = self._store.open()
        finally:
            if self._store.readable:
                # Also where the disk is full: rows that are sent and removed until there is room
                # must leave their books, or they would be taken for lost.
                self._books = self._store.books()
                self._queue.counted(sum(map(len, self._store.numbers().values())))
        folder = self._store.folder
        note, last = accounts.read_note(folder), self._counter.last_run()
        doubtful = accounts.complete_books(self._books, note, self._store.numbers())
        newest = max([*self._books, note.last if note else ""], default="")
        self._next_id = max(self._next_id, self._store.last_id() + 1)
        self._restore(accounts.lost_in_log(logged, self._books))
        if left := self._queue.left_by_last_run():
            self._restore(accounts.lost_in_memory(left, self._books, self._store.numbers()))
        for gap in accounts.unrecorded(self._books, last, doubtful):
            self._books[gap.epoch].settle_below(gap.last_seq + 1)
            self._note_loss(gap)
        self._compare_with_disk(doubtful)
        self._report_gaps(list(self._books.values()))
        epoch = new_epoch(newest, self._clock.utc_ns() // 1_000_000_000)
        side = new_epoch(epoch, 0)
        self._books |= {epoch: Book(epoch), side: Book(side)}
        self._store.commit([], self._books.values())
        self._store.forget_old_epochs()
        accounts.write_note(folder, self._books.values(), epoch, clean=False)
        # Last: until here the counter still tells the next start of the run before.
        self._counter.begin(int(epoch))
        self._side.begin(side)
        self._queue.begin_run()
        self.epoch, self.open = epoch, True
        self.fault, self.full = "", False

    def end(self) -> None:
        """Write the end of the run, where everything is on disk, and close."""
        if self.open and self._queue.empty:
            try:
                books = self._books.values()
                accounts.write_note(self._store.folder, books, self.epoch, clean=True)
                self._counter.end()
            except StorageError as error:
                LOG.warning("the end of this run is not on disk: %s", error)
        self._counter.close()
        self._queue.end_run()
        self._store.close()
        self.open = False

    def _restore(self, rows: list[Row]) -> None:
        if rows:
            LOG.warning("%d messages were saved from a damaged log or a killed run", len(rows))
            self._commit([Waiting(*row[1:]) for row in rows])

    def _note_loss(self, gap: Gap) -> None:
        least = "" if gap.exact else "at most "
        LOG.error("%s%d messages are lost: %s", least, gap.count, gap.reason)
        self._books[gap.epoch].miss(gap)

    def _note_vanished(self, gap: Gap) -> None:
        """Rows that waited and could not be saved: the state says so for the rest of the run."""
        self._note_loss(gap)
        self.notice = f"{gap.reason}: a gap message names {gap.count} lost messages"

    def _compare_with_disk(self, doubtful: Collection[str]) -> None:
        """Note what waits by the books and is not on disk."""
        numbers = self._store.numbers()
        for gap in accounts.vanished(self._books, numbers, doubtful):
            self._note_vanished(gap)
        for epoch, book in self._books.items():
            book.waiting = len(numbers.get(epoch, ()))
        self._queue.counted(sum(map(len, numbers.values())))

    def _report_gaps(self, books: Iterable[Book]) -> None:
        due = [book for book in books if book.gap is not None]
        if due:
            self._commit([self._gap_message(book) for book in due], due)

    # --- one turn

    def turn(self) -> None:
        """Write and remove what waits; never raises."""
        try:
            with convert_faults():
                self._work()
        except StoreBusyError as error:
            self._wait_for_other(error)
        except StoreDamagedError as error:
            self._queue.damage = error
        except StoreRefusedError as error:
            self._survive(error)
        except StorageError as error:
            self._fill_up(error)
        except LinesideError as error:
            if not self._failures:
                LOG.exception("the outbox failed; trying again")
            self._survive(error)
        else:
            self._failures, self._busy_since_ns = 0, None

    def _work(self) -> None:
        if self._queue.damage is not None or not self._store.is_in_place():
            self._rebuild()
        self._settle_missed()
        # In a transaction of its own: whatever was confirmed, new rows are kept.
        if self._removals.due(self._clock.mono_ns(), hurry=self.full or self._queue.hurries):
            self._remove_confirmed()
        if self.full and not self._room_again():
            self._keep_results()
            return
        while self._write(self._queue.batch()):
            pass
        self._thin()
        if self.open:
            self._counter.reserve_ahead()
        self._recover()

    def _settle_missed(self) -> None:
        """Enter the numbers that were counted into their books."""
        for epoch, seq, reason in self._queue.missed():
            book = self._books.setdefault(epoch, Book(epoch))
            book.settle([seq])
            book.miss(Gap(epoch, seq, seq, 1, reason))

    def _remove_confirmed(self) -> None:
        confirmed = self._queue.confirmed()
        if not confirmed:
            return
        counts = Counter(confirmed.values())
        books = [self._books[epoch] for epoch in counts if epoch in self._books]
        after = [replace(book, waiting=max(0, book.waiting - counts[book.epoch])) for book in books]
        removed = self._store.remove(list(confirmed), after)
        self._books.update((book.epoch, book) for book in after)
        self._queue.removed(confirmed, removed)

    def _thin(self, limit: int = CHUNK) -> bool:
        """Remove telemetry where room is short, and all of it on a full disk; a gap says how much
        of it. Looks at `limit` rows at most; returns whether there were any.
        """
        with self._queue.reading:
            share = 1.0 if self.full else self._store.used_share()
            busy = self._queue.busy()
            looked, rows = self._thinning.step(share, self._store.telemetry, busy, limit)
            if not rows:
                return looked > 0
            books = accounts.books_after_loss(self._books, rows, self._thinning.reason)
            removed = self._store.remove([row.id for row in rows], books)
        self._books.update((book.epoch, book) for book in books)
        self._queue.removed([row.id for row in rows], removed)
        return True

    def _write(self, batch: Sequence[Waiting]) -> bool:
        """Commit a batch and, when nothing older waits, the gaps; returns whether more waits."""
        more = self._queue.has_more_than(len(batch))
        due = [] if more else [book for book in self._books.values() if book.gap is not None]
        if batch or due:
            self._commit([*batch, *map(self._gap_message, due)], due, taken=len(batch))
        return more

    def _commit(
        self, batch: Sequence[Waiting], reported: Iterable[Book] = (), taken: int = 0
    ) -> None:
        """Commit messages and their books; the `taken` oldest of the queue are among them."""
        books = self._books_with(batch, {book.epoch for book in reported})
        rows = [Row(self._next_id + k, *waiting) for k, waiting in enumerate(batch)]
        self._store.commit(rows, books)
        self._books.update((book.epoch, book) for book in books)
        self._next_id += len(rows)
        self._queue.written(taken, len(rows))
        self._on_commit()

    def _books_with(self, batch: Sequence[Waiting], reported: set[str]) -> list[Book]:
        """The books as they are once `batch` is on disk; the present ones stay as they are."""
        numbers: dict[str, list[int]] = {epoch: [] for epoch in reported}
        for epoch, seq, _, _ in batch:
            numbers.setdefault(epoch, []).append(seq)
        books = []
        for epoch, seqs in numbers.items():
            old = self._books.get(epoch) or Book(epoch)
            book = replace(old, above=set(old.above), waiting=old.waiting + len(seqs))
            if epoch in reported:
                book.gap = book.gap_seq = None
            book.settle(seqs)
            books.append(book)
        return books

    def _gap_message(self, book: Book) -> Waiting:
        """The gap message of a book. Its number is taken once, however often the commit fails."""
        gap = book.gap
        if gap is None:
            raise ValueError(f"epoch {book.epoch} has no gap")
        if book.gap_seq is None:
            givers = {self.epoch: self._counter.take, self._side.epoch: self._side.take}
            give = givers.get(book.epoch)
            book.gap_seq = book.next_seq if give is None else give()
        return accounts.gap_row(self._station, book.gap_seq, gap, self._clock.utc_ns())

    # --- what goes wrong

    def _fill_up(self, error: StorageError) -> None:
        """The disk takes no more: telemetry makes room for results; then what waits is counted."""
        again, self.full, self._why = self.full, True, str(error)
        self._thinning = Thinning()  # what it chose last may still be there
        self._probe_at_ns = self._clock.mono_ns() + round(self._probe_s * 1e9)
        self._store.ballast.give()
        if again or not self.open:
            self._refuse()

    def _keep_results(self) -> None:
        """On a full disk results go into the free pages of the file; telemetry makes more."""
        batch = self._queue.batch()[:FEW]
        results = [one for one in batch if one.stream not in TELEMETRY_STREAMS]
        needed = pages_of(len(one.payload) for one in results)
        self._store.fold_log()
        while self._store.free_pages() < needed and self._thin(FEW):
            self._store.fold_log()
        if self._store.free_pages() < needed:
            self._refuse()
            return
        if not batch:
            return
        self._commit(results, taken=len(batch))
        for one in batch:
            if one.stream in TELEMETRY_STREAMS:
                self._queue.miss(one.epoch, one.seq, f"telemetry was dropped: {self._why}"[:200])
        self._settle_missed()
        self.fault, self.notice = "", self.notice or f"{GIVEN_UP}: {self._why}"

    def _refuse(self) -> None:
        """Count what waits, and note that on the full disk in the room of the ballast."""
        if self.open:
            text = f"verdicts go on, but are not kept: {self._why}"
            self._log.log(logging.ERROR, "full", text)
        self.fault = self._why
        self._queue.drop(len(self._queue.batch()), self.fault)
        self._settle_missed()
        book = self._books.get(self.epoch)
        if book is not None and book.gap is not None:
            try:
                self._store.commit([], [book])
            except StorageError:
                return  # noted again with the next refusal

    def _room_again(self) -> bool:
        """Whether, some time after the disk was full, there is room."""
        if self._clock.mono_ns() < self._probe_at_ns:
            return False
        self._probe_at_ns = self._clock.mono_ns() + round(self._probe_s * 1e9)
        return self._store.has_room()

    def _recover(self) -> None:
        if self.fault or self.full:
            LOG.warning("the outbox keeps everything again")
            self._store.ballast.lay_if_there_is_room()
        if self.notice.startswith(GIVEN_UP):
            self.notice = ""
        self.fault, self.full = "", False
        if self._busy_since_ns is not None:
            self.notice = ""

    def _wait_for_other(self, error: StoreBusyError) -> None:
        """A lock of another program is not a full disk: messages wait in memory meanwhile."""
        now_ns = self._clock.mono_ns()
        if self._busy_since_ns is None:
            self._busy_since_ns = now_ns
        elif not self.notice and now_ns - self._busy_since_ns > PATIENCE_S * 1e9:
            self.notice = f"verdicts wait in memory: {error}"
            LOG.warning("%s", self.notice)

    def _rebuild(self) -> None:
        """Save what can be read into a new file, and report the rest as gaps."""
        reason = self._queue.damage or "its file was removed or replaced"
        LOG.error("the outbox is built anew: %s", reason)
        self._store.rebuild()
        self._queue.damage = None
        self._compare_with_disk(())
        self._store.commit([], self._books.values())
        self._report_gaps([book for book in self._books.values() if book.epoch != self.epoch])

    def _survive(self, error: LinesideError) -> None:
        """A fault of our own: try again, then leave out what cannot be written."""
        self._failures += 1
        self.fault = f"a fault in the agent: {_cause(error)!r}"
        if self._failures >= TRIES:
            self._failures = 0
            self._queue.removed(self._queue.confirmed(), 0)  # they are sent once more
            self._write_singly()

    def _write_singly(self) -> None:
        for message in self._queue.batch():
            try:
                with convert_faults():
                    self._commit([message], taken=1)
            except StoreRefusedError as error:
                LOG.warning("message %s/%d is left out: %s", message.epoch, message.seq, error)
                self._queue.drop(1, f"it could not be written: {error.what}")
            except StorageError:
                return
            except LinesideError as error:
                LOG.exception("message %s/%d cannot be written", message.epoch, message.seq)
                self._queue.drop(1, f"it could not be written: {_cause(error)!r}")


def _cause(error: LinesideError) -> Exception:
    """What was raised."""
    return error.error if isinstance(error, FaultError) else error
