"""The screen Evidence: what is kept, looked through, labelled and exported."""

from __future__ import annotations

import contextlib
import itertools
from collections import Counter
from typing import get_args

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from edge_agent.contracts.core.errors import InputError
from edge_agent.contracts.core.json_text import load_json_object
from edge_agent.evidence.export import Exported, data_set
from edge_agent.evidence.folder import Kept, read_one
from edge_agent.evidence.labels import MISSED
from edge_agent.evidence.store import MB, disk_of, quota_bytes, used_bytes
from edge_agent.web.access import Caller, RefusedError
from edge_agent.web.evidence_changes import EvidenceChanges
from edge_agent.web.evidence_index import EvidenceRow, Wanted, Which, kept_of, ordered, tabs_of
from edge_agent.web.evidence_models import (
    EvidenceDetail,
    EvidenceDisk,
    EvidenceFilter,
    EvidenceItem,
    EvidencePage,
    EvidencePageQuery,
    GiveLabel,
    LabelChoice,
    OneItem,
    PictureQuery,
    Protect,
)
from edge_agent.web.evidence_pictures import jpeg_of
from edge_agent.web.operation import Operation
from edge_agent.web.rooms import Rooms
from edge_agent.web.users import Role
from edge_agent.web.zip_stream import zip_stream

KEYS = "123456789"
HOUR_NS = 3_600_000_000_000
COUNT_NS = 10_000_000_000


class EvidenceApi:
    """The operations of the screen Evidence."""

    def __init__(self, rooms: Rooms) -> None:
        self._rooms = rooms
        self._index = rooms.quality.evidence
        self._changes = EvidenceChanges(rooms.quality.evidence, rooms.log, rooms.clock)
        self._counted: tuple[int, EvidenceDisk] | None = None

    def operations(self) -> list[Operation]:
        """A row for each."""
        viewer, quality, at = Role.VIEWER, Role.QUALITY, "/api/evidence"
        item = f"{at}/items/{{stem}}"
        return [
            Operation("evidence", "GET", at, viewer, "Kept items", self.page, EvidencePage,
                      EvidencePageQuery),
            Operation("evidenceItem", "GET", item, viewer, "One kept item", self.item,
                      EvidenceDetail),
            Operation("evidencePicture", "GET", f"{item}/picture", viewer, "Its picture",
                      self.picture, "image/jpeg", PictureQuery),
            Operation("labelEvidence", "POST", f"{at}/label", quality, "Say what an item is",
                      self.label, EvidenceItem, GiveLabel),
            Operation("undoEvidenceLabel", "POST", f"{at}/undo", quality, "Take back one's last "
                      "word on an item", self.undo, EvidenceItem, OneItem),
            Operation("protectEvidence", "POST", f"{at}/protect", quality, "Let nobody remove an "
                      "item, or let it go", self.protect, EvidenceItem, Protect),
            Operation("exportEvidence", "GET", f"{at}/export.zip", quality, "A data set for the "
                      "trainer", self.export, "application/zip", EvidenceFilter),
        ]  # fmt: skip

    def page(self, request: Request, caller: Caller, taken: EvidencePageQuery) -> EvidencePage:
        """A page of kept items, and what can be said of them."""
        rows = self._index.rows()
        wanted = self._wanted(caller, taken)
        found = ordered([row for row in rows if wanted.fits(row)], taken.order)
        counts = Counter(tab for row in rows for tab in tabs_of(row, caller.name))
        shown = found[taken.offset : taken.offset + taken.limit]
        return EvidencePage(
            items=[shown_item(row, caller, taken.which == "review") for row in shown],
            total=len(found),
            counts={which: counts[which] for which in get_args(Which)},
            choices=self._choices(rows),
            channels=sorted({row.channel for row in rows}),
            labels=sorted({row.label for row in rows}),
            disk=self._disk(),
        )

    def item(self, request: Request, caller: Caller, taken: None) -> EvidenceDetail:
        """One kept item."""
        row, kept = self._kept(request)
        record = kept.record
        size = record.shape if record.kind == "image" and len(record.shape) >= 2 else [0, 0]
        said = [f"{vote.by}: {vote.label}" for vote in row.labels.votes]
        return EvidenceDetail(
            item=shown_item(row, caller, hidden=False),
            bundle=record.verdict.bundle,
            reason=record.verdict.reason,
            width=size[1],
            height=size[0],
            tags=_tags(self._rooms, kept),
            said=said,
        )

    def picture(self, request: Request, caller: Caller, taken: PictureQuery) -> Response:
        """The picture of an item."""
        _, kept = self._kept(request)
        found = jpeg_of(self._index.folder, kept, width=taken.width, heat=taken.heat)
        if found is None:
            raise RefusedError(404, "there is no picture of this item")
        return Response(found, media_type="image/jpeg")

    def label(self, request: Request, caller: Caller, taken: GiveLabel) -> EvidenceItem:
        """Say what an item is."""
        return shown_item(self._changes.label(caller.name, taken), caller, hidden=False)

    def undo(self, request: Request, caller: Caller, taken: OneItem) -> EvidenceItem:
        """Take back one's last word on an item."""
        return shown_item(self._changes.undo(caller.name, taken.stem), caller, hidden=False)

    def protect(self, request: Request, caller: Caller, taken: Protect) -> EvidenceItem:
        """Let nobody remove an item, or let it go."""
        return shown_item(self._changes.protect(caller.name, taken), caller, hidden=False)

    def export(self, request: Request, caller: Caller, taken: EvidenceFilter) -> Response:
        """A data set for the trainer, as one ZIP archive; the audit log names who took it."""
        folder = self._index.folder
        rows = self._index.find(self._wanted(caller, taken), "oldest")
        kept = kept_of(folder, rows)
        try:
            files = data_set(folder, kept, Exported())
            first = next(files)
        except InputError as error:
            raise RefusedError(409, error.what, cure=error.cure) from error
        asked: dict[str, object] = taken.model_dump(mode="json", exclude_defaults=True)
        with self._rooms.log.lock:
            self._rooms.log.write(caller.name, "evidence export", asked, {"items": len(kept)})
        name = 'attachment; filename="evidence.zip"'
        return StreamingResponse(
            zip_stream(itertools.chain((first,), files)),
            media_type="application/zip",
            headers={"Content-Disposition": name},
        )

    def _wanted(self, caller: Caller, taken: EvidenceFilter) -> Wanted:
        fields = taken.model_dump(exclude={"hours", "order", "offset", "limit"})
        if taken.hours is not None:
            since_ns = self._rooms.clock.utc_ns() - round(taken.hours * HOUR_NS)
            fields["since_ns"] = max(taken.since_ns, since_ns)
        return Wanted(**fields, caller=caller.name)

    def _kept(self, request: Request) -> tuple[EvidenceRow, Kept]:
        row = self._changes.known(str(request.path_params["stem"]))
        kept = read_one(self._index.folder, row.stem)
        if kept is None:
            raise RefusedError(404, "this item is not kept any more", cure="load the page again")
        return row, kept

    def _disk(self) -> EvidenceDisk:
        """Counted at most every ten seconds: a folder has many files."""
        now_ns = self._rooms.clock.mono_ns()
        if self._counted is None or now_ns - self._counted[0] > COUNT_NS:
            folder, table = self._index.folder, self._rooms.quality.evidence_table
            found = EvidenceDisk(used_mb=0, limit_mb=table.quota_mb, free_mb=0)
            with contextlib.suppress(OSError):  # nothing has been kept yet
                found = EvidenceDisk(
                    used_mb=used_bytes(folder) / MB,
                    limit_mb=quota_bytes(folder, table) / MB,
                    free_mb=disk_of(folder).free_bytes / MB,
                )
            self._counted = (now_ns, found)
        return self._counted[1]

    def _choices(self, rows: list[EvidenceRow]) -> list[LabelChoice]:
        """The good labels, then the defects that the networks know, then those of people."""
        used = Counter((v.label, v.is_defect) for row in rows for v in row.labels.last)
        known: dict[tuple[str, bool], None] = {}
        for model in self._rooms.quality.models():
            if model.own.kind == "logits":
                known |= {(label, label not in model.good): None for label in model.labels}
        known = known or {
            (row.proposal, row.verdict == "FAIL"): None
            for row in rows
            if row.verdict != "NO-VERDICT" and row.cause != MISSED
        }
        known |= {("good", False): None} if not any(not bad for _, bad in known) else {}
        known |= {("defect", True): None} if not any(bad for _, bad in known) else {}
        known |= {choice: None for choice, _ in used.most_common(40)}
        keys = iter(KEYS)
        return [
            LabelChoice(label=label, is_defect=bad, key=next(keys, ""))
            for label, bad in sorted(known, key=lambda choice: choice[1])
        ]


