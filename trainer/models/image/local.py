"""Small defects in large pictures, learnt from masks: a head of cells, pooled by the maximum.

A pit of a thousandth of the picture is averaged away where features of the whole picture are
pooled. Here the picture keeps its aspect and most of its pixels, a small network scores each cell
of 8 px on the features of a frozen ImageNet network, and the worst cell decides. Masks say which
cells of the training pictures are defective. What the worst cell means is learnt from pictures
that the head was not fitted on: a logistic regression makes its score the logit of a defect.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, TypeVar

import numpy as np
from numpy.typing import NDArray

from edge_agent.contracts.core.errors import ConfigError, InputError
from edge_agent.contracts.core.types import Tensor
from edge_agent.contracts.image.input import ImageInput
from edge_agent.contracts.model.float_layers import FLOAT_PREFIX
from trainer.config.fit import FitConfig
from trainer.data.image.masks import read_mask
from trainer.data.prepare import InputSpec, read_picture
from trainer.data.samples import Dataset
from trainer.data.split import Split
from trainer.models.image import synthetic_defect_head as defect_head
from trainer.models.image.cross_fitting import with_validation
from trainer.models.image.feature_maps import Floats, tapped_backbone
from trainer.models.image.linear_head import left_out
from trainer.models.image.marked_cells import MarkedPictures, fit_cells, heats, marked_pictures
from trainer.models.layers.int8 import FeatureReader
from trainer.models.layers.preprocessing import image_spec
from trainer.training.api import Architecture, Fitted, NoOptions, Training
from trainer.training.gradient import seed_everything

if TYPE_CHECKING:
    import keras

MOST_PX = 384 * 896
"""Of a picture; a larger one is shrunk, its aspect kept."""

LEAST_SIDE = 224
"""The shorter side of a smaller picture is brought to this."""

LONGEST_PX = 4096
STEP = 32
CALIBRATION_PX = 120 * 320 * 320
"""Pixels of all calibration pictures together: as many as a detector takes."""

SMALL = 0.01
"""The median share of a picture under its mask up to which `auto` takes this model."""

MARKED = 0.8
"""The share of the bad pictures that must have a mask for that."""

CROSS_FITTED = "the head was fitted on validation images too; cross-fitted heads scored them"
NOT_CROSS_FITTED = (
    "the head was fitted on validation images too and scored them itself, as a label has too few "
    "groups to leave one out: the threshold is too sure of itself; take pictures of more groups"
)

Item = TypeVar("Item")

MOST_LOOKED_AT = 60
"""Pictures by which sizes and masks are judged."""


def suits(dataset: Dataset, config: FitConfig) -> bool:
    """Whether the pictures are good or of one defect, and readable masks mark small defects."""
    if _fault(dataset, config):
        return False
    masks = [dataset.samples[int(one)].mask for one in np.flatnonzero(dataset.is_bad())]
    named = [name for name in masks if name]
    if not named or len(named) < MARKED * len(masks):
        return False
    try:
        shares = [float((read_mask(dataset.root / one) > 0).mean()) for one in _evenly(named)]
    except InputError:
        return False
    return 0 < float(np.median(shares)) <= SMALL


def spec_of(split: Split, config: FitConfig, options: NoOptions) -> ImageInput:
    """The aspect of the training pictures, sides of a multiple of 32 px, or as configured."""
    del options
    if fault := _fault(split.dataset, config):
        raise ConfigError(fault, where="--model local", cure="take --model transfer")
    shapes = np.array(
        [read_picture(split.dataset, int(one)).shape[:2] for one in _evenly(list(split.train))]
    )
    _, _, across, down = config.image.region
    height, width = np.median(shapes, axis=0) * [down, across]
    sides = fitting_sides(float(height), float(width), config.image.size_px)
    spec = image_spec(config, LEAST_SIDE)
    return spec.model_copy(update={"height_px": sides[0], "width_px": sides[1]})


def fitting_sides(height: float, width: float, longest_px: int = 0) -> tuple[int, int]:
    """(height, width) of the network for pictures of that size.

    longest_px: the longer side where it is given; 0: by MOST_PX and LEAST_SIDE.
    """
    factor = longest_px / max(height, width)
    if not longest_px:
        factor = max(1.0, LEAST_SIDE / min(height, width))
        factor = min(factor, float(np.sqrt(MOST_PX / (height * width))))
        factor = min(factor, LONGEST_PX / max(height, width))
    high, wide = (max(STEP, round(side * factor / STEP) * STEP) for side in (height, width))
    return high, wide


def build(spec: InputSpec, labels: int, config: FitConfig, options: NoOptions) -> keras.Model:
    """Backbone, heat of the cells, its maximum, and logits of which all are 0 but the defect's."""
    from keras import layers

    del options
    backbone = tapped_backbone(spec.shape, config.weights, defect_head.TAPS)
    features = defect_head.cell_features(backbone.shapes)(backbone.taps)
    heat = defect_head.heat_of(features, features[0].shape[1])
    worst = layers.GlobalMaxPooling2D(name=f"{FLOAT_PREFIX}worst")(heat)
    logits = layers.Dense(labels, use_bias=False, name=f"{FLOAT_PREFIX}logits")(worst)
    return backbone.model([logits], "local")


