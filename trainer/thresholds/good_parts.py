"""The good parts by which a good-only threshold was chosen, and what the most extreme do to it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from trainer.thresholds.good_only import GoodOnlyCut, Scores, good_only_cut

Cut = Callable[[Scores, list[str]], GoodOnlyCut]
"""Scores of good parts and the group of each -> the threshold by them."""

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

    def cut(some: Scores, names: list[str]) -> GoodOnlyCut:
        return good_only_cut(some, share, names, cross_fitted)

    return _behind(samples, scores, groups, cut, _first_group(scores, groups))


def good_readings(
    samples: NDArray[np.intp],
    scores: Scores,
    groups: list[str],
    cut: Cut,
    starts_s: NDArray[np.float64] | None = None,
) -> tuple[GoodParts, str]:
    """The windows or rows behind a threshold that `cut` gives of their scores and groups, and its
    rule. starts_s: of windows, within their samples.
    """
    highest = tuple(np.argsort(-scores, kind="stable")[:MOST_EXTREME].tolist())
    parts, rule = _behind(samples, scores, groups, cut, highest)
    return replace(parts, starts_s=starts_s), rule


def _behind(
    samples: NDArray[np.intp],
    scores: Scores,
    groups: list[str],
    cut: Cut,
    highest: tuple[int, ...],
) -> tuple[GoodParts, str]:
    """highest: the places that are shown where the rule leaves none out."""
    found, names = cut(scores, groups), np.array(groups)
    extreme = found.extreme or highest
    rest = np.setdiff1d(np.arange(len(scores)), extreme)
    without = None
    if len(rest) >= LEAST_REST:
        without = cut(scores[rest], names[rest].tolist()).threshold
    left_out = len(found.extreme)
    parts = GoodParts(samples, scores, found.threshold, left_out, found.with_all, extreme, without)
    return parts, found.rule


def _first_group(scores: Scores, groups: list[str]) -> tuple[int, ...]:
    """The most extreme part and the others of its group, the highest first."""
    order = np.argsort(-scores, kind="stable").tolist()
    return tuple(one for one in order if groups[one] == groups[order[0]])
