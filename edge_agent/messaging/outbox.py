"""Messages that must not be lost: numbered at once, soon on disk, kept until confirmed.

put() never waits for the disk. A thread commits what has gathered in one transaction (group
commit). What cannot be kept is counted, and a gap message says how many and which.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager

from edge_agent.contracts.core.clock import Clock
from edge_agent.contracts.core.errors import StorageError
from edge_agent.contracts.wire.budget import payload_of
from edge_agent.contracts.wire.messages import DurableMessage
from edge_agent.contracts.wire.streams import stream_of
from edge_agent.messaging import accounts
from edge_agent.messaging.acted_counter import ActedCounter
from edge_agent.messaging.hand_over import HandOver, Waiting
from edge_agent.messaging.outbox_reader import OutboxReader
from edge_agent.messaging.outbox_store import OutboxStore
from edge_agent.messaging.outbox_tables import TELEMETRY_STREAMS
from edge_agent.messaging.outbox_writer import OutboxWriter
from edge_agent.messaging.row import NUMBER_MAX, Row
from edge_agent.messaging.side_numbers import MAIN_STREAMS, SideNumbers
from edge_agent.messaging.sqlite_faults import StoreDamagedError
from edge_agent.messaging.unsaved import Unsaved


class Outbox:
    """The queue between the line and the broker; start() and stop() own its thread.

    The drop rule: when `hand_over` messages wait for the disk, or the disk takes no more, the
    newest are counted and not kept. A lock that another program holds is waited for.

    gather_s: between two commits at least, unless a batch is full: a commit writes whole pages,
    however small its messages are. What comes after a longer quiet is committed at once.
    unsaved: what waits for the disk, where a kill leaves it to the next start.
    probe_s: a full disk is tried again after this; confirmed rows are removed at the latest after
    some times of it.
    on_commit: called in the outbox's thread when new rows can be read.
    """

    def __init__(
        self,
        store: OutboxStore,
        counter: ActedCounter,
        *,
        station: str,
        hand_over: int,
        clock: Clock,
        on_commit: Callable[[], None] = lambda: None,
        gather_s: float = 0.0,
        unsaved: Unsaved | None = None,
        probe_s: float = 1.0,
        batch: int = 500,
    ) -> None:
        self._store = store
        self._counter = counter
        self._station = station
        self._probe_s = probe_s
        self._gather_s = gather_s
        self._on_commit = on_commit
        self._has_written = False
        self._queue = HandOver(hand_over, batch, unsaved)
        self._unused: set[int] = set()
        self._side = SideNumbers()
        self._writer = OutboxWriter(
            store,
            counter,
            self._side,
            self._queue,
            station=station,
            clock=clock,
            on_commit=self._note_commit,
            probe_s=probe_s,
        )
        # Held while the store is written: by the writer's thread, and by start() and stop().
        self._disk = threading.Lock()
        self._given_up = threading.Event()
        self._thread: threading.Thread | None = None

    @property
    def epoch(self) -> str:
        """The epoch of this run, or of the last one; empty before start()."""
        return self._writer.epoch

    @property
    def fault(self) -> str:
        """Why messages are counted and not kept, or what failed; or nothing."""
        return self._writer.fault

    @property
    def notice(self) -> str:
        """What else somebody should know: lost messages, a lock of another program."""
        return self._writer.notice

    @property
    def waiting(self) -> int:
        """Messages not yet confirmed."""
        return self._queue.waiting

    def claim(self) -> None:
        """Keep other agents out of the folder; raises StorageError where one is in."""
        self._store.claim()

    def start(self) -> None:
        """Open the store, account for earlier runs, begin an epoch, and start the writer.

        Raises StorageError where a message could not be kept, and may then be called again;
        meanwhile messages of earlier runs are sent and removed as far as the disk lets us.
        """
        self._queue.stopping = False
        self._given_up.clear()
        try:
            with self._disk:
                self._writer.begin()
        finally:
            if self._store.readable and self._thread is None:
                self._thread = threading.Thread(target=self._run, name="outbox", daemon=True)
                self._thread.start()

    def stop(self, limit_s: float = 30.0) -> None:
        """Commit what waits (as far as the disk takes it, for at most `limit_s`) and close."""
        with self._queue.change:
            for number in sorted(self._unused):
                self._queue.miss(self.epoch, number, accounts.UNRECORDED)
            self._unused.clear()
            self._queue.stopping = True
            self._queue.change.notify_all()
        if self._thread is not None:
            self._thread.join(limit_s)
            self._given_up.set()
            self._thread.join()
            self._thread = None
        with self._disk:
            self._writer.end()

    def take(self) -> int:
        """The number of a part that the line is about to act on; put() must follow.

        A number whose message never comes is reported as a gap, also after a kill. Raises
        StorageError before start().
        """
        if not self._writer.open:
            raise StorageError("the outbox is not open", where=str(self._store.path))
        with self._queue.change:
            number = self._counter.take()
            self._unused.add(number)
        return number

    def put(self, message: DurableMessage, number: int | None = None) -> str:
        """Hand a message over, and return its event id; never waits. number: from take().

        Raises ValueError for a message that JSON cannot carry; it counts as not kept.
        """
        stream = stream_of(message).name
        if number is None and stream not in MAIN_STREAMS and self._writer.open:
            return self._hand_over(message, stream, self._side.epoch, self._side.take())
        if number is None:
            number = self.take()
        if not 0 <= number < NUMBER_MAX:
            raise ValueError(f"{number} is no number of take()")
        try:
            return self._hand_over(message, stream, self.epoch, number)
        finally:
            self._unused.discard(number)

    def confirm(self, rows: Iterable[Row]) -> None:
        """The receiver has these: they may be deleted."""
        self._queue.confirm(rows)

    def reader(self) -> OutboxReader:
        """A reader for the sender's thread."""
        return OutboxReader(self._store)

    @property
    def reading(self) -> AbstractContextManager[object]:
        """Held by who reads rows to send them, until hold()."""
        return self._queue.reading

    def hold(self, rows: Iterable[Row]) -> None:
        """These are about to be sent: telemetry among them is not thinned any more."""
        self._queue.hold(row.id for row in rows if row.stream in TELEMETRY_STREAMS)

    def release(self, numbers: Iterable[int]) -> None:
        """Rows of these ids were held, and are not sent for now: telemetry may be thinned."""
        self._queue.release(numbers)

    def report_damage(self, error: StoreDamagedError) -> None:
        """A reader found the file damaged: the writer rebuilds it."""
        with self._queue.change:
            self._queue.damage = error
            self._queue.change.notify_all()

    def _hand_over(self, message: DurableMessage, stream: str, epoch: str, number: int) -> str:
        event_id = f"{self._station}/{epoch}/{number}"
        try:
            payload = payload_of(message, event_id)
        except ValueError as error:
            self._queue.miss(epoch, number, f"JSON cannot carry it: {error}"[:200])
            raise
        waiting = Waiting(epoch, number, stream, payload)
        self._queue.put(waiting, self.fault or "the disk was too slow")
        return event_id

    def _note_commit(self) -> None:
        self._has_written = True
        self._on_commit()

    def _run(self) -> None:
        while True:
            failed = bool(self.fault) or self._queue.damage is not None
            self._queue.wait_for_work(self._probe_s, full=failed)
            self._has_written = False
            with self._disk:
                self._writer.turn()
            if self._queue.stopping and (self._queue.empty or self._given_up.is_set()):
                return
            if failed or self.fault:
                # Not again at once: what failed will fail, and the line needs the processor.
                self._given_up.wait(min(self._probe_s, 0.1))
            elif self._has_written:
                self._queue.gather(self._gather_s)