def fit(training: Training[NoOptions]) -> Fitted:
    """Fit the head on the cells of all pictures; cross-fitted heads say what a score means."""
    seed_everything(training.config.seed)
    both = with_validation(training)
    _refuse_unmarked(both)
    network = build(training.spec, len(training.labels), training.config, training.options)
    reader = FeatureReader(network, both, calibration_of(training))
    features = reader.read_rounded(both.train.inputs, "cells", defect_head.FEATURES, np.float16)
    pictures = marked_pictures(both, both.train, features)
    shapes = [one.shape[1:] for one in features]
    head = defect_head.head_network(shapes, shapes[0][0])
    peaks, left_out_once = _cross_fitted_peaks(both, pictures, head)
    scale = logit_scale(peaks, pictures.bad)
    everything = np.arange(len(pictures.bad))
    defect_head.set_head(network, fit_cells(both, pictures, everything, head), scale)
    kernel = np.array([[label not in both.dataset.good for label in both.labels]], np.float32)
    network.get_layer(f"{FLOAT_PREFIX}logits").set_weights([kernel])
    first = len(training.train.inputs)
    logits = (peaks[first:, None] * scale[0] + scale[1]) * kernel
    marked = int(pictures.covered.any(axis=(1, 2)).sum())
    notes = (
        f"cells of {len(peaks)} pictures, of which {marked} have a mask; the worst cell decides",
        CROSS_FITTED if left_out_once else NOT_CROSS_FITTED,
    )
    history: list[Mapping[str, float]] = [{"epoch": 1.0, "pictures": float(len(peaks))}]
    return Fitted(network, history, notes, cross_fitted=logits.astype(np.float32))


def logit_scale(peaks: Floats, bad: NDArray[np.bool_]) -> tuple[float, float]:
    """(gain above 0, lift) that make the peaks (N,) logits of a defect, both labels weighing the
    same (Platt, "Probabilistic outputs for support vector machines", 1999).
    """
    from sklearn.linear_model import LogisticRegression

    if len(np.unique(bad)) < 2:
        return 1.0, 0.0
    spread, middle = float(peaks.std()) + 1e-6, float(peaks.mean())
    regression = LogisticRegression(class_weight="balanced")
    regression.fit((peaks[:, None] - middle) / spread, bad)
    gain = max(float(regression.coef_[0, 0]), 1e-3) / spread
    return gain, float(regression.intercept_[0]) - middle * gain


def calibration_of(training: Training[NoOptions], fitted: Fitted | None = None) -> Tensor:
    """Training pictures of CALIBRATION_PX in all, every second one bad where there are enough."""
    del fitted
    rng = np.random.default_rng(training.config.seed)
    inputs = training.train.inputs
    bad = training.dataset.is_bad()[training.train.sample]
    orders = [rng.permutation(np.flatnonzero(kind)) for kind in (bad, ~bad)]
    most = max(8, CALIBRATION_PX // (inputs.shape[1] * inputs.shape[2]))
    chosen = np.concatenate([orders[0][: most // 2], orders[1]])[:most]
    return np.asarray(inputs[chosen])


def _cross_fitted_peaks(
    training: Training, pictures: MarkedPictures, head: keras.Model
) -> tuple[Floats, bool]:
    """(N,) the worst cell of each picture by a head that saw none of its group, and True.

    False where a label has too few groups to leave one out: the head of all pictures scores them.
    """
    groups = np.array(training.dataset.groups())[training.train.sample]
    everything = np.arange(len(groups))
    without = left_out(pictures.bad.astype(np.int64), groups)
    folds = without or [(everything, everything)]
    peaks = np.zeros(len(groups), np.float32)
    with training.progress.steps("heads without a share of the groups", len(folds)) as bar:
        for seen, held in folds:
            weights = fit_cells(training, pictures, seen, head)
            defect_head.set_head(head, weights, (1.0, 0.0))
            peaks[held] = heats(head, pictures, held).max(axis=(1, 2))
            bar.advance()
    return peaks, bool(without)


def _refuse_unmarked(training: Training[NoOptions]) -> None:
    samples = training.dataset.samples
    if not any(samples[int(one)].mask for one in training.train.sample):
        raise ConfigError(
            "no training picture of the defect has a mask",
            where="--model local",
            cure="add masks (a folder masks/, or a column mask), or take --model transfer",
        )


def _fault(dataset: Dataset, config: FitConfig) -> str:
    """Why this model cannot learn that; "" where it can."""
    good = [label for label in dataset.labels if label in dataset.good]
    if len(dataset.labels) != 2 or len(good) != 1:
        return f"local tells good from one defect, not {', '.join(dataset.labels)}"
    if config.image.align:
        return "masks do not follow parts that are aligned"
    return ""


def _evenly(several: Sequence[Item]) -> Sequence[Item]:
    step = max(1, len(several) // MOST_LOOKED_AT)
    return several[::step]


ARCHITECTURE = Architecture(
    name="local",
    tasks=("image-class",),
    summary="small defects with masks: cells of 8 px are scored, the worst one decides",
    spec_of=spec_of,
    build=build,
    epochs=1,
    fit=fit,
    calibration=calibration_of,
    uses_weights=True,
    suits=suits,
    options=NoOptions,
)
