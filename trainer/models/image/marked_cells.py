"""Cells of pictures whose defects are marked by masks: which are defective, and which look so.

A head of cells is fitted twice: on cells drawn at random, then also on the good cells that the
first fit scores highest (hard negatives, Sung and Poggio, PAMI 1998). Few good cells resemble a
defect, and random draws hardly meet them; the maximum over a picture does.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import cv2
import numpy as np
from numpy.typing import NDArray

from edge_agent.contracts.core.types import Tensor
from edge_agent.contracts.image.input import ImageInput
from trainer.data.image.masks import mask_as_shown, picture_mask
from trainer.data.prepare import Prepared, read_picture
from trainer.models.image.cell_learner import CellLearner
from trainer.models.image.feature_maps import BATCH, Floats
from trainer.models.image.synthetic_defect_head import Rows, Weights, fit_rows, set_head
from trainer.training.api import Training

if TYPE_CHECKING:
    import keras

CELL_PX = 8
GOOD_CELLS, BAD_CELLS, HARD_CELLS = 60, 40, 30
"""Training cells of each picture: good ones at random, defective ones, good ones that look so."""

COVERED, OF_LARGEST = 0.25, 0.6
"""A cell is defective from this share under the mask on, or, where no cell of the picture has that
much, from this share of the most covered one's."""

NEAR_CELLS = 5
"""Side of the square around a marked cell in which no cell counts as good."""


@dataclass(frozen=True)
class MarkedPictures:
    """features: of N pictures, cells of 8 px (N, H, W, C) and of 16 px (N, H/2, W/2, D);
    covered: (N, H, W) the share of each cell under the mask; bad: (N,) by the label; kind: (N,)
    which of `kinds` defects a bad picture shows.
    """

    features: Sequence[Tensor]
    covered: Floats
    bad: NDArray[np.bool_]
    kind: NDArray[np.intp]
    kinds: int = 1

    def good_cells(self, picture: int) -> NDArray[np.bool_]:
        """(H, W): away from all that is marked; none of a bad picture without a mask."""
        covered = self.covered[picture]
        if not self.bad[picture]:
            return np.ones(covered.shape, np.bool_)
        marked = (covered > 0).astype(np.uint8)
        near = cv2.dilate(marked, np.ones((NEAR_CELLS, NEAR_CELLS), np.uint8))
        return np.asarray((near == 0) & bool(marked.any()))

    def bad_cells(self, picture: int) -> NDArray[np.bool_]:
        """(H, W): those that the mask covers; at least the one that it covers most."""
        covered = self.covered[picture]
        if not self.bad[picture] or not covered.any():
            return np.zeros(covered.shape, np.bool_)
        return np.asarray(covered >= min(COVERED, OF_LARGEST * float(covered.max())))

    def rows(self, picture: int, cells: NDArray[np.intp], bad: bool) -> Rows:
        """The features of cells (M, 2) of one picture."""
        count = len(cells)
        verdict = np.zeros((count, self.kinds), np.float32)
        verdict[:, self.kind[picture]] = bad
        return Rows(self.cells(picture, cells), verdict, np.full(count, picture, np.intp))

    def cells(self, picture: int, cells: NDArray[np.intp]) -> Floats:
        """(M, C + D): the features of cells (M, 2) of one picture at both scales."""
        row, column = cells.T
        fine, coarse = (one[picture] for one in self.features)
        joined = np.concatenate([fine[row, column], coarse[row // 2, column // 2]], axis=1)
        return np.asarray(joined, np.float32)


def marked_pictures(
    training: Training, prepared: Prepared, features: Sequence[Tensor]
) -> MarkedPictures:
    """The features of `prepared` beside what the masks of its samples cover; nothing is covered
    where a sample has no mask.
    """
    spec, dataset = training.spec, training.dataset
    if not isinstance(spec, ImageInput):
        raise TypeError("masks belong to pictures")
    shape = features[0].shape[1:3]
    covered = np.zeros((len(prepared.sample), *shape), np.float32)
    bad = dataset.is_bad()[prepared.sample]
    for row in np.flatnonzero(bad):
        index = int(prepared.sample[row])
        if dataset.samples[index].masks:
            frame = partial(read_picture, dataset, index)
            drawn = mask_as_shown(picture_mask(dataset, index), spec, frame)
            shares = drawn.astype(np.float32) / 255
            covered[row] = cv2.resize(shares, shape[::-1], interpolation=cv2.INTER_AREA)
    defects = [label for label in training.labels if label not in dataset.good]
    kind_of = np.array([defects.index(one) if one in defects else 0 for one in training.labels])
    kind = kind_of[prepared.targets(dataset)]
    return MarkedPictures(features, covered, bad, kind, max(1, len(defects)))


def fit_cells(
    learner: CellLearner, pictures: MarkedPictures, chosen: NDArray[np.intp], head: keras.Model
) -> Weights:
    """The weights of `head` by the cells of the chosen pictures; `head` is left with others."""
    rng = np.random.default_rng(learner.seed)
    fine = pictures.features[0].shape[3]
    drawn = [_at_random(pictures, int(one), rng) for one in chosen]
    set_head(head, fit_rows(learner, _joined(drawn), fine), (1.0, 0.0))
    hard = [
        _looking_bad(pictures, int(one), heat.max(axis=2))
        for one, heat in zip(chosen, heats(head, pictures, chosen), strict=True)
    ]
    return fit_rows(learner, _joined([*drawn, *hard]), fine)


def heats(head: keras.Model, pictures: MarkedPictures, chosen: NDArray[np.intp]) -> Floats:
    """(M, H, W, kinds): what `head` makes of the chosen pictures."""
    found = []
    for start in range(0, len(chosen), BATCH):
        some = chosen[start : start + BATCH]
        batch = [one[some].astype(np.float32) for one in pictures.features]
        found.append(np.asarray(head.predict_on_batch(batch)))
    return np.concatenate(found)


def _at_random(pictures: MarkedPictures, picture: int, rng: np.random.Generator) -> Rows:
    pairs = ((pictures.good_cells, GOOD_CELLS, False), (pictures.bad_cells, BAD_CELLS, True))
    parts = []
    for allowed, most, bad in pairs:
        free = np.argwhere(allowed(picture))
        parts.append(pictures.rows(picture, free[rng.permutation(len(free))[:most]], bad))
    return _joined(parts)


def _looking_bad(pictures: MarkedPictures, picture: int, heat: Floats) -> Rows:
    free = np.argwhere(pictures.good_cells(picture))
    hottest = np.argsort(-heat[free[:, 0], free[:, 1]])[:HARD_CELLS]
    return pictures.rows(picture, free[hottest], bad=False)


def _joined(parts: Sequence[Rows]) -> Rows:
    return Rows(
        np.concatenate([one.cells for one in parts]),
        np.concatenate([one.bad for one in parts]),
        np.concatenate([one.part for one in parts]),
    )
