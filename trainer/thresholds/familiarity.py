"""The gate of familiarity learnt from training images: see contracts/image/familiarity.

Every image is compared with images of other groups (cross-fitting by group), so the limits hold for
parts that the gate has not seen. Each label has its own: a defect may lie farther out than a good
part. Of a good part's false alarms one half may come from the distance, nearly the other half from
defocus; noise and empty scenes lie so far away that a twentieth each is enough.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import t as student
from sklearn.covariance import ledoit_wolf

from edge_agent.contracts.image.familiarity import (
    Familiarity,
    FamiliarLabel,
    detail,
    sharpness,
)
from trainer.thresholds.choose import good_quantile
from trainer.thresholds.policy import upper_bound

FALSE_ALARMS = 0.005
"""Share of good parts that the gate may refuse."""
DISTANT, SOFT, NOISY, EMPTY = (FALSE_ALARMS * part for part in (0.5, 0.4, 0.05, 0.05))
"""Shares of good parts for which each limit may be too narrow."""
FOLDS = 5
LEAST_OF_LABEL = 10
"""Images of a label below which it takes the widest limits of the others."""
LEAST_OF_COVARIANCE = 60
"""Images of a label from which on it has a covariance of its own."""
WHITE_NOISE = 3.6
"""Sharpness of white noise, at the least: 3.6 to 4.4 for inputs of 64 to 224 px."""
RIDGE = 0.05
"""Added to each variance, in parts of it."""
LEAST_GROUPS = 4
"""Groups from which on their own spread gives a bound; Student's t of fewer has no useful width."""
FEW_GROUPS_WIDTH = 9.0
LEAST_SPREAD = 0.03
"""A statistic that hardly varies in training counts as if it varied by this: light drifts."""

Rows = NDArray[np.float64]
"""(N, STATISTICS): image_statistics of every image."""


@dataclass(frozen=True)
class _Limits:
    """Of one label: distance at most, sharpness at least and at most, detail at least."""

    distant: float
    soft: float
    noisy: float
    empty: float


def fit_familiarity(
    rows: Rows, labels: Sequence[str], groups: Sequence[str], good: Sequence[str], seed: int = 0
) -> Familiarity:
    """The gate from the statistics of train and validation images with their labels and groups."""
    named, names = np.array(labels), sorted(set(labels))
    members = np.array(groups)
    held_out = held_out_distances(rows, named, members, seed)
    sharp, seen = (np.array([of(row) for row in rows]) for of in (sharpness, detail))
    limits = {
        name: _Limits(
            good_quantile(held_out[named == name], DISTANT)[0],
            -next_bound(-sharp[named == name], members[named == name], SOFT),
            _noise_limit(next_bound(sharp[named == name], members[named == name], NOISY)),
            -next_bound(-seen[named == name], members[named == name], EMPTY),
        )
        for name in names
    }
    known = [name for name in names if (named == name).sum() >= LEAST_OF_LABEL] or names
    widest = _widest([limits[name] for name in known])
    learnt = [
        _label(rows, named, name, limits[name] if name in known else widest) for name in names
    ]
    refused = _refused(learnt, named, held_out, rows, good)
    return Familiarity(labels=learnt, chosen_by=_sentence(*refused))


def next_bound(values: NDArray[np.float64], groups: NDArray[np.str_], share: float) -> float:
    """What at most `share` of further values exceed: a prediction bound by Student's t.

    Sharpness and detail are logs of means over many fields, so nearly normal. Parts of one group
    are alike: groups are counted, not values, and each weighs the same. Of fewer than LEAST_GROUPS
    no spread is learnt: FEW_GROUPS_WIDTH deviations of the values. Never below what was seen and
    `share` allows.
    """
    _, place, sizes = np.unique(groups, return_inverse=True, return_counts=True)
    largest = float(np.quantile(values, 1 - share, method="higher"))
    if len(values) < 2:
        return largest
    count = len(sizes)
    if count < LEAST_GROUPS:
        return max(largest, float(values.mean() + FEW_GROUPS_WIDTH * values.std(ddof=1)))
    weight = 1 / sizes[place] / count
    mean = float(weight @ values)
    spread = np.sqrt(weight @ (values - mean) ** 2 * count / (count - 1))
    wide = float(student.ppf(1 - share, count - 1)) * np.sqrt(1 + 1 / count)
    return max(largest, float(mean + wide * spread))


