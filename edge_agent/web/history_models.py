"""What the screen History takes and gives."""

from __future__ import annotations

from pydantic import Field

from edge_agent.contracts.core.strict import Strict


class Span(Strict):
    """The last hours."""

    hours: float = Field(default=24, gt=0, le=8784)


class BucketView(Strict):
    """The parts of one piece of time, with the limits of the p-chart where there are enough."""

    start_ns: int
    passed: int
    failed: int
    no_verdict: int
    share: float | None
    upper: float | None
    lower: float | None
    out: bool
    labels: dict[str, int]


class ParetoView(Strict):
    """One label. share: of all rejects up to this one."""

    label: str
    parts: int
    share: float


class ChartView(Strict):
    """Everything that the screen draws. mean: share of rejects among PASS and FAIL."""

    bucket_s: int
    passed: int
    failed: int
    no_verdict: int
    mean: float | None
    buckets: list[BucketView]
    pareto: list[ParetoView]
    no_verdicts: dict[str, int]
