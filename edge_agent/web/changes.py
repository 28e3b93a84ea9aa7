"""What a person may change at the line; each change is in the audit log before it is confirmed."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import Protocol, TypeAlias

from edge_agent.contracts.core.errors import StorageError
from edge_agent.contracts.core.types import Verdict
from edge_agent.contracts.wire.messages import wire_text
from edge_agent.decide.hold import PERSON
from edge_agent.web.access import RefusedError
from edge_agent.web.api_models import MissedDefect, StopPassing
from edge_agent.web.board import Board

LOG = logging.getLogger("lineside.web")

RecordChange: TypeAlias = Callable[[str, str, dict[str, object], dict[str, object]], bool]
"""(who, what, before, after) -> whether it is on disk."""


class Passing(Protocol):
    """Stops passing (edge_agent.decide.hold)."""

    @property
    def by(self) -> str: ...

    def stop(self, by: str) -> None: ...

    def stopped_by(self, *causes: str) -> str: ...

    def release(self, *causes: str) -> None: ...


class Changes:
    """Makes and records the changes of the page, one at a time."""

    def __init__(self, board: Board, passing: Passing, record: RecordChange) -> None:
        self._board = board
        self._passing = passing
        self._record = record
        self._lock = threading.Lock()

    def set_passing(self, who: str, asked: StopPassing) -> None:
        """Stop passing, or let parts pass again; raises RefusedError where it cannot be recorded.

        A stop is obeyed before it is recorded: it must not wait for a full disk.
        """
        with self._lock:
            before: dict[str, object] = {"stopped_by": self._passing.by}
            after: dict[str, object] = {"stopped_by": who if asked.stopped else ""}
            if asked.stopped:
                self._stop(who)
            elif not self._passing.stopped_by(PERSON):
                self._refuse_others_stop()
                return
            self._write(who, "passing", before, after | _note(asked.note))
            if not asked.stopped:
                self._release()
            LOG.warning("%s by %s", "passing stopped" if asked.stopped else "parts pass again", who)
            self._board.changed()

    def report_missed(self, who: str, asked: MissedDefect) -> None:
        """Record that a part is bad which was not rejected; raises RefusedError."""
        with self._lock:
            row = self._board.part(asked.part_id, asked.number)
            if row is None:
                raise RefusedError(404, "no such part is remembered", cure="choose one of the list")
            if row.verdict == Verdict.FAIL:
                raise RefusedError(
                    409, "this part was rejected as FAIL", cure="choose another part"
                )
            before: dict[str, object] = {"part_id": row.part_id, "verdict": row.verdict.value}
            after: dict[str, object] = {"part_id": row.part_id, "truth": "defect"}
            self._write(who, "missed defect", before, after | _note(asked.note))
            LOG.warning("missed defect on part %s, reported by %s", wire_text(row.part_id), who)
            self._board.mark_reported(row.number)

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

    def _write(
        self, who: str, what: str, before: dict[str, object], after: dict[str, object]
    ) -> None:
        if not self._record(who, what, before, after):
            raise RefusedError(503, "the audit log cannot be written", cure="free the disk")


def _note(text: str) -> dict[str, object]:
    return {"note": wire_text(text)} if text else {}
