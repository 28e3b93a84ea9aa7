"""The held-out samples a person should look at: the worst mistakes, then the closest calls."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from edge_agent.contracts.model.manifest import ModelSpec
from edge_agent.contracts.run_folder.rows import Prediction

MOST = 24
Kind = Literal["escape", "false reject", "wrong label", "undecided", "close call", "right"]
MISTAKES = frozenset({"escape", "false reject", "wrong label", "undecided"})

CLOSE_PROBABILITY = 0.1
"""A probability within this of the threshold is a close call."""
CLOSE_SHARE = 0.1
"""A score without bounds is a close call within this share of the threshold."""


@dataclass(frozen=True)
class Mistake:
    """One held-out sample worth a look; `severity` orders them, the worst first.

    index: its place among the predictions.
    """

    index: int
    kind: Kind
    severity: float
    prediction: Prediction


def rank_mistakes(
    spec: ModelSpec, predictions: Sequence[Prediction], most: int = MOST
) -> list[Mistake]:
    """Up to `most` samples: wrong verdicts by their distance from the threshold, then wrong labels,
    then right ones by their distance from the threshold.
    """
    mistakes = [_mistake(spec, index, one) for index, one in enumerate(predictions)]
    return sorted(mistakes, key=lambda mistake: -mistake.severity)[:most]


def _mistake(spec: ModelSpec, index: int, one: Prediction) -> Mistake:
    distance = abs(one.score - spec.scoring.threshold)
    kind: Kind = "close call" if _is_close(spec, distance) else "right"
    severity = -distance
    has_good = bool(spec.good) and len(spec.good) < len(spec.labels)
    is_good = one.label in spec.good
    if has_good and one.verdict == "PASS" and not is_good:
        kind, severity = "escape", 3 + distance
    elif has_good and one.verdict == "FAIL" and is_good:
        kind, severity = "false reject", 3 + distance
    elif one.verdict == "NO-VERDICT":
        kind, severity = "undecided", 2.0
    elif one.predicted in spec.labels and one.predicted != one.label:
        kind, severity = "wrong label", 1 + _confidence(one)
    elif not has_good:
        margin = _margin(one)
        kind, severity = "close call" if margin < 1 else "right", -margin
    return Mistake(index, kind, severity, one)


def _is_close(spec: ModelSpec, distance: float) -> bool:
    if spec.scoring.kind == "logits":
        return distance <= CLOSE_PROBABILITY
    return distance <= CLOSE_SHARE * abs(spec.scoring.threshold)


def _confidence(one: Prediction) -> float:
    gap = one.logits.get(one.predicted, 0.0) - one.logits.get(one.label, 0.0)
    return float(1 / (1 + np.exp(-gap)))


def _margin(one: Prediction) -> float:
    """By how much the logit of the true label is above the next one."""
    others = [value for label, value in one.logits.items() if label != one.label]
    return one.logits.get(one.label, 0.0) - max(others, default=0.0)
