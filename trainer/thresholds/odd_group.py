"""A threshold of many readings that one odd recording, or batch, among them cannot set.

The readings of one recording are alike. A loose sensor spoils all of its recording, and of a dozen
recordings one has more readings than a rule that counts readings leaves out. So the usual threshold
holds, but never above what the other groups give without the most extreme one: their highest
reading, or a tail through them where that is higher.

What is proven counts groups, not readings (Lee, Barber & Willett, Distribution-free inference with
hierarchical data, arXiv 2306.06342, 2023): of a new group as large a share of readings lies above
the threshold, on average, as of the known groups, the new one counted as lying above whole.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from trainer.thresholds.good_only import (
    GoodOnlyCut,
    Scores,
    just_above,
    numbered,
    of_first_groups,
    tail,
)

LEAST_GROUPS = 3
"""Of two groups that differ nothing says which one is odd."""

Usual = Callable[[Scores], tuple[float, str]]
"""Scores of good readings -> the threshold where none is odd, and its rule."""


def cut_by_others(
    scores: Scores, share: float, groups: Sequence[str], usual: Usual, kind: str
) -> GoodOnlyCut:
    """The usual threshold of (N,) scores, or the lower one that groups without an odd one give.

    share: of good readings that may reach the tail of the others; groups: of each score; kind: the
    plural of what a group is, for the rule. extreme: the readings above those of all other groups,
    where the threshold is without them.
    """
    group = numbered(len(scores), groups)
    count = int(group.max()) + 1
    with_all, rule = usual(scores)
    cut = with_all
    extreme: tuple[int, ...] = ()
    if count >= LEAST_GROUPS:
        first = _first_group(scores, group)
        others = just_above(_of_others(scores, group, first, share))
        if others < with_all:
            cut, extreme = others, first
            rule = f"{share:.1%} of good readings by {count} {kind} without the most extreme one"
    bound = _bound(scores, group, cut)
    rule += f"; of new {kind} about {bound:.1%} at most by the ranks of {count} (conformal)"
    return GoodOnlyCut(cut, rule, bound, extreme, with_all)


def _first_group(scores: Scores, group: NDArray[np.intp]) -> tuple[int, ...]:
    """The readings of one group that lie above all readings of the others."""
    order = np.argsort(-scores, kind="stable")
    return of_first_groups(order, group[order], 1)


def _of_others(
    scores: Scores, group: NDArray[np.intp], first: tuple[int, ...], share: float
) -> float:
    """The highest reading that is not among `first`, or the tail's where that is higher.

    A group of which most readings are among the first is none of these machines or batches: the
    tail is that of the others. Else they are the end of the tail, which is fitted below them.
    """
    highest = float(np.delete(scores, first).max())
    own = group == group[first[0]]
    if len(first) > 1 and len(first) > own.sum() / 2:
        scores, group, left_out = scores[~own], group[~own], 0
    else:
        left_out = len(first)
    return max(highest, tail(scores, 1.0 / np.bincount(group)[group], left_out, share))


def _bound(scores: Scores, group: NDArray[np.intp], cut: float) -> float:
    """The mean share of a group's readings from the cut on, one further group wholly above it."""
    size = np.bincount(group)
    above = np.bincount(group, scores >= cut) / size
    return float((above.sum() + 1) / (len(size) + 1))
