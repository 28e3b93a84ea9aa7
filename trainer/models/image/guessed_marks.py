"""Where the defects of bad pictures without masks probably are, from the labels alone.

A bad picture shows a defect somewhere, a good one nowhere (multiple-instance learning; Andrews et
al., Support Vector Machines for Multiple-Instance Learning, NIPS 2002). The first guess of each bad
picture is its rarest cells by the Mahalanobis distance to cells of good pictures. Then, in rounds,
a logistic regression on the guesses of other groups names them anew: what all bad pictures share
stays, what only one picture has goes.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from trainer.models.image.feature_maps import Floats
from trainer.models.image.linear_head import left_out
from trainer.models.image.marked_cells import GOOD_CELLS, HARD_CELLS, MarkedPictures

SHARE, FEWEST = 0.002, 6
"""Cells of a bad picture that are guessed to be defective: a share of all, and the fewest."""

UNSURE = 5
"""So many times as many of its likeliest cells are never taken for good ones."""

FAINT = 1e-3
"""What counts as covered in those cells: too little for a defective one."""

ROUNDS = 2
MOST_GOOD = 120
"""Good pictures that take part."""

SHRUNK = 0.05
"""Of the mean variance, added to every variance of cells of good pictures."""

PENALTY = 0.003
"""C of the regression, on standardised features."""

STEPS = 60


@dataclass(frozen=True)
class _Scorer:
    """A linear score of cells: kernel (F,), lift."""

    kernel: Floats
    lift: float

    def heat(self, pictures: MarkedPictures, picture: int) -> Floats:
        scores = _mixed(pictures, picture, self.kernel[:, None])[..., 0]
        return _smooth(scores + np.float32(self.lift))


def with_guessed_marks(
    pictures: MarkedPictures, groups: NDArray[np.str_], seed: int
) -> MarkedPictures:
    """The same with the likeliest cells of each bad picture covered, its next likely ones faintly.

    groups: (N,) of the pictures; a picture's guess never rests on its own group's, where there are
    several.
    """
    rng = np.random.default_rng(seed)
    good = rng.permutation(np.flatnonzero(~pictures.bad))[:MOST_GOOD]
    bad = np.flatnonzero(pictures.bad)
    if not len(bad) or not len(good):
        return pictures
    rarities = _rarity(pictures, good, bad, rng)
    heats = {int(one): heat for one, heat in zip(bad, rarities, strict=True)}
    marked = _marked(pictures, heats)
    chosen = np.sort(np.concatenate([good, bad]))
    folds = left_out(pictures.bad[chosen].astype(np.int64), groups[chosen])
    for _ in range(ROUNDS if folds else 0):
        heats = {}
        for seen, held in folds:
            scorer = _fitted(marked, chosen[seen], rng)
            held_bad = [int(one) for one in chosen[held] if pictures.bad[one]]
            heats |= {one: scorer.heat(pictures, one) for one in held_bad}
        marked = _marked(pictures, heats)
    return marked


def _rarity(
    pictures: MarkedPictures,
    good: NDArray[np.intp],
    bad: NDArray[np.intp],
    rng: np.random.Generator,
) -> list[Floats]:
    """For each bad picture (H, W): the squared Mahalanobis distance to cells of good pictures."""
    drawn = np.concatenate(
        [pictures.cells(int(one), _drawn(pictures, rng, GOOD_CELLS)) for one in good]
    )
    mean, spread = drawn.mean(axis=0), drawn.std(axis=0) + 1e-3
    even = (drawn - mean) / spread
    variances, axes = np.linalg.eigh(even.T @ even / len(even))
    whitening = axes / np.sqrt(variances + SHRUNK * variances.mean()) / spread[:, None]
    lift = mean @ whitening
    found = []
    for one in bad:
        away = _mixed(pictures, int(one), whitening) - lift
        found.append(_smooth(np.square(away).sum(axis=2)))
    return found


def _fitted(marked: MarkedPictures, chosen: NDArray[np.intp], rng: np.random.Generator) -> _Scorer:
    """Fitted twice: on good cells at random, then on those that look defective too."""
    defective, good = [], []
    for one in chosen:
        if marked.bad[one]:
            places = np.argwhere(marked.bad_cells(int(one)))
            defective.append(marked.cells(int(one), places))
        free = np.argwhere(marked.good_cells(int(one)))
        good.append(marked.cells(int(one), free[rng.permutation(len(free))[:GOOD_CELLS]]))
    first = _regression(defective, good)
    for one in chosen:
        if not marked.bad[one]:
            hottest = np.argsort(-first.heat(marked, int(one)).ravel())[:HARD_CELLS]
            good.append(marked.cells(int(one), _places(marked, hottest)))
    return _regression(defective, good)


def _regression(defective: Sequence[Floats], good: Sequence[Floats]) -> _Scorer:
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression

    cells = np.concatenate([*defective, *good])
    truth = np.arange(len(cells)) < sum(len(one) for one in defective)
    mean, spread = cells.mean(axis=0), cells.std(axis=0) + 1e-3
    regression = LogisticRegression(C=PENALTY, class_weight="balanced", max_iter=STEPS, tol=1e-3)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # STEPS bounds the time
        regression.fit((cells - mean) / spread, truth)
    kernel = (regression.coef_[0] / spread).astype(np.float32)
    return _Scorer(kernel, float(regression.intercept_[0] - mean @ kernel))


def _marked(pictures: MarkedPictures, heats: dict[int, Floats]) -> MarkedPictures:
    covered = np.zeros_like(pictures.covered)
    height, width = covered.shape[1:]
    most = max(FEWEST, round(SHARE * height * width))
    for one, heat in heats.items():
        order = np.argsort(-heat.ravel())
        covered[one].ravel()[order[: UNSURE * most]] = FAINT
        covered[one].ravel()[order[:most]] = 1.0
    return replace(pictures, covered=covered)


def _mixed(pictures: MarkedPictures, picture: int, kernel: Floats) -> Floats:
    """(H, W, K): the features of all cells of a picture, (H, W, C + D), times kernel (C + D, K).

    Four cells share the features of 16 px, whose products are made once for them.
    """
    fine, coarse = (one[picture].astype(np.float32) for one in pictures.features)
    width = fine.shape[2]
    shared = coarse @ kernel[width:]
    mixed = fine @ kernel[:width]
    mixed += shared.repeat(2, axis=0).repeat(2, axis=1)
    return np.asarray(mixed, np.float32)


def _smooth(scores: Floats) -> Floats:
    """(H, W): the mean over 3x3 cells, as the head of cells smooths its heat."""
    return np.asarray(cv2.blur(np.asarray(scores, np.float32), (3, 3)), np.float32)


def _drawn(pictures: MarkedPictures, rng: np.random.Generator, most: int) -> NDArray[np.intp]:
    count = pictures.covered[0].size
    return _places(pictures, rng.permutation(count)[:most])


def _places(pictures: MarkedPictures, flat: NDArray[np.intp]) -> NDArray[np.intp]:
    """(M, 2): rows and columns of flat places."""
    return np.stack(np.unravel_index(flat, pictures.covered.shape[1:]), axis=1)
