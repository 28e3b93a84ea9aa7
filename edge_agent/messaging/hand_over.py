"""What passes between the line's threads, the sender's thread and the outbox's writer."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterable
from itertools import islice
from typing import NamedTuple

from edge_agent.messaging.row import Row
from edge_agent.messaging.sqlite_faults import StoreDamagedError


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
    """

    def __init__(self, limit: int, batch: int) -> None:
        self.change = threading.Condition(threading.RLock())
        # Held while telemetry is read to be sent, and while it is thinned: no row is both.
        self.reading = threading.Lock()
        self._held: set[int] = set()
        self.stopping = False
        self.damage: StoreDamagedError | None = None
        self._limit = limit
        self._batch = batch
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

    def put(self, message: Waiting, drop_reason: str) -> None:
        """Queue a message, or count it where the queue is full."""
        with self.change:
            if len(self._queue) >= self._limit:
                self.miss(message.epoch, message.seq, drop_reason)
                return
            self._queue.append(message)
            if len(self._queue) == 1:
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

    def batch(self) -> list[Waiting]:
        """The oldest messages, which stay in the queue until written() or dropped()."""
        with self.change:
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

    def drop(self, count: int, reason: str) -> None:
        """Count the `count` oldest messages and forget them."""
        with self.change:
            for _ in range(count):
                message = self._queue.popleft()
                self.miss(message.epoch, message.seq, reason)

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
