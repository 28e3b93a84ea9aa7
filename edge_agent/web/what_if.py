"""What another threshold would do to parts that were judged: how many flip, and what it costs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from edge_agent.contracts.core.types import Verdict
from edge_agent.contracts.model.scoring import Scoring
from edge_agent.decide.station_threshold import fails
from edge_agent.web.part_store import Score


@dataclass(frozen=True)
class Truth:
    """What is known of a part: a person's word, or only what the station decided."""

    is_bad: bool
    label: str
    by_person: bool


@dataclass(frozen=True)
class Outcome:
    """What a threshold does to parts. missed: bad ones that pass; false_rejects: good ones that do
    not. cost: of 1,000 parts, in the unit of the costs.
    """

    failed: int
    missed: int
    false_rejects: int
    cost: float


def outcome(
    scores: Sequence[Score],
    truths: Sequence[Truth],
    scoring: Scoring,
    threshold: float,
    costs: tuple[float, float],
) -> Outcome:
    """Count parts by a threshold; costs: of a missed defect and of a false reject."""
    failed = missed = false_rejects = 0
    for one, truth in zip(scores, truths, strict=True):
        fail = fails(one.score, threshold, scoring)
        failed += fail
        missed += truth.is_bad and not fail
        false_rejects += fail and not truth.is_bad
    total = missed * costs[0] + false_rejects * costs[1]
    return Outcome(failed, missed, false_rejects, 1000 * total / max(1, len(scores)))


def flips(scores: Sequence[Score], scoring: Scoring, old: float, new: float) -> list[Score]:
    """The parts that another threshold would decide otherwise, the nearest to the old one first."""
    found = [s for s in scores if fails(s.score, old, scoring) != fails(s.score, new, scoring)]
    return sorted(found, key=lambda one: abs(one.score - old))


def truths_of(
    scores: Sequence[Score], known: Mapping[tuple[str, int | None], Truth]
) -> list[Truth]:
    """A person's word where there is one, by part and time of capture; else the decision made."""
    return [
        known.get((one.part_id, one.captured_at_ns))
        or Truth(one.verdict == Verdict.FAIL.value, one.label or one.verdict, by_person=False)
        for one in scores
    ]


def histogram(
    scores: Sequence[Score], truths: Sequence[Truth], low: float, high: float, bins: int
) -> tuple[list[float], dict[str, list[int]]]:
    """The edges of `bins` bins, and for each label how many scores lie in each of them.

    Scores beyond low and high count in the first and the last bin.
    """
    edges = np.linspace(low, high, bins + 1)
    by_label: dict[str, list[float]] = {}
    for one, truth in zip(scores, truths, strict=True):
        by_label.setdefault(truth.label, []).append(min(max(one.score, low), high))
    counts = {
        label: np.histogram(values, edges)[0].tolist() for label, values in sorted(by_label.items())
    }
    return edges.tolist(), counts
