"""Messages that must not be lost: numbered at once, soon on disk, kept until confirmed.

`put` never waits for the disk. A thread commits what has gathered in one transaction (group
commit). Where the disk or the quota is full, messages are counted, not kept; when there is room
again a gap message says how many and which.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence

from edge_agent.contracts.core.clock import Clock
from edge_agent.contracts.core.errors import StorageError
from edge_agent.contracts.wire.messages import DurableMessage, GapMessage
from edge_agent.contracts.wire.streams import stream_of
from edge_agent.report.outbox_store import Gap, Key, Ledger, LedgerReader, Row

LOG = logging.getLogger("lineside.outbox")

BATCH = 200
"""Messages, or confirmations, of one transaction."""
PROBE_S = 1.0
"""A full disk is tried again, and what is confirmed is deleted, after this at the latest."""


class Outbox:
    """The queue between the line and the broker; start() and stop() own its thread.

    The drop rule: when `hand_over` messages wait for the disk, or the disk takes no more, the
    newest are counted and not kept.
    """

    def __init__(self, ledger: Ledger, *, station: str, hand_over: int, clock: Clock) -> None:
        self.epoch = 0
        self.fault = ""
        self.on_commit: Callable[[], None] = lambda: None
        self._ledger = ledger
        self._station = station
        self._hand_over = hand_over
        self._clock = clock
        self._change = threading.Condition()
        self._disk = threading.Lock()
        self._queue: deque[Row] = deque()
        self._confirmed: dict[Key, None] = {}
        self._next_seq = 0
        self._on_disk = 0
        self._in_hand = 0
        self._gap: Gap | None = None
        self._probe_s = 0.0
        self._stopping = False
        self._thread: threading.Thread | None = None

    def claim(self) -> None:
        """Keep other agents out of the ledger's folder; raises StorageError where one is in."""
        self._ledger.claim()

    def start(self) -> None:
        """Open the ledger, begin an epoch, and start the writer.

        Raises StorageError where a message could not be kept, and may then be called again;
        meanwhile messages of earlier runs are sent and removed as far as the disk lets us.
        """
        self._stopping = False
        try:
            with self._disk:
                self._begin()
        finally:
            if self._ledger.readable and self._thread is None:
                self._thread = threading.Thread(
                    target=self._write_always, name="outbox", daemon=True
                )
                self._thread.start()

    def stop(self) -> None:
        """Commit what waits (as far as the disk takes it) and close."""
        with self._change:
            self._stopping = True
            self._change.notify_all()
        if self._thread is not None:
            self._thread.join(timeout=30)
            self._thread = None
        self._ledger.close()

    @property
    def waiting(self) -> int:
        """Messages not yet confirmed."""
        with self._change:
            made = self._on_disk + self._in_hand + len(self._queue)
            return max(0, made - len(self._confirmed))

    def put(self, message: DurableMessage) -> str:
        """Number a message, hand it over, and return its event id; never waits.

        Raises ValueError for a message that JSON cannot carry; it counts as not kept.
        """
        try:
            payload, fault = message.model_dump_json(exclude_none=True).encode(), None
        except ValueError as error:
            payload, fault = b"", error
        with self._change:
            seq = self._number()
            event_id = self._event_id(self.epoch, seq)
            if fault is not None or len(self._queue) >= self._hand_over:
                self._miss(Gap(self.epoch, seq, seq, 1))
            else:
                numbered = _with_event_id(payload, event_id)
                self._queue.append(Row(self.epoch, seq, stream_of(message).name, numbered))
                self._change.notify_all()
        if fault is not None:
            raise fault
        return event_id

    def confirm(self, keys: Sequence[Key]) -> None:
        """The receiver has these: they may be deleted."""
        with self._change:
            self._confirmed |= dict.fromkeys(keys)
            self._change.notify_all()

    def reader(self) -> LedgerReader:
        """A reader for the sender's thread."""
        return LedgerReader(self._ledger)

    def _begin(self) -> None:
        try:
            epoch = self._ledger.open(self._clock.utc_ns() // 1_000_000_000)
        finally:
            if self._ledger.readable:
                self._on_disk = self._ledger.count()
        self._report_old_gaps()
        self._next_seq, self.epoch = 0, epoch

    def _number(self) -> int:
        seq = self._next_seq
        self._next_seq += 1
        return seq

    def _event_id(self, epoch: int, seq: int) -> str:
        return f"{self._station}/{epoch}/{seq}"

    def _miss(self, gap: Gap) -> None:
        self._gap = self._gap.including(gap) if self._gap else gap

    def _write_always(self) -> None:
        while True:
            with self._change:
                self._change.wait_for(self._has_work, PROBE_S)
                stopping = self._stopping
                rows = [self._queue.popleft() for _ in range(min(BATCH, len(self._queue)))]
                self._in_hand = len(rows)
                confirmed, self._confirmed = list(self._confirmed), {}
            try:
                with self._disk:
                    self._write(rows, confirmed)
            except Exception as error:
                if not self.fault:
                    LOG.exception("the outbox failed; trying again")
                self.fault = f"a fault in the agent: {error!r}"
                self._put_back(rows, confirmed)
                time.sleep(PROBE_S)
            if stopping and not self._has_backlog():
                return

    def _has_work(self) -> bool:
        return bool(self._queue or len(self._confirmed) >= BATCH or self._stopping)

    def _has_backlog(self) -> bool:
        with self._change:
            return bool(self._queue)

    def _put_back(self, rows: list[Row], confirmed: list[Key]) -> None:
        with self._change:
            self._in_hand = 0
            self._queue.extendleft(reversed(rows))
            self._confirmed |= dict.fromkeys(confirmed)

    def _write(self, rows: list[Row], confirmed: list[Key]) -> None:
        if self.fault and not self._room_again():
            self._refuse(rows, confirmed)
            return
        gap, gap_row = self._due_gap()
        kept = rows if gap_row is None else [*rows, gap_row]
        if not kept and not confirmed:
            return
        try:
            self._commit(kept, confirmed, kept[-1].seq + 1 if kept else 0, self._gap)
        except StorageError as error:
            self._fill_up(error)
            self._refuse(kept, confirmed, gap)
            return
        self._recover()

    def _commit(self, rows: Sequence[Row], confirmed: list[Key], seq: int, gap: Gap | None) -> None:
        removed = self._ledger.commit(self.epoch, seq, rows, confirmed, gap)
        with self._change:
            self._in_hand = 0
            self._on_disk += len(rows) - removed
        if rows:
            self.on_commit()

    def _refuse(
        self, rows: Sequence[Row], confirmed: list[Key], unreported: Gap | None = None
    ) -> None:
        """Count rows that cannot be kept; note that and delete where the disk lets us."""
        with self._change:
            self._in_hand = 0
            if unreported is not None:
                self._miss(unreported)
            if rows:
                self._miss(Gap(self.epoch, rows[0].seq, rows[-1].seq, len(rows)))
            gap = self._gap
        if not rows and not confirmed:
            return
        try:
            self._commit([], confirmed, 0, gap)
        except StorageError:
            with self._change:
                self._confirmed = dict.fromkeys(confirmed) | self._confirmed
            time.sleep(0.1)

    def _fill_up(self, error: StorageError) -> None:
        if self.epoch and not self.fault:
            LOG.error("verdicts go on, but are not kept: %s", error)
        self.fault = str(error)
        self._probe_s = time.monotonic() + PROBE_S
        self._ledger.give_ballast()

    def _room_again(self) -> bool:
        """Whether, some time after the disk was full, there is room and a small write succeeds."""
        if time.monotonic() < self._probe_s:
            return False
        self._probe_s = time.monotonic() + PROBE_S
        try:
            if not self._ledger.has_room():
                return False
            self._ledger.commit(self.epoch, 0, gap=self._gap)
        except StorageError:
            return False
        return True

    def _recover(self) -> None:
        if self.fault:
            LOG.warning("the outbox keeps verdicts again")
            self.fault = ""
            self._ledger.take_ballast()

    def _due_gap(self) -> tuple[Gap | None, Row | None]:
        """Take the unreported gap, and make its message, when nothing older waits."""
        with self._change:
            gap = self._gap
            if gap is None or self._queue:
                return None, None
            self._gap = None
            return gap, self._gap_message(gap, self._number())

    def _gap_message(self, gap: Gap, seq: int) -> Row:
        message = GapMessage(
            station=self._station,
            event_id=self._event_id(gap.epoch, seq),
            at_ns=self._clock.utc_ns(),
            first_seq=gap.first_seq,
            last_seq=gap.last_seq,
            dropped=gap.count,
            reason=self.fault or "the outbox could not take them",
        )
        return Row(gap.epoch, seq, "gap", message.model_dump_json().encode())

    def _report_old_gaps(self) -> None:
        """Gaps of earlier runs that ended before they could be reported."""
        for gap, seq in self._ledger.gaps():
            row = self._gap_message(gap, seq)
            try:
                self._ledger.commit(gap.epoch, seq + 1, [row])
            except StorageError:
                LOG.exception("an earlier gap stays unreported for now")
                return
            self._on_disk += 1


def _with_event_id(payload: bytes, event_id: str) -> bytes:
    """The JSON of a message with its number. The first match is ours: no value can hold a quote."""
    return payload.replace(b'"event_id":""', f'"event_id":"{event_id}"'.encode(), 1)
