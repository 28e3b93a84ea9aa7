"""The screen Threshold: what another one would do, and setting it."""

from __future__ import annotations

from starlette.requests import Request

from edge_agent.decide.station_threshold import fails
from edge_agent.web.access import Caller
from edge_agent.web.evidence_index import EvidenceRow
from edge_agent.web.operation import Operation
from edge_agent.web.part_store import Score
from edge_agent.web.rooms import Rooms
from edge_agent.web.threshold_models import (
    FlipView,
    OutcomeView,
    SetThreshold,
    ThresholdChannel,
    ThresholdList,
    UndoThreshold,
    WhatIf,
    WhatIfQuery,
)
from edge_agent.web.users import Role
from edge_agent.web.what_if import Outcome, Truth, flips, histogram, outcome, truths_of

BINS = 60
MOST_SCORES = 50_000
FRESH_NS = 20_000_000_000
"""A slider asks many times in a second: the scores are read once for all of them."""
MOST_SHOWN = 60
HOUR_NS = 3_600_000_000_000


class ThresholdApi:
    """The operations of the screen Threshold."""

    def __init__(self, rooms: Rooms) -> None:
        self._rooms = rooms
        self._read: tuple[tuple[str, str, float], int, list[Score]] | None = None

    def operations(self) -> list[Operation]:
        """A row for each."""
        quality, at = Role.QUALITY, "/api/threshold"
        return [
            Operation("thresholds", "GET", at, quality, "Thresholds of the channels", self.listed,
                      ThresholdList),
            Operation("whatIf", "GET", f"{at}/what-if", quality, "What another threshold would do "
                      "to the last parts", self.what_if, WhatIf, WhatIfQuery),
            Operation("setThreshold", "POST", at, quality, "Judge by another threshold; a looser "
                      "one than the bundle's needs the role engineer", self.set, ThresholdChannel,
                      SetThreshold),
            Operation("undoThreshold", "POST", f"{at}/undo", quality, "Judge by the threshold "
                      "before", self.undo, ThresholdChannel, UndoThreshold),
        ]  # fmt: skip

    def listed(self, request: Request, caller: Caller, taken: None) -> ThresholdList:
        """The threshold of each channel."""
        table = self._rooms.table
        return ThresholdList(
            channels=self._rooms.quality.thresholds.channels(),
            missed_defect_cost=table.missed_defect_cost,
            false_reject_cost=table.false_reject_cost,
        )

    def set(self, request: Request, caller: Caller, taken: SetThreshold) -> ThresholdChannel:
        """Judge by another threshold."""
        return self._rooms.quality.thresholds.set(caller, taken)

    def undo(self, request: Request, caller: Caller, taken: UndoThreshold) -> ThresholdChannel:
        """Judge by the threshold before."""
        return self._rooms.quality.thresholds.undo(caller, taken)

    def what_if(self, request: Request, caller: Caller, taken: WhatIfQuery) -> WhatIf:
        """What another threshold would do to the last parts."""
        rooms = self._rooms
        model = rooms.quality.thresholds.model(taken.channel)
        view = rooms.quality.thresholds.view(model)
        scores = self._scores(model.channel, model.bundle, taken.hours)
        rows = {(row.part_id, row.at_ns): row for row in rooms.quality.evidence.rows()
                if row.channel == model.channel}  # fmt: skip
        known = _known(rows)
        truths = truths_of(scores, known)
        new = view.threshold if taken.threshold is None else taken.threshold
        costs = self._costs(taken)
        edges, counts = histogram(scores, truths, *_span(scores, view), BINS)
        found = flips(scores, model.own, view.threshold, new)
        to_fail = sum(fails(one.score, new, model.own) for one in found)
        shown = found[:MOST_SHOWN]
        return WhatIf(
            parts=len(scores),
            labelled=sum(truth.by_person for truth in truths),
            edges=edges,
            counts=counts,
            now=_view(view.threshold, outcome(scores, truths, model.own, view.threshold, costs)),
            then=_view(new, outcome(scores, truths, model.own, new, costs)),
            flips=len(found),
            to_pass=len(found) - to_fail,
            to_fail=to_fail,
            shown=[
                _flip(
                    one,
                    truth,
                    rows.get((one.part_id, one.captured_at_ns or -1)),
                    fails(one.score, new, model.own),
                )
                for one, truth in zip(shown, truths_of(shown, known), strict=True)
            ],
        )

    def _scores(self, channel: str, bundle: str, hours: float) -> list[Score]:
        """The newest scores of the last hours."""
        rooms, key = self._rooms, (channel, bundle, hours)
        now_ns = rooms.clock.mono_ns()
        read = self._read
        if read is None or read[0] != key or now_ns - read[1] > FRESH_NS:
            since_ns = max(0, rooms.clock.utc_ns() - round(hours * HOUR_NS))
            read = (key, now_ns, rooms.quality.parts.scores(channel, bundle, since_ns, MOST_SCORES))
            self._read = read
        return read[2]

    def _costs(self, taken: WhatIfQuery) -> tuple[float, float]:
        table = self._rooms.table
        missed, false = taken.missed_cost, taken.false_reject_cost
        return (
            table.missed_defect_cost if missed is None else missed,
            table.false_reject_cost if false is None else false,
        )


def _known(rows: dict[tuple[str, int], EvidenceRow]) -> dict[tuple[str, int | None], Truth]:
    """What people say of the parts whose evidence is kept."""
    known: dict[tuple[str, int | None], Truth] = {}
    for key, row in rows.items():
        agreed = row.labels.agreed
        if agreed:
            known[key] = Truth(agreed.is_defect, agreed.label, by_person=True)
        elif row.labels.missed:
            known[key] = Truth(True, row.proposed, by_person=True)
    return known


def _span(scores: list[Score], view: ThresholdChannel) -> tuple[float, float]:
    """From where to where the histogram goes: bounds, thresholds and scores are in it."""
    if view.kind == "logits":
        return 0.0, 1.0
    values = [one.score for one in scores] + [view.low, view.high, view.threshold]
    return min(values), max(values)


def _view(threshold: float, found: Outcome) -> OutcomeView:
    return OutcomeView(
        threshold=threshold,
        failed=found.failed,
        missed=found.missed,
        false_rejects=found.false_rejects,
        cost=found.cost,
    )


def _flip(one: Score, truth: Truth, row: EvidenceRow | None, to_fail: bool) -> FlipView:
    return FlipView(
        part_id=one.part_id,
        at_ns=one.at_ns,
        score=one.score,
        becomes="FAIL" if to_fail else "PASS",
        label=truth.label,
        by_person=truth.by_person,
        stem=row.stem if row else "",
    )
