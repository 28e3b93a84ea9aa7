"""What passes between the line's threads, the sender's thread and the outbox's writer."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterable
from itertools import islice
from typing import NamedTuple

from edge_agent.messaging.row import Row
from edge_agent.messaging.sqlite_faults import StoreDamagedError
from edge_agent.messaging.unsaved import Unsaved


class Waiting(NamedTuple):
    """A numbered message that waits for the disk."""

    epoch: str
    seq: int
    stream: str
    payload: bytes


class Missed(NamedTuple):
    """A number whose message will never be on disk."""

    epoch: str
    seq: int
    reason: str


class HandOver:
    """The queue before the disk, and the confirmations after it.

    The drop rule: when `limit` messages wait for the disk, the newest are counted and not kept.
    Every method holds the lock for microseconds only, because the line's threads wait for it.
    unsaved: what waits for the disk is noted there, for the case of a kill.
    """

    def __init__(self, limit: int, batch: int, unsaved: Unsaved | None = None) -> None:
        self.change = threading.Condition(threading.RLock())
        # Held while telemetry is read to be sent, and while it is thinned: no row is both.
        self.reading = threading.Lock()
        self._held: set[int] = set()
        self.stopping = False
        self.damage: StoreDamagedError | None = None
        self._limit = limit
        self._batch = batch
        self._unsaved = unsaved
        self._until_saved: int | None = None
        self._queue: deque[Waiting] = deque()
        self._confirmed: dict[int, str] = {}
        self._missed: list[Missed] = []
        self._on_disk = 0

    @property
    def waiting(self) -> int:
        """Messages not yet confirmed."""
        with self.change:
            return max(0, self._on_disk + len(self._queue) - len(self._confirmed))

    @property
    def empty(self) -> bool:
        """Whether nothing waits for the writer."""
        with self.change:
            return not (self._queue or self._confirmed or self._missed)

    @property
    def hurries(self) -> bool:
        """Whether confirmed rows are to be removed at once: there are many, or it is the end."""
        with self.change:
            return len(self._confirmed) >= self._batch or self.stopping

    def put(self, message: Waiting, drop_reason: str) -> None:
        """Queue a message, or count it where the queue is full."""
        with self.change:
            if len(self._queue) >= self._limit:
                self.miss(message.epoch, message.seq, drop_reason)
                return
            self._queue.append(message)
            if self._unsaved is not None:
                self._unsaved.note(*message)
            if len(self._queue) in (1, self._batch):
                self.change.notify_all()

    def miss(self, epoch: str, seq: int, reason: str) -> None:
        """Count a number that will never be on disk."""
        with self.change:
            self._missed.append(Missed(epoch, seq, reason))

    def confirm(self, rows: Iterable[Row]) -> None:
        """The receiver has these rows."""
        with self.change:
            self._confirmed.update((row.id, row.epoch) for row in rows)
            self._held.difference_update(self._confirmed)
            if len(self._confirmed) >= self._batch:
                self.change.notify_all()

    def hold(self, numbers: Iterable[int]) -> None:
        """Rows of these ids are about to be sent: they are not thinned."""
        with self.change:
            self._held.update(numbers)

    def release(self, numbers: Iterable[int]) -> None:
        """Rows of these ids are not sent for now: they may be thinned."""
        with self.change:
            self._held.difference_update(numbers)

    def busy(self) -> set[int]:
        """Rows that are being sent, or are confirmed and not yet removed."""
        with self.change:
            return self._held.union(self._confirmed)

    def wait_for_work(self, limit_s: float, *, full: bool) -> None:
        """Wait for a full batch of confirmations or, unless the disk is full, for a message."""
        with self.change:
            self.change.wait_for(
                lambda: (
                    (self._queue and not full)
                    or len(self._confirmed) >= self._batch
                    or self.damage
                    or self.stopping
                ),
                limit_s,
            )

    def left_by_last_run(self) -> list[Row]:
        """What waited for the disk when an earlier run was killed."""
        return [] if self._unsaved is None else self._unsaved.last_run()

    def begin_run(self) -> None:
        """Note from now on what waits for the disk."""
        if self._unsaved is not None:
            with self.change:
                self._unsaved.begin()

    def end_run(self) -> None:
        """Note nothing more; what waits still is left to the next start."""
        if self._unsaved is not None:
            with self.change:
                self._unsaved.close(forget=self.empty)

    def gather(self, limit_s: float) -> None:
        """Let messages gather for so long, unless a batch is full or somebody must be heard."""
        with self.change:
            self.change.wait_for(
                lambda: (
                    len(self._queue) >= self._batch
                    or len(self._confirmed) >= self._batch
                    or self.damage
                    or self.stopping
                ),
                limit_s,
            )

    def batch(self) -> list[Waiting]:
        """The oldest messages, which stay in the queue until written() or dropped()."""
        with self.change:
            is_all = 0 < len(self._queue) <= self._batch
            self._until_saved = len(self._queue) if is_all else None
            if is_all and self._unsaved is not None:
                self._unsaved.turn_over()
            return list(islice(self._queue, self._batch))

    def has_more_than(self, count: int) -> bool:
        """Whether more than `count` messages wait for the disk."""
        with self.change:
            return len(self._queue) > count

    def written(self, taken: int, added: int) -> None:
        """The `taken` oldest messages, with others `added` rows, are on disk."""
        # One lock for both: `waiting` must not see a message twice or not at all.
        with self.change:
            for _ in range(taken):
                self._queue.popleft()
            self._on_disk += added
            if taken:
                self._note_saved(taken)

    def drop(self, count: int, reason: str) -> None:
        """Count the `count` oldest messages and forget them."""
        with self.change:
            for _ in range(count):
                message = self._queue.popleft()
                self.miss(message.epoch, message.seq, reason)
            self._note_saved(count)

    def missed(self) -> list[Missed]:
        """Take what was counted since the last call."""
        with self.change:
            missed, self._missed = self._missed, []
            return missed

    def confirmed(self) -> dict[int, str]:
        """Some confirmations, id -> epoch, which stay until removed()."""
        with self.change:
            return dict(islice(self._confirmed.items(), 4 * self._batch))

    def removed(self, numbers: Iterable[int], count: int) -> None:
        """The rows of these ids are no more on disk; `count` of them were."""
        with self.change:
            self._on_disk -= count
            for number in numbers:
                self._confirmed.pop(number, None)

    def counted(self, on_disk: int) -> None:
        """So many rows are on disk."""
        with self.change:
            self._on_disk = on_disk

    def _note_saved(self, count: int) -> None:
        """`count` left the queue: where all did that were noted before the batch was taken, their
        notes are needed no more.
        """
        if self._until_saved is not None:
            self._until_saved -= count
        done = self._until_saved is not None and self._until_saved <= 0
        if self._unsaved is not None and (done or not self._queue):
            self._unsaved.saved(all_of_it=not self._queue)
