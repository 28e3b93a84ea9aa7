"""One check with golden parts: what was sent past the station, and what it decided."""

from __future__ import annotations

from typing import Literal, TypeAlias

from pydantic import Field

from edge_agent.contracts.core.strict import Strict
from edge_agent.contracts.core.types import Verdict
from edge_agent.contracts.wire.decision import Decision

Expected: TypeAlias = Literal["good", "bad"]


class GoldenRequest(Strict):
    """The next parts are golden: what each is, in their order; label: of a bad one, or empty."""

    number: int = Field(ge=1, description="counts the requests of a station")
    by: str = Field(min_length=1, max_length=200)
    parts: list[Expected] = Field(default_factory=list, max_length=100)
    labels: list[str] = Field(default_factory=list, max_length=100)
    at_ns: int = Field(ge=0)

    @property
    def clears(self) -> bool:
        """Whether somebody lets parts pass again without golden parts."""
        return not self.parts


class GoldenSeen(Strict):
    """One golden part and the decision on it. fault: why that is wrong, or empty."""

    part_id: str
    expected: Expected
    verdict: Verdict
    reason: str = ""
    fault: str = ""


class GoldenResult(Strict):
    """The end of a check. fault: the first thing that was wrong, or empty."""

    number: int
    by: str
    at_ns: int = Field(ge=0)
    seen: list[GoldenSeen] = Field(default_factory=list)
    fault: str = ""

    @property
    def passed(self) -> bool:
        """Whether the station decided every golden part rightly."""
        return not self.fault


class GoldenCheck:
    """Takes the decisions on the golden parts of one request, in their order."""

    def __init__(self, request: GoldenRequest) -> None:
        self.request = request
        self.seen: list[GoldenSeen] = []

    @property
    def is_whole(self) -> bool:
        """Whether every part has come, or one was decided wrongly: more cannot mend it."""
        return bool(self.fault) or len(self.seen) == len(self.request.parts)

    @property
    def fault(self) -> str:
        """The first thing that was wrong, or empty."""
        return next((one.fault for one in self.seen if one.fault), "")

    def take(self, decision: Decision) -> None:
        """The decision on the next golden part."""
        number = len(self.seen)
        expected = self.request.parts[number]
        label = self.request.labels[number] if number < len(self.request.labels) else ""
        fault = _fault(decision, expected, label)
        words = f"golden part {number + 1} ({label or expected}) was {fault}" if fault else ""
        self.seen.append(
            GoldenSeen(
                part_id=decision.part_id,
                expected=expected,
                verdict=decision.verdict,
                reason=decision.reason,
                fault=words,
            )
        )

    def result(self, at_ns: int, fault: str = "") -> GoldenResult:
        """The result; fault: why the check ended before it was whole."""
        return GoldenResult(
            number=self.request.number,
            by=self.request.by,
            at_ns=at_ns,
            seen=self.seen,
            fault=self.fault or fault,
        )


def _fault(decision: Decision, expected: Expected, label: str) -> str:
    """What the decision is instead of what it should be, or empty."""
    wanted = Verdict.PASS if expected == "good" else Verdict.FAIL
    if decision.verdict != wanted:
        return f"{decision.verdict}, not {wanted}"
    named = [one.label for one in decision.channels if one.verdict == Verdict.FAIL]
    if expected == "bad" and label and label not in named:
        return f"FAIL for {', '.join(named) or 'no label'}, not {label}"
    return ""
