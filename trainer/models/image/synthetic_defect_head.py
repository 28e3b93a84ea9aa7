"""A classifier of 8 px cells, fitted on good cells and on synthetic defects.

It detects local damage; the other scorers of a detector measure distances and detect what is rare
among good parts. It is a small network on backbone features (after DRAEM, Zavrtanik et al., ICCV
2021, and NSA, Schluter et al., ECCV 2022, which use synthetic defects to the same end). Real
defects differ from synthetic ones, so its share beside the other scorers is small.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import cv2
import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from edge_agent.contracts.core.types import Tensor
from edge_agent.contracts.model.float_layers import FLOAT_PREFIX
from trainer.config.fit import FitConfig
from trainer.data.image.relit import relit
from trainer.data.prepare import InputSpec
from trainer.models.image.background_paint import Paint
from trainer.models.image.cell_learner import WIDTHS, CellLearner
from trainer.models.image.cross_fitting import held_out
from trainer.models.image.feature_maps import (
    BATCH,
    Floats,
    Scale,
    TappedBackbone,
    fewer_of_large,
    tapped_backbone,
)
from trainer.models.image.synthetic_defects import add_defects
from trainer.models.image.weights import pretrained_of
from trainer.models.layers.int8 import FeatureReader
from trainer.training.api import Training

if TYPE_CHECKING:
    import keras

HEAT = f"{FLOAT_PREFIX}defect_heat"
"""The layer that gives the log odds of a defect in each cell."""

TAPS = ("block_2_add", "block_5_add", "block_9_add", "block_12_add")
"""Two at a quarter and an eighth of the side, two at a sixteenth."""

FEATURES = f"{FLOAT_PREFIX}defect_features"
COPIES, MOST_COPIES = 2, 480
"""Synthetic defects for each good part, and the most in all, of the usual size."""

GOOD_CELLS, BAD_CELLS, AROUND_CELLS = 15, 30, 40
"""Training cells: of a good part, of a synthetic defect, and of the good area around it. Most good
ones come from around defects: under other light too, they tell that light is no defect.
"""

COVERED = 0.25
"""A cell is bad from this share of it on."""

HOLD_OUT_ROUNDS = 3
"""Heads that are fitted without a share of the groups each."""

SyntheticShare = Annotated[
    float,
    Field(ge=0, le=0.9, description="share of the scorer fitted on synthetic defects; 0: none"),
]

Weights = dict[str, list[Floats]]
"""Layer of the head -> its weights."""


@dataclass(frozen=True)
class FittedHead:
    """heat: (2N, G, H) of good parts, float rows first, each by a head fitted without its group."""

    heat: Floats
    weights: Weights


@dataclass(frozen=True)
class Rows:
    """Training cells. cells: (M, C); bad: (M,), or (M, kinds) where defects are of several kinds;
    part: (M,) the training input they come from.
    """

    cells: Floats
    bad: NDArray[np.float32]
    part: NDArray[np.intp]

    def of(self, parts: NDArray[np.bool_]) -> Rows:
        """Return the cells of the marked parts."""
        marked = parts[self.part]
        return Rows(self.cells[marked], self.bad[marked], self.part[marked])


def backbone_with_head(
    spec: InputSpec, config: FitConfig, own: Sequence[str], share: float, paint: Paint | None = None
) -> TappedBackbone:
    """The backbone of a detector: tapped at `own`, or at TAPS where the head has a share."""
    return tapped_backbone(spec.shape, pretrained_of(config), TAPS if share else own, paint)


def head_heat(backbone: TappedBackbone, rows: int) -> keras.KerasTensor:
    """The heat of the head on a backbone that is tapped at TAPS, in a map of so many rows."""
    return heat_of(cell_features(backbone.shapes)(backbone.taps), rows)


def own_taps(taps: Sequence[keras.KerasTensor], wanted: Sequence[str]) -> list[keras.KerasTensor]:
    """Return those outputs of TAPS that the other scorers of the detector read; all of them where
    the detector has no synthetic defect head.
    """
    if len(taps) == len(wanted):
        return list(taps)
    return [taps[TAPS.index(name)] for name in wanted]


def cell_features(taps: Sequence[tuple[int, ...]]) -> keras.Model:
    """Taps (4, each (H, W, C)) -> features of cells of 8 px and of 16 px, each beside its mean over
    3x3 cells.
    """
    import keras
    from keras import layers

    given = [keras.Input(shape) for shape in taps]
    shrunk = layers.AveragePooling2D(2, name=f"{FLOAT_PREFIX}defect_shrink")(given[0])
    features = []
    for grid, (first, second) in (("fine", (shrunk, given[1])), ("coarse", given[2:])):
        joined = layers.Concatenate(name=f"{FLOAT_PREFIX}defect_{grid}_taps")([first, second])
        around = layers.AveragePooling2D(3, 1, "same", name=f"{FLOAT_PREFIX}defect_{grid}_around")(
            joined
        )
        beside = layers.Concatenate(name=f"{FLOAT_PREFIX}defect_{grid}_cells")
        features.append(beside([joined, around]))
    return keras.Model(given, features, name=FEATURES)


def heat_of(features: Sequence[keras.KerasTensor], rows: int, kinds: int = 1) -> keras.KerasTensor:
    """Outputs of `cell_features` -> (N, rows, columns, kinds): the highest score in each cell."""
    from keras import layers

    fine, coarse = features
    first = layers.Conv2D(WIDTHS[0], 1, name=f"{FLOAT_PREFIX}defect_first")(fine)
    beside = layers.Conv2D(WIDTHS[0], 1, use_bias=False, name=f"{FLOAT_PREFIX}defect_beside")(
        coarse
    )
    beside = layers.UpSampling2D(2, name=f"{FLOAT_PREFIX}defect_grown")(beside)
    x = layers.ReLU(name=f"{FLOAT_PREFIX}defect_relu0")(
        layers.Add(name=f"{FLOAT_PREFIX}defect_sum")([first, beside])
    )
    x = layers.Conv2D(WIDTHS[1], 1, name=f"{FLOAT_PREFIX}defect_second")(x)
    x = layers.Conv2D(kinds, 1, name=f"{FLOAT_PREFIX}defect_odds")(
        layers.ReLU(name=f"{FLOAT_PREFIX}defect_relu1")(x)
    )
    x = layers.AveragePooling2D(3, 1, "same", name=f"{FLOAT_PREFIX}defect_smooth")(x)
    return layers.MaxPooling2D(fine.shape[1] // rows, name=HEAT)(x)


def set_head(network: keras.Model, weights: Weights, scale: Scale) -> None:
    """Put `weights` into the head of `network`, its heat scaled by (gain above 0, lift)."""
    gain, lift = scale
    kernel, bias = weights[f"{FLOAT_PREFIX}defect_odds"]
    scaled = {
        f"{FLOAT_PREFIX}defect_odds": [kernel * np.float32(gain), bias * np.float32(gain) + lift]
    }
    for name, values in {**weights, **scaled}.items():
        network.get_layer(name).set_weights(values)


def fit_head_on_defects(
    training: Training,
    reader: FeatureReader,
    good: Sequence[Tensor],
    grid: tuple[int, int],
    *,
    other_light: bool,
) -> FittedHead:
    """Fit the head on all training inputs, and score them by heads fitted without their groups;
    good: what `reader` reads of them by layer FEATURES; grid: (rows, columns) of the heat map;
    other_light: the parts with synthetic defects are under another light.
    """
    rows = _rows(training, reader, good, other_light=other_light)
    head = head_network([one.shape[1:] for one in good], grid[0])
    learner = learner_of(good, 1, training.config.seed)
    count = len(training.train.inputs)
    heat = np.empty((2 * count, *grid), np.float32)
    folds = held_out(training)
    for first in range(min(HOLD_OUT_ROUNDS, len(folds))):
        left_out = np.any(folds[first::HOLD_OUT_ROUNDS], axis=0)
        fitted_on = left_out if left_out.all() else ~left_out
        set_head(head, fit_rows(learner, rows.of(fitted_on), good[0].shape[3]), (1.0, 0.0))
        mask = np.tile(left_out, 2)
        heat[mask] = _judged(head, [one[mask] for one in good])
    return FittedHead(heat, fit_rows(learner, rows, good[0].shape[3]))


def _rows(
    training: Training, reader: FeatureReader, good: Sequence[Tensor], *, other_light: bool
) -> Rows:
    """Cells of good parts and of synthetic defects, by their float and by their int8 features."""
    rng = np.random.default_rng(training.config.seed)
    inputs = training.train.inputs
    count = len(inputs)
    orders = [rng.permutation(count) for _ in range(COPIES)]
    of = np.concatenate(orders)[: fewer_of_large(MOST_COPIES, inputs.shape[1:])]
    images, masks = add_defects(relit(inputs[of], rng) if other_light else inputs[of], rng)
    defective = reader.read_both(images, "synthetic defects", FEATURES, np.float16)
    grid = good[0].shape[1:3]
    covered = np.stack([_shares(mask, grid) for mask in masks])
    near = np.stack([cv2.dilate(one, np.ones((5, 5), np.uint8)) for one in covered])
    everywhere = np.ones((count, *grid), np.bool_)
    parts = [
        _drawn(good, everywhere, np.arange(count), GOOD_CELLS, rng, bad=False),
        _drawn(defective, covered > COVERED, of, BAD_CELLS, rng, bad=True),
        _drawn(defective, near == 0, of, AROUND_CELLS, rng, bad=False),
    ]
    return Rows(
        np.concatenate([one.cells for one in parts]),
        np.concatenate([one.bad for one in parts]),
        np.concatenate([one.part for one in parts]),
    )


def _shares(mask: NDArray[np.bool_], grid: tuple[int, ...]) -> NDArray[np.float32]:
    shares = cv2.resize(mask.astype(np.float32), grid[::-1], interpolation=cv2.INTER_AREA)
    return np.asarray(shares, np.float32)


def _drawn(
    features: Sequence[Tensor],
    allowed: NDArray[np.bool_],
    part: NDArray[np.intp],
    most: int,
    rng: np.random.Generator,
    *,
    bad: bool,
) -> Rows:
    """Up to `most` allowed cells (N, G, H) of each picture, of the float and of the int8 rows."""
    fine, coarse = features
    cells_of: list[tuple[int, int, int]] = []
    for number, mask in enumerate(np.tile(allowed, (2, 1, 1))):
        free = np.argwhere(mask)
        chosen = free[rng.permutation(len(free))[:most]]
        cells_of += [(number, int(row), int(column)) for row, column in chosen]
    picture, row, column = np.array(cells_of, np.intp).reshape(-1, 3).T
    cells = [fine[picture, row, column], coarse[picture, row // 2, column // 2]]
    verdict = np.full(len(picture), bad, np.float32)
    return Rows(
        np.concatenate(cells, axis=1).astype(np.float32), verdict, np.tile(part, 2)[picture]
    )


def learner_of(features: Sequence[Tensor], kinds: int, seed: int) -> CellLearner:
    """For `fit_rows` of cells with these features of 8 px and of 16 px."""
    return CellLearner(sum(one.shape[-1] for one in features), kinds, seed)


def fit_rows(learner: CellLearner, rows: Rows, fine: int) -> Weights:
    """A network on the cells, standardisation folded in; fine: how many features are of 8 px."""
    mean, spread = rows.cells.mean(axis=0), rows.cells.std(axis=0) + np.float32(1e-3)
    bad = rows.bad.reshape(len(rows.bad), -1)
    defective = bad.any(axis=1)
    share = float(np.clip(defective.mean(), 1e-3, 1 - 1e-3))
    weight = np.where(defective, 0.5 / share, 0.5 / (1 - share)).astype(np.float32)
    (first, bias), second, odds = learner.fit((rows.cells - mean) / spread, bad, weight)
    first = first / spread[:, None]
    return {
        f"{FLOAT_PREFIX}defect_first": [first[None, None, :fine], bias - mean @ first],
        f"{FLOAT_PREFIX}defect_beside": [first[None, None, fine:]],
        f"{FLOAT_PREFIX}defect_second": [second[0][None, None], second[1]],
        f"{FLOAT_PREFIX}defect_odds": [odds[0][None, None], odds[1]],
    }


def head_network(shapes: Sequence[tuple[int, ...]], rows: int, kinds: int = 1) -> keras.Model:
    """The head alone: outputs of `cell_features` of those shapes -> heat (N, rows, ..., kinds)."""
    import keras

    given = [keras.Input(shape) for shape in shapes]
    return keras.Model(given, heat_of(given, rows, kinds))


def _judged(head: keras.Model, features: Sequence[Tensor]) -> Floats:
    """Heat (N, G, H) of the features of N pictures."""
    heats = []
    for start in range(0, len(features[0]), BATCH):
        batch = [one[start : start + BATCH].astype(np.float32) for one in features]
        heats.append(np.asarray(head.predict_on_batch(batch))[..., 0])
    return np.concatenate(heats)
