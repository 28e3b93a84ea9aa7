"""Small defects in large pictures: a head of cells, whose worst one counts, beside the whole.

A pit of a thousandth of the picture is averaged away where features of the whole picture are
pooled. Here the picture keeps its aspect and most of its pixels, and a small network scores each
cell of 8 px for each kind of defect on the features of a frozen ImageNet network; the worst cell of
a kind counts. Masks say which cells of the training pictures are defective; where there are none,
they are guessed from the labels. The pooled features of the same layers are read as `transfer`
reads them. A last regression, fitted on what both say of pictures that they were not fitted on,
decides how much each of them counts.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from edge_agent.contracts.core.errors import ConfigError
from edge_agent.contracts.core.types import Tensor
from edge_agent.contracts.image.input import ImageInput
from edge_agent.contracts.model.float_layers import FLOAT_PREFIX
from trainer.config.fit import FitConfig
from trainer.data.augment import augment
from trainer.data.image.masks import picture_mask
from trainer.data.prepare import InputSpec
from trainer.data.samples import Dataset
from trainer.data.split import Split
from trainer.models.image import synthetic_defect_head as defect_head
from trainer.models.image.aspect import evenly, fitting_sides, median_sides
from trainer.models.image.backbone import Pretrained
from trainer.models.image.cell_learner import CellLearner
from trainer.models.image.cross_fitting import with_validation
from trainer.models.image.feature_maps import Floats
from trainer.models.image.guessed_marks import with_guessed_marks
from trainer.models.image.joined_features import (
    WHOLE_FEATURES,
    cells_and_pools,
    read_features,
    reading_network,
)
from trainer.models.image.linear_head import RIDGES, Choice, Layers, choose, left_out, regress
from trainer.models.image.marked_cells import MarkedPictures, fit_cells, heats, marked_pictures
from trainer.models.image.pooling import ALL, LAYERS, layers_name, set_logits, summed_logits
from trainer.models.image.weights import pretrained_of
from trainer.models.layers.int8 import FeatureReader
from trainer.models.layers.preprocessing import image_spec
from trainer.models.layers.softmax import solve, standardised
from trainer.training.api import Architecture, Fitted, NoOptions, Training
from trainer.training.gradient import seed_everything

if TYPE_CHECKING:
    import keras

MOST_PX = 384 * 896
"""Of a picture; a larger one is shrunk, its aspect kept."""

LEAST_SIDE = 224
"""The shorter side of a smaller picture is brought to this."""

CALIBRATION_PX = 120 * 320 * 320
"""Pixels of all calibration pictures together: as many as a detector takes."""

BYTES_PER_PX = 7 + 2 * 3
"""Memory of a fit: cells in float16 (2.4 MB of 512x672 px on EfficientNet-Lite0), and two copies of
the pixels."""

SMALL = 0.01
"""The median share of a picture under its mask up to which `auto` takes this model."""

LOGITS = f"{FLOAT_PREFIX}stack"
MARKED = 0.8
"""The share of the bad pictures that must have a mask for that."""

STRIP = 2.0
"""The aspect from which on `auto` takes this model for pictures without masks."""

COPIES = 2
"""Augmented copies of each picture that the head of the whole picture is fitted on."""

STACK_PENALTY = 0.3
"""C of the last regression, on standardised scores."""

CROSS_FITTED = "the heads were fitted on validation images too; cross-fitted heads scored them"
NOT_CROSS_FITTED = (
    "the heads were fitted on validation images too and scored them themselves, as a label has too "
    "few groups to leave one out: the threshold is too sure of itself, and only cells are read; "
    "take pictures of more groups"
)


@dataclass(frozen=True)
class Stack:
    """Scores (N, S) -> logits (N, K): scores @ kernel + lift."""

    kernel: Floats
    lift: Floats

    def logits(self, scores: Floats) -> Floats:
        """(N, K) of the scores (N, S)."""
        return np.asarray(scores @ self.kernel + self.lift, np.float32)


def suits(dataset: Dataset, config: FitConfig) -> bool:
    """Whether masks mark small defects, or pictures without masks are long strips: the frames,
    whether or not parts are cut out of them. Raises InputError for a mask that cannot be used.
    """
    if _fault(dataset):
        return False
    bad = [int(one) for one in np.flatnonzero(dataset.is_bad())]
    marked = [one for one in bad if dataset.samples[one].masks]
    if not marked:
        frames = config.with_image(cut_out=False)
        short, long = sorted(median_sides(dataset, range(len(dataset.samples)), frames))
        return long >= STRIP * short
    if len(marked) < MARKED * len(bad):
        return False
    shares = [float((picture_mask(dataset, one) > 0).mean()) for one in evenly(marked)]
    return 0 < float(np.median(shares)) <= SMALL


def spec_of(split: Split, config: FitConfig, options: NoOptions) -> ImageInput:
    """The aspect of the training pictures, sides of a multiple of 32 px, or as configured."""
    del options
    if fault := _fault(split.dataset):
        raise ConfigError(fault, where="--model local", cure="take --model transfer")
    height, width = median_sides(split.dataset, split.train, config)
    longest_px = config.image.size_px
    sides = fitting_sides(height, width, longest_px, least_side=LEAST_SIDE, most_px=MOST_PX)
    spec = image_spec(config, LEAST_SIDE)
    tiles = config.image.tile_rows * config.image.tile_columns
    pictures = (len(split.train) + len(split.val)) * tiles
    refuse_memory(pictures, sides, os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"))
    return spec.model_copy(update={"height_px": sides[0], "width_px": sides[1]})


def refuse_memory(pictures: int, sides: tuple[int, int], memory_bytes: int) -> None:
    """Raise ConfigError where a fit on so many pictures needs more than the computer has."""
    needed = pictures * sides[0] * sides[1] * BYTES_PER_PX
    if needed <= memory_bytes:
        return
    fitting = max(sides) * (memory_bytes / needed) ** 0.5
    raise ConfigError(
        f"cells of {pictures} pictures of {sides[1]}x{sides[0]} px need about "
        f"{needed / (1 << 30):.0f} GB of memory, this computer has {memory_bytes / (1 << 30):.0f}",
        where="--model local",
        cure=f"set [image] size_px to {int(fitting) // 32 * 32} or less, take fewer pictures, or "
        "take --model transfer",
    )


def build(spec: InputSpec, labels: int, config: FitConfig, options: NoOptions) -> keras.Model:
    """The network as `fit` makes it with the layers that texture and surfaces are read from."""
    del options
    return _network(spec, labels, max(1, labels - 1), pretrained_of(config), LAYERS["mixed"])


def fit(training: Training[NoOptions]) -> Fitted:
    """Fit both heads on all pictures; cross-fitted ones say how much each score counts."""
    seed_everything(training.config.seed)
    both = with_validation(training)
    labels, targets = len(both.labels), both.train_targets
    groups = np.array(both.dataset.groups())[both.train.sample]
    reading = reading_network(both.spec, pretrained_of(both.config), ALL)
    reader = FeatureReader(reading, both, calibration_of(training))
    cells, pools = read_features(reader, both.train.inputs, "cells and pools")
    pictures = _marked(both, marked_pictures(both, both.train, cells), groups)
    kinds, shapes = pictures.kinds, [one.shape[1:] for one in cells]
    head = defect_head.head_network(shapes, shapes[0][0], kinds)
    choice = _choice_of_whole(both, pictures, pools, groups)
    learner = defect_head.learner_of(cells, kinds, both.config.seed)
    peaks, left_out_once = _cross_fitted_peaks(both, pictures, groups, head, learner)
    whole = np.zeros((len(targets), labels), np.float32)
    if choice.logits is not None:
        whole = choice.logits
    scores = np.concatenate([whole, peaks], axis=1)
    stack = stacked(scores, targets, labels)
    network = _network(both.spec, labels, kinds, pretrained_of(both.config), choice.layers)
    everything = np.arange(len(targets))
    defect_head.set_head(network, fit_cells(learner, pictures, everything, head), (1.0, 0.0))
    _set_whole(network, both, reader, pools, choice)
    network.get_layer(LOGITS).set_weights([stack.kernel, stack.lift])
    logits = stack.logits(scores)
    history: list[Mapping[str, float]] = [{"epoch": 1.0, "pictures": float(len(targets))}]
    return Fitted(
        network,
        history,
        _notes(pictures, both, choice, left_out_once),
        cross_fitted=logits[len(training.train.inputs) :],
        out_of_fold=logits if left_out_once else None,
    )


def _choice_of_whole(
    training: Training,
    pictures: MarkedPictures,
    pools: Sequence[Floats],
    groups: NDArray[np.str_],
) -> Choice:
    """What of the whole picture is read; without logits where masks of one kind of defect say
    enough: cells alone are then what was measured.
    """
    if pictures.kinds == 1 and _has_masks(training):
        return Choice(LAYERS["lower"], RIDGES[0])
    return choose(
        pools,
        training.train_targets,
        groups,
        len(training.labels),
        list(LAYERS.values()),
        training.config.class_weights,
        training.progress,
    )


def stacked(scores: Floats, targets: NDArray[np.int64], labels: int) -> Stack:
    """The regression of labels (N,) on scores (N, S), every label weighing the same."""
    rows, mean, spread = standardised([scores])
    seen, columns = np.unique(targets, return_inverse=True)
    weights = (len(targets) / len(seen) / np.bincount(columns))[columns]
    ((slopes, lifts),) = solve(rows, columns, weights, [STACK_PENALTY], 200)
    kernel = np.zeros((scores.shape[1], labels), np.float32)
    lift = np.full(labels, float(lifts.min()) - 10.0, np.float32)
    kernel[:, seen] = slopes / spread[:, None]
    lift[seen] = lifts - mean @ kernel[:, seen]
    return Stack(kernel, lift)


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


def _network(
    spec: InputSpec, labels: int, kinds: int, pretrained: Pretrained, layers: Layers
) -> keras.Model:
    """Pixels -> logits (N, labels) of both heads and the last regression, all of them in float."""
    from keras import layers as stock

    features = cells_and_pools(spec, pretrained, layers)
    heat = defect_head.heat_of(features.cells, features.cells[0].shape[1], kinds)
    worst = stock.GlobalMaxPooling2D(name=f"{FLOAT_PREFIX}worst")(heat)
    whole = summed_logits(features.pools, labels)
    scores = stock.Concatenate(name=f"{FLOAT_PREFIX}scores")([whole, worst])
    return features.model([stock.Dense(labels, name=LOGITS)(scores)], "local")


def _set_whole(
    network: keras.Model,
    training: Training,
    reader: FeatureReader,
    pools: Sequence[Floats],
    choice: Choice,
) -> None:
    """The head of the whole picture, fitted on the pictures and on varied copies of them."""
    rng = np.random.default_rng(training.config.seed)
    names, inputs = training.config.image.augment, training.train.inputs
    passes = [list(pools)]
    if choice.logits is not None:
        for number in range(COPIES):
            varied = augment(inputs, names, rng).astype(np.uint8)
            what = f"variation {number + 1}"
            passes.append(read_features(reader, varied, what, WHOLE_FEATURES)[1])
    head = regress(
        [np.concatenate(layer) for layer in zip(*passes, strict=True)],
        np.tile(training.train_targets, len(passes)),
        np.repeat([1.0] + [1 / COPIES] * (len(passes) - 1), len(inputs)),
        len(training.labels),
        choice,
        training.config.class_weights,
    )
    set_logits(network, head)


def _marked(
    training: Training, pictures: MarkedPictures, groups: NDArray[np.str_]
) -> MarkedPictures:
    """The pictures with their masks, or with guessed marks where no picture has one."""
    if pictures.covered.any():
        return pictures
    training.progress.say("no masks: where the defects are is guessed from the labels")
    return with_guessed_marks(pictures, groups, training.config.seed)


def _cross_fitted_peaks(
    training: Training,
    pictures: MarkedPictures,
    groups: NDArray[np.str_],
    head: keras.Model,
    learner: CellLearner,
) -> tuple[Floats, bool]:
    """(N, kinds) the worst cells of each picture by a head that saw none of its group, and True.

    False where a label has too few groups to leave one out: the head of all pictures scores them.
    """
    everything = np.arange(len(groups))
    without = left_out(training.train_targets, groups)
    folds = without or [(everything, everything)]
    peaks = np.zeros((len(groups), pictures.kinds), np.float32)
    with training.progress.steps("heads without a share of the groups", len(folds)) as bar:
        for seen, held in folds:
            weights = fit_cells(learner, pictures, seen, head)
            defect_head.set_head(head, weights, (1.0, 0.0))
            peaks[held] = heats(head, pictures, held).max(axis=(1, 2))
            bar.advance()
    return peaks, bool(without)


def _notes(
    pictures: MarkedPictures, training: Training, choice: Choice, left_out_once: bool
) -> tuple[str, ...]:
    marked = int((pictures.covered.max(axis=(1, 2)) > 0).sum())
    by = "has a mask" if _has_masks(training) else "was guessed where its defect is"
    whole = "cells alone are read"
    if choice.logits is not None:
        whole = f"the whole picture is read by its {layers_name(choice.layers)} layers"
    return (
        f"cells of {len(pictures.bad)} pictures, of which {marked} {by}; the worst cell counts",
        whole,
        CROSS_FITTED if left_out_once else NOT_CROSS_FITTED,
    )


def _has_masks(training: Training) -> bool:
    samples = training.dataset.samples
    return any(samples[int(one)].masks for one in training.train.sample)


def _fault(dataset: Dataset) -> str:
    """Why this model cannot learn that; "" where it can."""
    good = [label for label in dataset.labels if label in dataset.good]
    if len(good) != 1 or len(dataset.labels) < 2:
        return f"local tells one good label from defects, not {', '.join(dataset.labels)}"
    return ""


ARCHITECTURE = Architecture(
    name="local",
    tasks=("image-class",),
    summary="small defects: the worst cell of 8 px counts, beside the whole picture",
    spec_of=spec_of,
    build=build,
    epochs=1,
    fit=fit,
    calibration=calibration_of,
    uses_weights=True,
    standardises=False,
    suits=suits,
    options=NoOptions,
)
