"""Good-only, for texture and for parts that lie anyhow: a memory of good patches in one graph.

PatchCore (Roth et al., CVPR 2022): features of two layers, mixed down, and for every cell the
distance to the nearest of K prototypes, |g|^2 - max_k (2 g.c_k - |c_k|^2), which a 1x1 convolution
computes. Two memories look: one of cells, one of the means of windows around them, where another
texture shows. The prototypes are greedy coresets. Features are whitened over good parts first, so
that no loud direction decides alone. A third judge, taught by planted defects, looks at cells of
8 px. All are scaled by good parts outside the memory: 0 is a usual good part, 1 a rare one; the
heat map is the larger distance, joined with what was taught, and the score its maximum.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from pydantic import Field

from edge_agent.contracts.core.strict import Strict
from edge_agent.contracts.image.input import ImageInput
from edge_agent.contracts.model.float_layers import FLOAT_PREFIX
from trainer.config.fit import FitConfig
from trainer.data.prepare import InputSpec
from trainer.data.split import Split
from trainer.models.image import synthetic_defect_head as taught_judge
from trainer.models.image.cross_fitting import Judge, Learnt, fit_on_all
from trainer.models.image.feature_maps import (
    SENSES,
    Floats,
    detector_spec,
    on_one_grid,
    planted_calibration,
    random_projection,
    tapped_backbone,
)
from trainer.models.image.score_fusion import Allowing, Join, Scale, part_of, teach
from trainer.training.api import Architecture, Fitted, Training
from trainer.training.gradient import seed_everything

if TYPE_CHECKING:
    import keras

SIZE_PX = 320
TAPS = ("block_5_add", "block_12_add")
MOST_CELLS = 20_000
"""Cells that a coreset chooses from; more only cost time."""

RIDGE = 0.01
"""Added to the covariance before whitening, as a share of its mean variance."""

JUDGES = ("fine", "wide")
WINDOW = 5
"""Side of the windows of the wide memory, in steps of 16 px."""


class PatchcoreOptions(Strict):
    """[options] of `patches`."""

    dimensions: int = Field(default=96, ge=4, le=128, description="features kept of each cell")
    prototypes: int = Field(
        default=1024, ge=16, le=4096, description="good cells remembered, and half as many windows"
    )
    taught: float = Field(
        default=0.3, ge=0, le=0.9, description="share of the judge that planted defects teach"
    )

    def counts(self) -> tuple[int, int]:
        """Prototypes of the fine and of the wide memory."""
        return self.prototypes, self.prototypes // 2


@dataclass(frozen=True)
class Memory:
    """kernel (C, d), bias (d,): centring, mixing down and whitening; prototypes: (K, d)."""

    kernel: Floats
    bias: Floats
    prototypes: Floats

    def heat(self, cells: Floats) -> Floats:
        """(N, G, G, C) -> (N, G, G): the squared distance to the nearest prototype."""
        return distances(cells @ self.kernel + self.bias, self.prototypes)


def spec_of(split: Split, config: FitConfig, options: PatchcoreOptions) -> ImageInput:
    """A square of 320 px, standardised."""
    del split, options
    return detector_spec(config, SIZE_PX)


def build(
    spec: InputSpec, labels: int, config: FitConfig, options: PatchcoreOptions
) -> keras.Model:
    """The whole graph: score (N, 1) and heat map (N, G, G, 1); the memories are still empty."""
    import keras
    from keras import layers

    del labels
    eye = tapped_backbone(spec.shape, config.weights, taught_judge.TAPS if options.taught else TAPS)
    shapes = [tap.shape[1:] for tap in eye.taps]
    senses = _senses(shapes)(eye.taps)
    named = zip(senses, JUDGES, options.counts(), strict=True)
    heats = [_distance(sense, options.dimensions, count, name) for sense, name, count in named]
    heat = layers.Maximum(name=f"{FLOAT_PREFIX}larger")(heats)
    if options.taught:
        beside = taught_judge.heat_of(taught_judge.senses(shapes)(eye.taps), heat.shape[1])
        heat = layers.Add(name=f"{FLOAT_PREFIX}heat")([heat, beside])
    score = layers.GlobalMaxPooling2D(name=f"{FLOAT_PREFIX}score")(heat)
    return keras.Model(eye.pixels, [score, heat], name="patchcore")


def fit(training: Training[PatchcoreOptions]) -> Fitted:
    """Fill the memories, scale the distances and choose the threshold by all good parts."""
    return fit_on_all(training, learn)


def learn(training: Training[PatchcoreOptions]) -> Learnt:
    """The same by the training inputs alone, without a threshold; no gradient."""

    seed_everything(training.config.seed)
    options, seed = training.options, training.config.seed
    network = build(training.spec, 1, training.config, options)
    judges = [_allowing(options.dimensions, count, seed) for count in options.counts()]
    taught = teach(training, network, judges, joined(options.taught), planted=options.taught > 0)
    scales = taught.scales[: len(JUDGES)]
    named = zip(JUDGES, options.counts(), taught.cells, scales, strict=True)
    for name, count, cells, scale in named:
        memory = remember(cells, options.dimensions, count, seed)
        _set_memory(network, name, memory, part_of(scale, 1 - options.taught))
    if taught.planted:
        last = part_of(taught.scales[-1], options.taught)
        taught_judge.set_head(network, taught.planted, last)
    note = f"{taught.note()}, {sum(options.counts())} patches remembered"
    return Learnt(network, taught.unseen, (note,))


def joined(taught: float) -> Join:
    """The larger distance, and what planted defects teach, the last judge, by its share."""

    def join(heats: Floats) -> Floats:
        larger = heats[: len(JUDGES)].max(axis=0)
        return np.asarray((1 - taught) * larger + taught * heats[-1], np.float32)

    return join


def remember(cells: Floats, dimensions: int, count: int, seed: int) -> Memory:
    """A memory of `count` patches of cells (N, G, G, C)."""
    kernel, bias = mixing(cells, dimensions, seed)
    return Memory(kernel, bias, choose_prototypes(cells @ kernel + bias, count, seed))


def mixing(joined: Floats, dimensions: int, seed: int) -> tuple[Floats, Floats]:
    """Kernel (C, d) and bias (d,) that centre, mix down and whiten features (N, G, G, C)."""
    flat = joined.reshape(-1, joined.shape[3])
    mean, spread = flat.mean(axis=0), flat.std(axis=0) + 1e-3
    mixed = random_projection(len(mean), dimensions, seed) / spread[:, None]
    rows = (flat - mean) @ mixed
    covariance = (rows.T @ rows / len(rows)).astype(np.float64)
    ridge = RIDGE * max(float(np.trace(covariance)) / len(covariance), 1e-6)
    inverse = np.linalg.inv(covariance + ridge * np.eye(len(covariance)))
    kernel = (mixed @ np.linalg.cholesky(inverse)).astype(np.float32)
    kernel = np.pad(kernel, ((0, 0), (0, dimensions - kernel.shape[1])))
    return kernel, (-mean @ kernel).astype(np.float32)


def choose_prototypes(cells: Floats, count: int, seed: int) -> Floats:
    """Greedy k-centre coreset of cells (N, G, G, d): (count, d); repeats where there are fewer.

    Each next prototype is the cell farthest from all before (Sener and Savarese, ICLR 2018).
    """
    rng = np.random.default_rng(seed)
    flat = cells.reshape(-1, cells.shape[3])
    if len(flat) > MOST_CELLS:
        flat = flat[rng.choice(len(flat), MOST_CELLS, replace=False)]
    lengths = np.square(flat).sum(axis=1)
    chosen = [int(rng.integers(len(flat)))]
    nearest = np.full(len(flat), np.inf, np.float32)
    while len(chosen) < count:
        last = flat[chosen[-1]]
        away = lengths - 2 * (flat @ last) + np.float32(last @ last)
        nearest = np.minimum(nearest, away)
        chosen.append(int(nearest.argmax()))
    return flat[chosen]


def distances(cells: Floats, prototypes: Floats) -> Floats:
    """(N, G, G, d) -> (N, G, G): the squared distance to the nearest prototype."""
    lengths = np.square(prototypes).sum(axis=1)
    heat = np.empty(cells.shape[:3], np.float32)
    for place, image in enumerate(cells):
        likeness = 2 * (image @ prototypes.T) - lengths
        heat[place] = np.square(image).sum(axis=2) - likeness.max(axis=2)
    return heat


def _allowing(dimensions: int, count: int, seed: int) -> Allowing:
    """Rounded cells are remembered beside the others: nothing more has to be allowed for."""

    def judge_of(seen: Floats) -> Judge:
        return remember(seen, dimensions, count, seed).heat

    return lambda rounding: judge_of


def _senses(taps: Sequence[tuple[int, ...]]) -> keras.Model:
    """Taps -> their features in cells of 16 px, and the means of windows around these."""
    import keras
    from keras import layers

    given = [keras.Input(shape) for shape in taps]
    own = taught_judge.own_taps(given, TAPS)
    cells = on_one_grid(own)
    around = layers.AveragePooling2D(WINDOW, 1, padding="same", name=f"{FLOAT_PREFIX}around")(cells)
    return keras.Model(given, [cells, around], name=SENSES)


def _distance(
    sense: keras.KerasTensor, dimensions: int, count: int, judge: str
) -> keras.KerasTensor:
    from keras import layers

    cells = layers.Conv2D(dimensions, 1, name=f"{FLOAT_PREFIX}mix_{judge}")(sense)
    likeness = layers.Conv2D(count, 1, name=f"{FLOAT_PREFIX}memory_{judge}")(cells)
    side = cells.shape[1]
    rows = layers.Reshape((side * side, count), name=f"{FLOAT_PREFIX}rows_{judge}")(likeness)
    top = layers.GlobalMaxPooling1D(
        data_format="channels_first", name=f"{FLOAT_PREFIX}near_{judge}"
    )
    nearest = layers.Reshape((side, side, 1), name=f"{FLOAT_PREFIX}nearest_{judge}")(top(rows))
    square = layers.Multiply(name=f"{FLOAT_PREFIX}square_{judge}")([cells, cells])
    length = layers.Conv2D(1, 1, use_bias=False, name=f"{FLOAT_PREFIX}length_{judge}")(square)
    distance = layers.Subtract(name=f"{FLOAT_PREFIX}distance_{judge}")([length, nearest])
    return layers.Conv2D(1, 1, name=f"{FLOAT_PREFIX}scale_{judge}")(distance)


def _set_memory(network: keras.Model, judge: str, memory: Memory, scale: Scale) -> None:
    prototypes = memory.prototypes
    length = np.ones((1, 1, prototypes.shape[1], 1), np.float32)
    weights = {
        "mix": [memory.kernel[None, None], memory.bias],
        "memory": [2 * prototypes.T[None, None], -np.square(prototypes).sum(axis=1)],
        "length": [length],
        "scale": [np.full((1, 1, 1, 1), scale[0], np.float32), np.array([scale[1]], np.float32)],
    }
    for layer, values in weights.items():
        network.get_layer(f"{FLOAT_PREFIX}{layer}_{judge}").set_weights(values)


ARCHITECTURE = Architecture(
    name="patchcore",
    tasks=("image-anomaly",),
    summary="good-only, for texture and parts that lie anyhow: a memory of good patches",
    spec_of=spec_of,
    build=build,
    epochs=1,
    fit=fit,
    calibration=planted_calibration,
    scoring="anomaly",
    windows="max",
    options=PatchcoreOptions,
)
