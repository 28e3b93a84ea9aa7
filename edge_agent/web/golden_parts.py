"""Golden parts on the page: what is due, a check now, and the release of what they stopped."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Literal

from pydantic import Field

from edge_agent.contracts.core.clock import Clock
from edge_agent.contracts.core.errors import StorageError
from edge_agent.contracts.core.strict import Strict
from edge_agent.contracts.wire.messages import wire_text
from edge_agent.golden.check import GoldenRequest, GoldenResult, GoldenSeen
from edge_agent.golden.config import GoldenTable
from edge_agent.golden.folder import GoldenFolder
from edge_agent.golden.gate import PARTS_DUE, WRONG_PARTS, GoldenGate
from edge_agent.web.access import RefusedError
from edge_agent.web.changes import ChangeLog

LOG = logging.getLogger("lineside.web")


class GoldenPart(Strict):
    """One golden part in the order in which it is laid on the line."""

    kind: Literal["good", "bad"]
    label: str = Field(default="", max_length=200, description="of a bad one; empty: any")


class GoldenAsked(Strict):
    """The next parts at the line are golden."""

    parts: list[GoldenPart] = Field(min_length=1, max_length=100)


class GoldenRelease(Strict):
    """Why parts may pass again without golden parts."""

    note: str = Field(min_length=3, max_length=400)


class GoldenView(Strict):
    """Everything of the screen Golden parts. due: why, or empty; blocked: why nothing passes."""

    due: str
    blocked: str
    every_h: float
    within_s: float
    labels: list[str] = Field(description="labels of rejects that this agent has seen")
    expected: list[str] = Field(description="of the check that runs; empty: none runs")
    seen: list[GoldenSeen]
    last: GoldenResult | None
    last_passed_ns: int | None


class GoldenParts:
    """Asks the station's gate; every change is recorded with who made it."""

    def __init__(
        self,
        gate: GoldenGate,
        table: GoldenTable,
        state_dir: Path,
        *,
        clock: Clock,
        log: ChangeLog,
    ) -> None:
        self._gate = gate
        self._table = table
        self._files = GoldenFolder(state_dir)
        self._clock = clock
        self._log = log

    def view(self, labels: list[str]) -> GoldenView:
        """The state now; labels: of rejects. Raises StorageError."""
        running = self._gate.running()
        passed = self._files.last_passed()
        request, seen = running or (None, [])
        return GoldenView(
            due=self._gate.due(),
            blocked=self._gate.stopped_by(WRONG_PARTS, PARTS_DUE),
            every_h=self._table.every_h,
            within_s=self._table.within_s,
            labels=labels,
            expected=[] if request is None else _words(request),
            seen=seen,
            last=self._gate.last_result(),
            last_passed_ns=None if passed is None else passed.at_ns,
        )

    def check(self, who: str, asked: GoldenAsked) -> None:
        """The next parts are golden; raises RefusedError where a check runs already."""
        if self._gate.running() is not None or self._files.has_request():
            raise RefusedError(409, "a check of golden parts runs", cure="lay its parts first")
        last = self._files.result()
        request = GoldenRequest(
            number=1 if last is None else last.number + 1,
            by=who,
            parts=[part.kind for part in asked.parts],
            labels=[part.label if part.kind == "bad" else "" for part in asked.parts],
            at_ns=self._clock.utc_ns(),
        )
        self._log.write(who, "golden check asked", {}, {"parts": _words(request)})
        self._files.ask(request)

    def release(self, who: str, asked: GoldenRelease) -> None:
        """Let parts pass again without golden parts; raises RefusedError."""
        stopped = self._gate.stopped_by(WRONG_PARTS, PARTS_DUE)
        if not stopped:
            raise RefusedError(409, "golden parts do not stop passing")
        after: dict[str, object] = {"stopped": "", "note": wire_text(asked.note)}
        self._log.write(who, "golden release", {"stopped": stopped}, after)
        try:
            self._gate.clear(who)
        except StorageError as error:
            raise RefusedError(503, str(error), cure="free the disk, then try again") from error
        LOG.warning("golden parts are released by %s: %s", who, wire_text(asked.note))


def _words(request: GoldenRequest) -> list[str]:
    labels = request.labels or [""] * len(request.parts)
    pairs = zip(request.parts, labels, strict=True)
    return [f"{kind}:{label}" if label else kind for kind, label in pairs]
