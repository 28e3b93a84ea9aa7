"""What a person may change at the line; each change is in the audit log before it is confirmed."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import Protocol, TypeAlias

from edge_agent.contracts.core.clock import Clock
from edge_agent.contracts.core.errors import LinesideError, StorageError
from edge_agent.contracts.core.types import Verdict
from edge_agent.contracts.wire.kinds.escape import EscapeMessage
from edge_agent.contracts.wire.messages import wire_text
from edge_agent.decide.hold import PERSON
from edge_agent.evidence.labels import Missed
from edge_agent.web.access import RefusedError
from edge_agent.web.api_models import MissedDefect, StopPassing
from edge_agent.web.board import Board

LOG = logging.getLogger("lineside.web")

RecordChange: TypeAlias = Callable[[str, str, dict[str, object], dict[str, object]], bool]
"""(who, what, before, after) -> whether it is on disk."""


Tell: TypeAlias = Callable[[EscapeMessage], object]
"""Sends a message to the plant; raises StorageError."""


class ChangeLog:
    """Writes what people change into the audit log, before it is confirmed.

    lock: held by whoever changes something, so that before and after are true.
    """

    def __init__(self, record: RecordChange) -> None:
        self.lock = threading.Lock()
        self._record = record

    def write(
        self, who: str, what: str, before: dict[str, object], after: dict[str, object]
    ) -> None:
        """Raises RefusedError where it cannot be written."""
        if not self._record(who, what, before, after):
            raise RefusedError(503, "the audit log cannot be written", cure="free the disk")


class Passing(Protocol):
    """Stops passing (edge_agent.decide.hold)."""

    @property
    def by(self) -> str: ...

    def stop(self, by: str) -> None: ...

    def stopped_by(self, *causes: str) -> str: ...

    def release(self, *causes: str) -> None: ...


class MissedKeeper(Protocol):
    """Keeps the items of a part (edge_agent.evidence.recorder)."""

    def keep_missed(self, part_id: str, missed: Missed) -> int: ...


class Changes:
    """Makes and records the changes of the screen Line, one at a time.

    keeper: keeps the evidence of a missed defect. tell: to whom it is told, where somebody is.
    """

    tell: Tell | None = None

    def __init__(
        self,
        board: Board,
        passing: Passing,
        log: ChangeLog,
        keeper: MissedKeeper | None = None,
        *,
        clock: Clock,
    ) -> None:
        self._board = board
        self._passing = passing
        self._log = log
        self._keeper = keeper
        self._clock = clock

    def set_passing(self, who: str, asked: StopPassing) -> None:
        """Stop passing, or let parts pass again; raises RefusedError where it cannot be recorded.

        A stop is obeyed before it is recorded: it must not wait for a full disk.
        """
        with self._log.lock:
            before: dict[str, object] = {"stopped_by": self._passing.by}
            after: dict[str, object] = {"stopped_by": who if asked.stopped else ""}
            if asked.stopped:
                self._stop(who)
            elif not self._passing.stopped_by(PERSON):
                self._refuse_others_stop()
                return
            self._log.write(who, "passing", before, after | _note(asked.note))
            if not asked.stopped:
                self._release()
            LOG.warning("%s by %s", "passing stopped" if asked.stopped else "parts pass again", who)
            self._board.changed()

    def report_missed(self, who: str, asked: MissedDefect) -> int:
        """Record that a part is bad which was not rejected; gives how many items are kept of it.

        Raises RefusedError.
        """
        with self._log.lock:
            row = self._board.part(asked.part_id, asked.number)
            if row is None:
                raise RefusedError(404, "no such part is remembered", cure="choose one of the list")
            if row.verdict == Verdict.FAIL:
                raise RefusedError(
                    409, "this part was rejected as FAIL", cure="choose another part"
                )
            before: dict[str, object] = {"part_id": row.part_id, "verdict": row.verdict.value}
            after: dict[str, object] = {"part_id": row.part_id, "truth": "defect"}
            self._log.write(who, "missed defect", before, after | _note(asked.note))
            LOG.warning("missed defect on part %s, reported by %s", wire_text(row.part_id), who)
            self._board.mark_reported(row.number)
        # Without the lock: a stop of passing must not wait for a picture to be written.
        missed = Missed(by=who, at_ns=self._clock.utc_ns(), note=wire_text(asked.note))
        if not row.reported:  # a second tap is no second escape
            self._tell(row.part_id, row.verdict, missed)
        return self._keep(row.part_id, missed)

    def _stop(self, who: str) -> None:
        try:
            self._passing.stop(who)
        except StorageError as error:
            LOG.error("passing is stopped, and a restart will forget it: %s", error)  # noqa: TRY400

    def _refuse_others_stop(self) -> None:
        """What a check stopped, only the check or its own screen releases."""
        if self._passing.by:
            raise RefusedError(
                409,
                f"passing is stopped by {self._passing.by}",
                cure="send golden parts, or ask quality to release it on the screen Golden parts",
            )

    def _release(self) -> None:
        try:
            self._passing.release(PERSON)
        except StorageError as error:
            raise RefusedError(503, str(error), cure="free the disk, then try again") from error

    def _tell(self, part_id: str, verdict: Verdict, missed: Missed) -> None:
        """The audit log has the report, whatever becomes of the message."""
        if self.tell is None:
            return
        message = EscapeMessage(
            station=self._board.station,
            at_ns=missed.at_ns,
            part_id=wire_text(part_id),
            verdict=verdict,
            by=wire_text(missed.by, 64),
            note=missed.note,
        )
        try:
            self.tell(message)
        except StorageError as error:
            LOG.error("the plant is not told of the missed defect: %s", error)  # noqa: TRY400

    def _keep(self, part_id: str, missed: Missed) -> int:
        """The report stands without its picture, too."""
        try:
            return self._keeper.keep_missed(part_id, missed) if self._keeper else 0
        except LinesideError as error:
            LOG.error("the missed defect has no evidence: %s", error)  # noqa: TRY400
            return 0


def _note(text: str) -> dict[str, object]:
    return {"note": wire_text(text)} if text else {}
