"""Good-only, for parts that lie alike and for surfaces: Gaussians over features of every place.

PaDiM (Defard et al., ICPR 2021): features of three layers of an ImageNet network, mixed down, and
the Mahalanobis distance of every cell from good parts. Two judges look: one at the cells, one at
the means of wide windows around them, where a defect shows that no single cell betrays (another
grinding, another texture). Distances are scaled by good parts they were not fitted on: 0 is a usual
good part and 1 a rare one; the heat map is the mean of the two and the score its maximum. A
global judge beside them (Rippel et al., ICPR 2020) was tried and left out: it did not rank better.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from pydantic import Field

from edge_agent.contracts.image import ImageInput
from trainer.config import FitConfig
from trainer.data.prepared import InputSpec
from trainer.data.splits import Split
from trainer.models.grid import (
    RARE,
    SENSES,
    Floats,
    detector_spec,
    on_one_grid,
    open_eye,
    planted_calibration,
    random_projection,
)
from trainer.models.judges import Scale, teach
from trainer.models.registry import Architecture, Fitted, Training
from trainer.models.unseen import Judge, Learnt, fit_on_all
from trainer.strict_toml import StrictTable

if TYPE_CHECKING:
    import keras

SIZE_PX = 320
TAPS = ("block_5_add", "block_9_add", "block_12_add")
RIDGE = 0.01
"""Added to every covariance, as a share of its mean variance."""

JUDGES = ("fine", "wide")
WINDOW = 7
"""Side of the windows of the wide judge, in steps of 16 px."""


class GaussianOptions(StrictTable):
    """[options] of `gaussian`."""

    dimensions: int = Field(default=80, ge=4, le=128, description="features kept of each cell")
    block: int = Field(default=1, ge=1, le=8, description="cells along a side that share a spread")


@dataclass(frozen=True)
class Places:
    """mean: (G, G, d); whiten: (G/B, G/B, d, d), so that |(x - mean) whiten| is the distance."""

    mean: Floats
    whiten: Floats

    def heat(self, cells: Floats) -> Floats:
        """(N, G, G, d) -> the distance of each cell (N, G, G)."""
        blocks = _blocked(cells - self.mean, len(self.mean) // len(self.whiten))
        lengths = np.linalg.norm(np.matmul(blocks, self.whiten), axis=3)
        return _unblocked(lengths, len(cells), len(self.mean))


def spec_of(split: Split, config: FitConfig, options: StrictTable) -> ImageInput:
    """A square of 320 px."""
    del split, options
    return detector_spec(config, SIZE_PX)


def build(spec: InputSpec, labels: int, config: FitConfig, options: StrictTable) -> keras.Model:
    """The whole graph: score (N, 1) and heat map (N, G, G, 1); the Gaussians are still empty."""
    import keras
    from keras import layers

    del labels
    chosen = _options(options)
    eye = open_eye(spec.shape, config.weights, TAPS)
    cells = _senses([tap.shape[1:] for tap in eye.taps], chosen.dimensions)(eye.taps)
    heats = [_distance(one, chosen.block, name) for one, name in zip(cells, JUDGES, strict=True)]
    heat = layers.Average(name="exact_heat")(heats)
    score = layers.GlobalMaxPooling2D(name="exact_score")(heat)
    return keras.Model(eye.pixels, [score, heat], name="gaussian")


def fit(training: Training) -> Fitted:
    """Estimate the Gaussians, their scale and the threshold from all good parts; no gradient."""
    return fit_on_all(training, learn)


def learn(training: Training) -> Learnt:
    """The same from the training inputs alone, without a threshold."""
    from trainer.fitting.gradient import seed_everything

    seed_everything(training.config.seed)
    options = _options(training.options)
    network = build(training.spec, 1, training.config, options)
    _set_projection(network, training.config.seed)
    block = _fitting_block(network.get_layer("exact_heat").output.shape[1], options.block)

    def judge_of(seen: Floats) -> Judge:
        return fit_places(seen, block).heat

    taught = teach(training, network, [judge_of] * len(JUDGES), mean_of)
    for name, cells, scale in zip(JUDGES, taught.cells, taught.scales, strict=True):
        _set_places(network, name, fit_places(cells, block), scale)
    note = f"{taught.note()}; a score of 1 is the {RARE:.0%} quantile of unseen good parts"
    return Learnt(network, taught.unseen, (note,))


def mean_of(heats: Floats) -> Floats:
    """Heat (K, N, G, G) of K judges -> their mean (N, G, G)."""
    return np.asarray(heats.mean(axis=0), np.float32)


def fit_places(cells: Floats, block: int) -> Places:
    """Means and whitenings of cells (N, G, G, d) with blocks of `block` x `block` cells."""
    mean = cells.mean(axis=0)
    rows = _blocked(cells - mean, block)
    spread = np.matmul(rows.transpose(0, 1, 3, 2), rows) / rows.shape[2]
    ridge = RIDGE * max(float(np.trace(spread.mean(axis=(0, 1)))) / spread.shape[-1], 1e-6)
    inverse = np.linalg.inv(spread.astype(np.float64) + ridge * np.eye(spread.shape[-1]))
    return Places(mean, np.linalg.cholesky(inverse).astype(np.float32))


def _senses(taps: Sequence[tuple[int, ...]], dimensions: int) -> keras.Model:
    """Taps -> mixed features of cells of 32 px, and their means over windows around these."""
    import keras
    from keras import layers

    given = [keras.Input(shape) for shape in taps]
    mixed = layers.Conv2D(dimensions, 1, use_bias=False, name="exact_mix")(on_one_grid(given))
    around = layers.AveragePooling2D(WINDOW, 1, padding="same", name="exact_around")(mixed)
    fine = layers.AveragePooling2D(2, name="exact_fine")(mixed)
    wide = layers.AveragePooling2D(2, name="exact_wide")(around)
    return keras.Model(given, [fine, wide], name=SENSES)


def _distance(cells: keras.KerasTensor, block: int, judge: str) -> keras.KerasTensor:
    from keras import layers

    side, count = cells.shape[1], cells.shape[3]
    block = _fitting_block(side, block)
    across = side // block
    x = layers.Reshape((across, block, across, block, count), name=f"exact_block_{judge}")(cells)
    x = layers.EinsumDense(
        "bhiwjc,hwcd->bhiwjd",
        output_shape=(across, block, across, block, count),
        bias_axes="hiwjd",
        name=f"exact_whiten_{judge}",
    )(x)
    x = layers.Reshape((side, side, count), name=f"exact_unblock_{judge}")(x)
    unit = layers.UnitNormalization(name=f"exact_unit_{judge}")(x)
    x = layers.Multiply(name=f"exact_length_{judge}")([x, unit])
    return layers.Conv2D(1, 1, name=f"exact_distance_{judge}")(x)


def _set_projection(network: keras.Model, seed: int) -> None:
    layer = network.get_layer(SENSES).get_layer("exact_mix")
    inputs, outputs = layer.kernel.shape[2:]
    layer.set_weights([random_projection(inputs, outputs, seed)[None, None]])


def _set_places(network: keras.Model, judge: str, places: Places, scale: Scale) -> None:
    block = len(places.mean) // len(places.whiten)
    lift = -np.matmul(_blocked(places.mean[None], block), places.whiten)
    across, count = len(places.whiten), places.mean.shape[2]
    bias = lift.reshape(across, across, block, block, count).transpose(0, 2, 1, 3, 4)
    network.get_layer(f"exact_whiten_{judge}").set_weights([places.whiten, bias])
    kernel = np.full((1, 1, count, 1), scale[0], np.float32)
    weights = [kernel, np.array([scale[1]], np.float32)]
    network.get_layer(f"exact_distance_{judge}").set_weights(weights)


def _blocked(cells: Floats, block: int) -> Floats:
    """(N, G, G, d) -> (G/B, G/B, N * B * B, d), the samples of each block together."""
    count, side, _, width = cells.shape
    across = side // block
    split = cells.reshape(count, across, block, across, block, width)
    return split.transpose(1, 3, 0, 2, 4, 5).reshape(across, across, count * block * block, width)


def _unblocked(values: Floats, count: int, side: int) -> Floats:
    """(G/B, G/B, N * B * B) -> (N, G, G)."""
    across = len(values)
    block = side // across
    split = values.reshape(across, across, count, block, block)
    return split.transpose(2, 0, 3, 1, 4).reshape(count, side, side)


def _fitting_block(side: int, block: int) -> int:
    while side % block:
        block -= 1
    return block


def _options(options: StrictTable) -> GaussianOptions:
    return GaussianOptions.model_validate(options.model_dump())


ARCHITECTURE = Architecture(
    name="gaussian",
    tasks=("image-anomaly",),
    summary="good-only, for parts that always lie alike: distances from good features",
    spec_of=spec_of,
    build=build,
    epochs=1,
    fit=fit,
    calibration=planted_calibration,
    scoring="anomaly",
    windows="max",
    options=GaussianOptions,
)
