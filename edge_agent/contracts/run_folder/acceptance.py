"""Acceptance of a network: what is required of its verdicts, and what the held-out parts prove."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Literal

from edge_agent.contracts.model.manifest import ModelSpec
from edge_agent.contracts.run_folder.metrics import AcceptanceLimits
from edge_agent.contracts.run_folder.rows import Prediction

Outcome = Literal["PROVEN", "NOT PROVEN"]
UpperBound = Callable[[int, int], float]
"""(errors, parts) -> one-sided 95 % Clopper-Pearson bound of the share of errors (Biometrika 26,
1934). Passed in: the station has no scipy.
"""

MOST_PARTS = 10_000_000
"""Beyond so many parts nobody proves a limit by counting."""


@dataclass(frozen=True)
class Requirement:
    """One limit on a share of errors, and what the parts show. bound: the 95 % bound of the share.

    more: further parts without an error that would prove it; 0 where it is proven, or where the
    share that was seen is itself above the limit.
    """

    title: str
    part: str
    limit: float
    errors: int
    parts: int
    bound: float
    more: int

    @property
    def outcome(self) -> Outcome:
        """Whether the bound holds the limit."""
        return "PROVEN" if self.parts and self.bound <= self.limit else "NOT PROVEN"

    @property
    def exceeded(self) -> bool:
        """Whether the share that was seen is above the limit, so that more parts do not help."""
        return self.parts > 0 and self.errors / self.parts > self.limit

    @property
    def reason(self) -> str:
        """Why it is not proven; empty where it is."""
        if self.outcome == "PROVEN":
            return ""
        if not self.parts:
            return f"no {self.part} was held out: the share is unknown"
        if self.exceeded:
            return f"{_percent(self.errors / self.parts)} of the parts seen is above the limit"
        return f"{self.more} more {self.part}s without an error would prove it"

    def as_json(self) -> dict[str, object]:
        """For json.dumps: the fields and the outcome."""
        return {**asdict(self), "outcome": self.outcome}

    def cells(self) -> list[str]:
        """title, limit, seen, bound, outcome, reason: a row of the acceptance box."""
        seen = f"{self.errors} of {self.parts}" if self.parts else "none tested"
        bound = f"< {_percent(self.bound)}" if self.parts else "unknown"
        return [self.title, f"≤ {_percent(self.limit)}", seen, bound, self.outcome, self.reason]


def assess(
    spec: ModelSpec,
    predictions: Sequence[Prediction],
    limits: AcceptanceLimits,
    upper_bound: UpperBound,
) -> list[Requirement]:
    """The requirements of a model that passes and rejects parts; [] for any other.

    NO-VERDICT is no escape and no false reject: the station takes its safe action.
    """
    if spec.scoring.kind == "value" or not spec.good:
        return []
    good = [one for one in predictions if one.label in spec.good]
    bad = [one for one in predictions if one.label not in spec.good]
    escapes = sum(one.verdict == "PASS" for one in bad)
    rejects = sum(one.verdict == "FAIL" for one in good)
    return [
        _requirement(
            "Defects that escape",
            "defective part",
            limits.max_escape,
            escapes,
            len(bad),
            upper_bound,
        ),
        _requirement(
            "Good parts rejected",
            "good part",
            limits.max_false_reject,
            rejects,
            len(good),
            upper_bound,
        ),
    ]


def next_step(requirements: Sequence[Requirement], *, quantised: bool) -> str:
    """What to do next, in one sentence."""
    open_ones = [one for one in requirements if one.outcome != "PROVEN"]
    exceeded = [one for one in open_ones if one.exceeded]
    if exceeded:
        titles = " and the share of ".join(one.title.lower() for one in exceeded)
        above = "is above its limit" if len(exceeded) == 1 else "are above their limits"
        other = ", or choose another threshold with lineside-train threshold"
        return (
            f"The share of {titles} {above}: look at the worst mistakes, mend labels, light or "
            f"data, and fit again{other if len(exceeded) == 1 else ''}."
        )
    if open_ones:
        needs = " and ".join(_need(one) for one in open_ones)
        return f"Collect {needs} that the network has not seen, and judge them with " + (
            "lineside-train evaluate."
        )
    if not quantised:
        return "Convert the run with lineside-quantize convert, which measures the int8 network."
    if not requirements:
        return "Compare the figures with what the line needs, then deploy the bundle."
    return "Sign below, then deploy the bundle with lineside-deploy push."


def _percent(share: float) -> str:
    """Three digits: `0.05 %`, `21.6 %`."""
    return f"{100 * share:.3g} %"


def _need(one: Requirement) -> str:
    if one.more:
        return f"{one.more} more {one.part}s"
    return f"{one.part}s"


def _requirement(
    title: str, part: str, limit: float, errors: int, parts: int, upper_bound: UpperBound
) -> Requirement:
    bound = upper_bound(errors, parts) if parts else 1.0
    more = 0
    if bound > limit and (not parts or errors / parts <= limit):
        more = _parts_needed(errors, limit, upper_bound) - parts
    return Requirement(title, part, limit, errors, parts, bound, more)


def _parts_needed(errors: int, limit: float, upper_bound: UpperBound) -> int:
    """The least number of parts, `errors` wrong ones among them, whose bound holds `limit`."""
    low, high = errors, max(errors + 1, 8)
    while upper_bound(errors, high) > limit and high < MOST_PARTS:
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if upper_bound(errors, middle) <= limit else (middle, high)
    return high
