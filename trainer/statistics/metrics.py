"""Figures with 95 % intervals: exact or Wilson for shares, bootstrap over groups for the rest."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.stats import binomtest, rankdata

from edge_agent.contracts.run_folder.metrics import Metric

Labels = NDArray[np.int64]
Scores = NDArray[np.float64]
Flags = NDArray[np.bool_]

ROUNDS = 1000
Z95 = 1.959964
"""Two-sided 95 % of the normal distribution."""
EDGE = 1e-9
"""At 0 and 1 the score interval has a root that means nothing."""
FEWEST_GROUPS = 5


def share(hits: int, n: int) -> Metric:
    """hits / n with the Clopper-Pearson interval (Biometrika 26, 1934)."""
    return _proportion(hits, n, "exact", "Clopper-Pearson")


def wilson(hits: int, n: int) -> Metric:
    """hits / n with the score interval (Wilson, JASA 22, 1927)."""
    return _proportion(hits, n, "wilson", "Wilson")


def bootstrapped(
    statistic: Callable[[NDArray[np.intp]], float],
    groups: Sequence[str],
    seed: int = 0,
    rounds: int = ROUNDS,
) -> Metric:
    """statistic(all rows) with a percentile interval over groups drawn with replacement.

    With fewer than five groups (one held-out load, say) single rows are drawn instead.
    """
    names, group_of = np.unique(np.array(groups), return_inverse=True)
    what = "groups"
    if len(names) < FEWEST_GROUPS:
        names, group_of, what = np.arange(len(group_of)), np.arange(len(group_of)), "samples"
    rows, sizes = np.argsort(group_of, kind="stable"), np.bincount(group_of)
    starts, rng = np.cumsum(sizes) - sizes, np.random.default_rng(seed)
    drawn = []
    for _ in range(rounds):
        chosen = rng.integers(0, len(sizes), len(sizes))
        drawn.append(statistic(rows[_spans(starts[chosen], sizes[chosen])]))
    values = np.array(drawn)
    values = values[np.isfinite(values)]
    value = statistic(np.arange(len(group_of)))
    edges = np.quantile(values, [0.025, 0.975]) if len(values) else (value, value)
    low, high = float(edges[0]), float(edges[1])
    return Metric(value, (low, high), len(group_of), f"bootstrap over {len(names)} {what}")


def bootstrapped_share(
    statistic: Callable[[NDArray[np.intp]], float], groups: Sequence[str], count: int | None = None
) -> Metric:
    """`bootstrapped` of a figure from 0 to 1, which knows how few there are where none is wrong.

    There no draw shows a mistake: the interval then begins where that of `count` of `count`
    (Clopper-Pearson) does; None: as many as are drawn from.
    """
    figure = bootstrapped(statistic, groups)
    if not figure.ci95[0] >= 1 - EDGE:  # nor where it is not a number
        return figure
    count = independent(groups) if count is None else count
    low = share(count, count).ci95[0]
    return Metric(
        figure.value, (low, 1.0), figure.n, f"{figure.interval}; Clopper-Pearson for {count}"
    )


def independent(groups: Sequence[str], among: Flags | None = None) -> int:
    """How many groups the samples `among` have; where `groups` are few, how many samples."""
    whole = np.array(groups)
    mine = whole if among is None else whole[among]
    return len(mine) if len(set(groups)) < FEWEST_GROUPS else len(set(mine))


def confusion(truth: Labels, predicted: Labels, labels: int) -> NDArray[np.int64]:
    """(labels, labels): rows truth, columns predicted.

    As sklearn.metrics.confusion_matrix, which takes 30 times as long on the few hundred rows of a
    bootstrap round.
    """
    table = np.zeros((labels, labels), np.int64)
    np.add.at(table, (truth, predicted), 1)
    return table


def per_class(table: NDArray[np.int64]) -> list[dict[str, float]]:
    """precision, recall, f1 and support of each class."""
    hits = np.diag(table).astype(float)
    support, given = table.sum(axis=1), table.sum(axis=0)
    recall = np.divide(hits, support, out=np.zeros_like(hits), where=support > 0)
    precision = np.divide(hits, given, out=np.zeros_like(hits), where=given > 0)
    both = precision + recall
    f1 = np.divide(2 * precision * recall, both, out=np.zeros_like(hits), where=both > 0)
    rows = zip(precision, recall, f1, support, strict=True)
    return [
        {"precision": float(p), "recall": float(r), "f1": float(f), "n": int(n)}
        for p, r, f, n in rows
    ]


def macro_f1(truth: Labels, predicted: Labels, labels: int) -> float:
    """The mean F1 over the classes that occur in `truth`."""
    rows = per_class(confusion(truth, predicted, labels))
    present = [row["f1"] for row in rows if row["n"] > 0]
    return float(np.mean(present)) if present else float("nan")


def rmse(truth: Scores, predicted: Scores) -> float:
    """The root of the mean squared difference."""
    return float(np.sqrt(np.mean((truth - predicted) ** 2)))


def auroc(bad: Flags, scores: Scores) -> float:
    """Area under the ROC curve by ranks (Mann-Whitney); not a number where one side is missing.

    As sklearn.metrics.roc_auc_score, without its checks: a bootstrap calls this a thousand times.
    """
    hits = int(bad.sum())
    misses = len(bad) - hits
    if not hits or not misses:
        return float("nan")
    ranks = rankdata(scores)
    return float((ranks[bad].sum() - hits * (hits + 1) / 2) / (hits * misses))


def average_precision(bad: Flags, scores: Scores) -> float:
    """Mean precision over the defects, from the highest score down; equal scores count together.

    As sklearn.metrics.average_precision_score, without its checks: see `auroc`.
    """
    if bad.all() or not bad.any():
        return float("nan")
    order = np.argsort(-scores, kind="stable")
    falling, detected = scores[order], np.cumsum(bad[order])
    last = np.flatnonzero(np.append(np.diff(falling) != 0, True))
    precision, recall = detected[last] / (last + 1), detected[last] / detected[-1]
    return float(np.sum(np.diff(recall, prepend=0.0) * precision))


def auroc_figure(bad: Flags, scores: Scores, groups: Sequence[str]) -> Metric:
    """`auroc` with an interval that knows how few samples there are, also where no pair is wrong.

    The hull of two intervals: a bootstrap over groups, which sees that samples of a group are
    alike, but has no width at a perfect ranking and is too narrow near it; and Newcombe's score
    interval for as many defects and good parts as there are groups of them.
    """
    figure = bootstrapped(_auroc_of_rows(bad, scores), groups)
    if not np.isfinite(figure.value):
        return figure
    sides = independent(groups, bad), independent(groups, ~bad)
    low, high = auroc_interval(figure.value, *sides)
    hull = min(low, figure.ci95[0]), max(high, figure.ci95[1])
    how = f"{figure.interval}; Newcombe for {sides[0]} and {sides[1]}"
    return Metric(figure.value, hull, figure.n, how)


def auroc_interval(value: float, bad: int, good: int) -> tuple[float, float]:
    """The 95 % score interval of an AUROC seen on so many independent defects and good parts.

    Method 5 of Newcombe (Statistics in Medicine 25, 2006): the AUROCs from which the one seen is
    1.96 standard errors away, by the variance of Hanley and McNeil (Radiology 143, 1982).
    """

    def distance(area: float) -> float:
        extra = ((bad + good) / 2 - 1) * ((1 - area) / (2 - area) + area / (1 + area))
        variance = area * (1 - area) * (1 + extra) / (bad * good)
        return abs(value - area) - Z95 * float(np.sqrt(variance))

    low = 0.0 if value <= 0 else brentq(distance, 0.0, min(value, 1 - EDGE))
    high = 1.0 if value >= 1 else brentq(distance, max(value, EDGE), 1.0)
    return float(low), float(high)


def precision_figure(bad: Flags, scores: Scores, groups: Sequence[str]) -> Metric:
    """`average_precision`; where all defects rank above all good ones, as few as they are tell."""
    return bootstrapped_share(
        lambda rows: average_precision(bad[rows], scores[rows]), groups, independent(groups, bad)
    )


def recall_at(bad: Flags, scores: Scores, false_reject: float) -> float:
    """The share of defects above the score that at most `false_reject` of the good ones reach."""
    if bad.all() or not bad.any():
        return float("nan")
    good = np.sort(scores[~bad])
    allowed = int(np.floor(false_reject * len(good)))
    limit = good[len(good) - 1 - allowed]
    return float((scores[bad] > limit).mean())


def recall_figure(bad: Flags, scores: Scores, groups: Sequence[str], false_reject: float) -> Metric:
    """`recall_at` with the hull of two intervals: a bootstrap over groups, which has no width where
    every defect is found, and Clopper-Pearson for as many defects as there are groups of them.
    """
    figure = bootstrapped(lambda rows: recall_at(bad[rows], scores[rows], false_reject), groups)
    if not np.isfinite(figure.value):
        return figure
    count = independent(groups, bad)
    low, high = share(round(figure.value * count), count).ci95
    hull = min(low, figure.ci95[0]), max(high, figure.ci95[1])
    how = f"{figure.interval}; Clopper-Pearson for {count}"
    return Metric(figure.value, hull, figure.n, how)


def _spans(starts: NDArray[np.intp], sizes: NDArray[np.intp]) -> NDArray[np.intp]:
    """The places start, start + 1, ... of each span, one span after the other."""
    ends = np.cumsum(sizes)
    return np.arange(ends[-1]) + np.repeat(starts - ends + sizes, sizes)


def _auroc_of_rows(bad: Flags, scores: Scores) -> Callable[[NDArray[np.intp]], float]:
    """`auroc` of the rows it is given, by how often each score is drawn: no round sorts them."""
    if np.isnan(scores).any():
        return lambda rows: auroc(bad[rows], scores[rows])
    values, place = np.unique(scores, return_inverse=True)

    def area(rows: NDArray[np.intp]) -> float:
        is_bad, place_of = bad[rows], place[rows]
        hits = np.bincount(place_of[is_bad], minlength=len(values))
        misses = np.bincount(place_of[~is_bad], minlength=len(values))
        pairs = hits.sum() * misses.sum()
        below = np.cumsum(misses) - misses / 2
        return float(hits @ below / pairs) if pairs else float("nan")

    return area


def _proportion(hits: int, n: int, method: Literal["exact", "wilson"], name: str) -> Metric:
    if n == 0:
        return Metric(float("nan"), (0.0, 1.0), 0, "no samples")
    edges = binomtest(hits, n).proportion_ci(0.95, method=method)
    return Metric(hits / n, (float(edges.low), float(edges.high)), n, name)
