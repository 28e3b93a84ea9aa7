"""What people change on kept evidence; each change is in the audit log before it is made."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

from edge_agent.contracts.core.clock import Clock
from edge_agent.contracts.core.errors import InputError, StorageError
from edge_agent.evidence.folder import protect, unprotect
from edge_agent.evidence.labels import Labels, Vote, write_labels
from edge_agent.web.access import RefusedError
from edge_agent.web.changes import ChangeLog
from edge_agent.web.evidence_index import EvidenceIndex, EvidenceRow
from edge_agent.web.evidence_models import GiveLabel, Protect

_Act: TypeAlias = Callable[[Path], None]


class EvidenceChanges:
    """Labels, undoes and protects, one change at a time; raises RefusedError."""

    def __init__(self, index: EvidenceIndex, log: ChangeLog, clock: Clock) -> None:
        self._index = index
        self._log = log
        self._clock = clock

    def label(self, who: str, asked: GiveLabel) -> EvidenceRow:
        """A person's word on an item."""
        with self._log.lock:
            row = self.known(asked.stem)
            self._refuse_beyond(row, asked)
            vote = Vote(
                by=who,
                at_ns=self._clock.utc_ns(),
                label=asked.label.strip() or "-",
                is_defect=asked.is_defect,
                boxes=asked.boxes,
                strokes=asked.strokes,
            )
            return self._put(who, "evidence label", row, row.labels.with_vote(vote))

    def undo(self, who: str, stem: str) -> EvidenceRow:
        """Take back the person's last word on an item."""
        with self._log.lock:
            row = self.known(stem)
            try:
                labels = row.labels.without_last_vote(who)
            except InputError as error:
                raise RefusedError(409, error.what, cure=error.cure) from error
            return self._put(who, "evidence label undone", row, labels)

    def protect(self, who: str, asked: Protect) -> EvidenceRow:
        """Let nobody remove an item, or let it go."""
        with self._log.lock:
            row = self.known(asked.stem)
            if row.protected == asked.protected:
                return row
            before: dict[str, object] = {"item": row.stem, "protected": row.protected}
            after: dict[str, object] = {"item": row.stem, "protected": asked.protected}
            self._log.write(who, "evidence protection", before, after)
            act = protect if asked.protected else unprotect
            return self._done(lambda folder: act(folder, row.stem), row.stem)

    def known(self, stem: str) -> EvidenceRow:
        """The row of a record; raises RefusedError."""
        row = self._index.row(stem)
        if row is None:
            raise RefusedError(
                404, "this item is not kept any more", cure="load the page again: the oldest go"
            )
        return row

    def _put(self, who: str, what: str, row: EvidenceRow, labels: Labels) -> EvidenceRow:
        self._log.write(who, what, _said(row, row.labels, who), _said(row, labels, who))
        return self._done(lambda folder: write_labels(folder, row.stem, labels), row.stem)

    def _done(self, act: _Act, stem: str) -> EvidenceRow:
        try:
            act(self._index.folder)
        except InputError as error:
            raise RefusedError(404, error.what, cure="load the page again") from error
        except StorageError as error:
            raise RefusedError(503, error.what, cure=error.cure) from error
        return self.known(stem)

    def _refuse_beyond(self, row: EvidenceRow, asked: GiveLabel) -> None:
        if (asked.boxes or asked.strokes) and row.kind != "image":
            raise RefusedError(422, f"a place cannot be drawn on {row.kind}", cure="label it only")
        if (asked.boxes or asked.strokes) and not asked.is_defect:
            raise RefusedError(422, "a good part has no place of a defect", cure="remove the marks")


def _said(row: EvidenceRow, labels: Labels, who: str) -> dict[str, object]:
    """What a person calls an item."""
    mine = next((vote for vote in reversed(labels.votes) if vote.by == who), None)
    said: dict[str, object] = {"item": row.stem, "part_id": row.part_id, "state": labels.state}
    if mine is not None:
        said |= {"label": mine.label, "is_defect": mine.is_defect}
        marks = len(mine.boxes) + len(mine.strokes)
        said |= {"marks": marks} if marks else {}
    return said
