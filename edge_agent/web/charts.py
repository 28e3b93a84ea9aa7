"""The figures of the screen History: yield, p-chart, Pareto and the trend of each label."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from edge_agent.web.part_store import Count

SIGMAS = 3.0
"""Width of a p-chart's limits (ISO 7870-2: Shewhart control charts)."""
LEAST_LIMITS = 5
"""Buckets with parts that limits need."""


@dataclass(frozen=True)
class Bucket:
    """The parts of one piece of time. share: rejects among PASS and FAIL; upper, lower: limits of
    the p-chart, None where there are too few pieces; out: whether the share lies beyond them.
    """

    start_ns: int
    passed: int = 0
    failed: int = 0
    no_verdict: int = 0
    share: float | None = None
    upper: float | None = None
    lower: float | None = None
    out: bool = False
    labels: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class ParetoRow:
    """One label or cause. share: of all of them up to this one, 0 to 1."""

    label: str
    parts: int
    share: float


def buckets(counts: Sequence[Count], since_ns: int, until_ns: int, bucket_ns: int) -> list[Bucket]:
    """Every piece of time from since_ns to until_ns, also the empty ones, with the limits."""
    by_start: dict[int, list[Count]] = {}
    for one in counts:
        by_start.setdefault(one.start_ns, []).append(one)
    first = since_ns // bucket_ns * bucket_ns
    plain = [
        _bucket(start, by_start.get(start, [])) for start in range(first, until_ns + 1, bucket_ns)
    ]
    share = mean_share(plain)
    if share is None or sum(one.passed + one.failed > 0 for one in plain) < LEAST_LIMITS:
        return plain
    return [_with_limits(one, share) for one in plain]


def mean_share(found: Sequence[Bucket]) -> float | None:
    """Rejects among PASS and FAIL over all pieces; None where nothing was judged."""
    judged = sum(one.passed + one.failed for one in found)
    return sum(one.failed for one in found) / judged if judged else None


def pareto(counts: Sequence[Count]) -> list[ParetoRow]:
    """Rejects by label, the most frequent first."""
    by_label = Counter[str]()
    for one in counts:
        if one.verdict == "FAIL":
            by_label[one.label or "-"] += one.parts
    total, so_far, rows = by_label.total(), 0, []
    for label, parts in by_label.most_common():
        so_far += parts
        rows.append(ParetoRow(label, parts, so_far / total))
    return rows


def _bucket(start_ns: int, counts: Sequence[Count]) -> Bucket:
    verdicts, labels = Counter[str](), Counter[str]()
    for one in counts:
        verdicts[one.verdict] += one.parts
        if one.verdict == "FAIL":
            labels[one.label or "-"] += one.parts
    passed, failed = verdicts["PASS"], verdicts["FAIL"]
    share = failed / (passed + failed) if passed + failed else None
    return Bucket(start_ns, passed, failed, verdicts["NO-VERDICT"], share, labels=dict(labels))


def _with_limits(one: Bucket, mean: float) -> Bucket:
    """Limits by the number of parts of this very piece: share +- 3 sqrt(share (1 - share) / n)."""
    judged = one.passed + one.failed
    if not judged or one.share is None:
        return one
    width = SIGMAS * math.sqrt(mean * (1 - mean) / judged)
    upper, lower = min(1.0, mean + width), max(0.0, mean - width)
    return Bucket(
        one.start_ns, one.passed, one.failed, one.no_verdict, one.share, upper, lower,
        out=one.share > upper or one.share < lower, labels=one.labels,
    )  # fmt: skip
