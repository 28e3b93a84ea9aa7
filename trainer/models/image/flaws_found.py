"""How well a detector ranks synthetic defects above good parts that it was not fitted on.

This is how detectors, their sizes and their options are compared: no real defect and nothing of the
test split takes part.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge_agent.contracts.core.strict import Strict
from trainer.data.class_sample import evenly
from trainer.data.prepare import Prepared
from trainer.models.image.cross_fitting import FittedDetector
from trainer.models.image.feature_maps import rows_of
from trainer.models.image.small_flaws import small_flaws
from trainer.statistics.metrics import auroc, recall_at
from trainer.training.api import Training

MERIT_NAME = "small synthetic flaws found at 1 % false rejects"

DEFECTS_A_PART, LEAST_DEFECTS = 3, 60
"""Images with a synthetic defect for each good validation part, and the least in all."""

MOST_LEARNT, MOST_JUDGED = 80, 60
"""Good training and validation parts by which sizes and options are compared, evenly spaced."""

Learn = Callable[[Training[Any]], FittedDetector]
"""Fits a detector on the training inputs alone."""


@dataclass(frozen=True)
class Found:
    """Of so many defects: the AUROC, and the share found at 1 % false rejects."""

    auroc: float
    recall: float
    defects: int


def flaws_found(
    learn: Learn,
    training: Training[Any],
    options: Strict,
    name: str,
) -> Found:
    """Fit a detector with `options` on training parts, and score small flaws on validation parts.

    name: of the detector, for the progress.
    """
    few = replace(training, train=_evenly(training.train, MOST_LEARNT), options=options)
    network = learn(few).network
    good = _evenly(training.val, MOST_JUDGED).inputs
    rng = np.random.default_rng(training.config.seed)
    rounds = max(DEFECTS_A_PART, math.ceil(LEAST_DEFECTS / len(good)))
    defective = np.concatenate([small_flaws(good, rng) for _ in range(rounds)])
    judged = np.concatenate([good, defective])
    scores = rows_of(network, judged, training, f"synthetic defects, {name}")[0].reshape(-1)
    return found_among(scores[: len(good)], scores[len(good) :])


def found_among(good: NDArray[np.floating], bad: NDArray[np.floating]) -> Found:
    """By the scores of good parts and of those with a defect."""
    scores = np.concatenate([good, bad]).astype(np.float64)
    is_bad = np.arange(len(scores)) >= len(good)
    return Found(auroc(is_bad, scores), recall_at(is_bad, scores, 0.01), len(bad))


def merits_of(learn: Learn, several: Sequence[Training[Any]], name: str) -> list[float]:
    """The small flaws that each of several detectors finds, the same flaws for all; not a number on
    random weights, whose detectors find nothing.

    The synthetic defect head is judged by defects of the kinds that it was fitted on, though not on
    these parts: this leans towards keeping it.
    """
    if several[0].config.weights == "none":
        return [math.nan] * len(several)
    found = [flaws_found(learn, one, one.options, name) for one in several]
    return [one.recall for one in found]


def _evenly(prepared: Prepared, most: int) -> Prepared:
    chosen = evenly(np.arange(len(prepared.inputs)), most)
    return Prepared(prepared.inputs[chosen], prepared.sample[chosen])
