"""The good parts by which a good-only threshold was chosen, and what the most extreme do to it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from trainer.thresholds.good_only import GoodOnlyCut, Scores, good_only_cut

MOST_EXTREME = 5
"""So many are taken out together where the rule itself leaves none out, or only fewer."""

LEAST_REST = 8
"""Parts below which nothing is said of a threshold without the most extreme."""


@dataclass(frozen=True)
class GoodParts:
    """What a threshold was chosen on.

    samples: (N,) places in Dataset.samples; scores: (N,), higher is worse; left_out: how many of
    the highest the rule leaves out of its estimate; with_all: the threshold with them; extreme:
    places in `scores`, the highest first; without_extreme: the threshold when these are taken out
    of the data, None where too few remain; starts_s: (N,) of windows of recordings.
    """

    samples: NDArray[np.intp]
    scores: Scores
    threshold: float
    left_out: int
    with_all: float
    extreme: tuple[int, ...]
    without_extreme: float | None
    starts_s: NDArray[np.float64] | None = None


def good_parts(
    samples: NDArray[np.intp],
    scores: Scores,
    share: float,
    groups: list[str],
    cross_fitted: bool = False,
) -> tuple[GoodParts, str]:
    """The parts behind `good_only_cut` of their scores, and its rule. groups: of each score."""
    cut = good_only_cut(scores, share, groups, cross_fitted)
    extreme = cut.extreme or _first_group(scores, groups)
    names = np.array(groups)

    def again(rest: NDArray[np.intp]) -> float:
        return good_only_cut(scores[rest], share, names[rest].tolist(), cross_fitted).threshold

    without = _without(len(scores), extreme, again)
    parts = GoodParts(
        samples, scores, cut.threshold, len(cut.extreme), cut.with_all, extreme, without
    )
    return parts, cut.rule


def good_readings(
    samples: NDArray[np.intp],
    scores: Scores,
    groups: list[str],
    cut: Callable[[Scores, list[str]], GoodOnlyCut],
    starts_s: NDArray[np.float64] | None = None,
) -> tuple[GoodParts, str]:
    """The windows or rows behind a threshold that `cut` gives of their scores and groups, and its
    rule. starts_s: of windows, within their samples.
    """
    found, names = cut(scores, groups), np.array(groups)
    order = np.argsort(-scores, kind="stable")
    extreme = found.extreme or tuple(order[:MOST_EXTREME].tolist())

    def again(rest: NDArray[np.intp]) -> float:
        return cut(scores[rest], names[rest].tolist()).threshold

    without = _without(len(scores), extreme, again)
    parts = GoodParts(
        samples,
        scores,
        found.threshold,
        len(found.extreme),
        found.with_all,
        extreme,
        without,
        starts_s,
    )
    return parts, found.rule


def _first_group(scores: Scores, groups: list[str]) -> tuple[int, ...]:
    """The most extreme part and the others of its group, the highest first."""
    order = np.argsort(-scores, kind="stable").tolist()
    return tuple(one for one in order if groups[one] == groups[order[0]])


def _without(
    count: int, extreme: tuple[int, ...], again: Callable[[NDArray[np.intp]], float]
) -> float | None:
    rest = np.setdiff1d(np.arange(count), extreme)
    return again(rest) if len(rest) >= LEAST_REST else None