def shown_item(row: EvidenceRow, caller: Caller, hidden: bool) -> EvidenceItem:
    """A row as the caller sees it; hidden: what others say is kept from a second reviewer."""
    mine = next((vote for vote in row.labels.last if vote.by == caller.name), None)
    vote = mine if hidden else mine or row.labels.agreed or next(iter(row.labels.last), None)
    missed = row.labels.missed
    return EvidenceItem(
        stem=row.stem,
        part_id=row.part_id,
        at_ns=row.at_ns,
        channel=row.channel,
        kind=row.kind,
        cause=row.cause,
        verdict=row.verdict,
        prediction=row.prediction,
        proposal=row.proposed,
        score=row.score,
        threshold=row.threshold,
        has_heat=row.has_heat,
        protected=row.protected,
        state=row.labels.state,
        label=vote.label if vote else "",
        is_defect=vote.is_defect if vote else None,
        by=[] if hidden else [one.by for one in row.labels.last],
        boxes=vote.boxes if vote else [],
        strokes=vote.strokes if vote else [],
        missed_by=missed.by if missed else "",
        note=missed.note if missed else "",
    )


def _tags(rooms: Rooms, kept: Kept) -> dict[str, float | None]:
    if kept.record.kind != "tabular":
        return {}
    try:
        payload = (rooms.quality.evidence.folder / kept.record.file).read_bytes()
        found = load_json_object(payload, finite=False)
    except (OSError, ValueError):
        return {}
    return {
        name: value if isinstance(value, int | float) else None for name, value in found.items()
    }