def _noise_limit(sharpest: float) -> float:
    """Halfway from the sharpest good part to white noise: what lies there is known, so a part that
    is a little sharper than its bound is not called noise.
    """
    return max(sharpest, (sharpest + WHITE_NOISE) / 2)


def _widest(limits: list[_Limits]) -> _Limits:
    return _Limits(
        max(one.distant for one in limits),
        min(one.soft for one in limits),
        max(one.noisy for one in limits),
        min(one.empty for one in limits),
    )


def _label(rows: Rows, named: NDArray[np.str_], name: str, limits: _Limits) -> FamiliarLabel:
    return FamiliarLabel(
        label=name,
        mean=[round(float(value), 4) for value in rows[named == name].mean(axis=0)],
        whitening=_triangle(whitening_of(rows, named, name)),
        distance_limit=_rounded(limits.distant),
        sharpness_limit=_rounded(limits.soft),
        sharpness_most=_rounded(limits.noisy),
        detail_limit=_rounded(limits.empty),
    )


def whitening_of(rows: Rows, named: NDArray[np.str_], label: str) -> Rows:
    """(STATISTICS, STATISTICS) lower triangle W with |(x - mean) W| the distance to the label.

    By the covariance of the label's images, or of all labels' where it has few, shrunk (Ledoit and
    Wolf, J. Multivariate Analysis 88, 2004).
    """
    own = (named == label).sum() >= LEAST_OF_COVARIANCE
    names = [label] if own else np.unique(named).tolist()
    centred = np.concatenate(
        [rows[named == name] - rows[named == name].mean(axis=0) for name in names]
    )
    spread = np.maximum(centred.std(axis=0), LEAST_SPREAD)
    covariance, _ = ledoit_wolf(centred / spread, assume_centered=True)
    ridge = RIDGE * np.eye(len(spread))
    return np.asarray(np.linalg.cholesky(np.linalg.inv(covariance + ridge)) / spread[:, None])


def held_out_distances(
    rows: Rows, named: NDArray[np.str_], groups: NDArray[np.str_], seed: int
) -> NDArray[np.float64]:
    """(N,) distance of every image to its label's mean, fitted without the image's group."""
    members = np.unique(groups)
    order = np.random.default_rng(seed).permutation(len(members))
    fold_of = dict(
        zip(members[order].tolist(), (np.arange(len(members)) % FOLDS).tolist(), strict=True)
    )
    folds = np.array([fold_of[group] for group in groups.tolist()])
    distances = np.zeros(len(rows))
    for fold in range(FOLDS):
        out = folds == fold
        if not out.any() or out.all():
            continue
        for name in np.unique(named[out]).tolist():
            rest, in_fold = ~out & (named == name), out & (named == name)
            mean = rows[rest if rest.any() else ~out].mean(axis=0)
            white = whitening_of(rows[~out], named[~out], name)
            distances[in_fold] = np.linalg.norm((rows[in_fold] - mean) @ white, axis=1)
    return distances


def _refused(
    learnt: list[FamiliarLabel],
    named: NDArray[np.str_],
    distances: NDArray[np.float64],
    rows: Rows,
    good: Sequence[str],
) -> tuple[int, int]:
    """How many of the good images would have been refused, of how many."""
    limits = {row.label: row for row in learnt}
    indices = [n for n, name in enumerate(named.tolist()) if name in good]
    over = [limits[named[n]].fault(rows[n], float(distances[n])) for n in indices]
    return sum(map(bool, over)), len(indices)


def _sentence(refused: int, count: int) -> str:
    return (
        f"{refused} of {count} good training and validation images refused, each compared with "
        f"images of other groups: below {upper_bound(refused, count):.2%} with 95 % confidence; "
        f"the aim is {FALSE_ALARMS:.1%}"
    )


def _triangle(white: Rows) -> list[list[float]]:
    return [[float(f"{value:.4g}") for value in row[: n + 1]] for n, row in enumerate(white)]


def _rounded(value: float) -> float:
    return float(f"{value:.6g}")
