"""Good-only, for parts that always lie alike: Gaussians over features of every place.

PaDiM (Defard et al., ICPR 2021): features of two layers of an ImageNet network on one grid, mixed
down, and the Mahalanobis distance of every cell from good parts. The mean belongs to the cell, the
covariance to a block of cells, which steadies it and saves memory. Distances are scaled by good
parts they were not fitted on: 0 is a usual good part and 1 a rare one; the score is the heat map's
maximum. A global judge beside it (Rippel et al., ICPR 2020) was tried and left out: it cost 0.01
AUROC in int8 and did not rank planted defects better.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from pydantic import Field

from edge_agent.contracts.image import ImageInput
from trainer.config import FitConfig
from trainer.data.prepared import InputSpec
from trainer.data.splits import Split
from trainer.models.eightbit import int8_rows
from trainer.models.grid import (
    RARE,
    Floats,
    detector_spec,
    halves,
    on_one_grid,
    open_eye,
    planted_calibration,
    random_projection,
    rows_of,
    scale_of,
    smooth,
    twice,
)
from trainer.models.registry import Architecture, Fitted, Training
from trainer.strict_toml import StrictTable

if TYPE_CHECKING:
    import keras

SIZE_PX = 320
TAPS = ("block_5_add", "block_12_add")
RIDGE = 0.01
"""Added to every covariance, as a share of its mean variance."""


class GaussianOptions(StrictTable):
    """[options] of `gaussian`."""

    dimensions: int = Field(default=56, ge=4, le=128, description="features kept of each cell")
    block: int = Field(default=2, ge=1, le=8, description="cells along a side that share a spread")


@dataclass(frozen=True)
class Places:
    """mean: (G, G, d); whiten: (G/B, G/B, d, d), so that |(x - mean) whiten| is the distance."""

    mean: Floats
    whiten: Floats

    def heat(self, cells: Floats) -> Floats:
        """(N, G, G, d) -> the distance of each cell (N, G, G), smoothed."""
        blocks = _blocked(cells - self.mean, len(self.mean) // len(self.whiten))
        lengths = np.linalg.norm(np.matmul(blocks, self.whiten), axis=3)
        heat = _unblocked(lengths, len(cells), len(self.mean))
        return _box3(_box3(heat))


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
    mix = layers.Conv2D(chosen.dimensions, 1, use_bias=False, name="exact_mix")
    heat = _distance(mix(on_one_grid(eye.taps)), chosen.block)
    score = layers.GlobalMaxPooling2D(name="exact_score")(heat)
    return keras.Model(eye.pixels, [score, heat], name="gaussian")


def fit(training: Training) -> Fitted:
    """Estimate the Gaussians and their scale; no gradient."""
    import keras

    from trainer.fitting.gradient import seed_everything

    seed_everything(training.config.seed)
    options = _options(training.options)
    network = build(training.spec, 1, training.config, options)
    _set_projection(network, training.config.seed)
    sensed = keras.Model(network.input, network.get_layer("exact_mix").output)
    (plain,) = rows_of(sensed, training.train.inputs, training, "features of good parts")
    mix = network.get_layer("exact_mix")
    cells = np.concatenate([plain, int8_rows(network, mix, training)])
    block = _fitting_block(cells.shape[1], options.block)
    peaks = np.zeros(len(cells), np.float32)
    for seen, held in halves(training):
        judge = fit_places(cells[twice(seen)], block)
        peaks[twice(held)] = judge.heat(cells[twice(held)]).max(axis=(1, 2))
    _set_places(network, fit_places(cells, block), scale_of(peaks))
    count = len(plain)
    note = f"{count} good parts; a score of 1 is the {RARE:.0%} quantile of unseen good parts"
    return Fitted(network, [{"epoch": 1, "good_parts": float(count)}], (note,))


def fit_places(cells: Floats, block: int) -> Places:
    """Means and whitenings of cells (N, G, G, d) with blocks of `block` x `block` cells."""
    mean = cells.mean(axis=0)
    rows = _blocked(cells - mean, block)
    spread = np.matmul(rows.transpose(0, 1, 3, 2), rows) / rows.shape[2]
    ridge = RIDGE * max(float(np.trace(spread.mean(axis=(0, 1)))) / spread.shape[-1], 1e-6)
    inverse = np.linalg.inv(spread.astype(np.float64) + ridge * np.eye(spread.shape[-1]))
    return Places(mean, np.linalg.cholesky(inverse).astype(np.float32))


def _distance(cells: keras.KerasTensor, block: int) -> keras.KerasTensor:
    from keras import layers

    side, count = cells.shape[1], cells.shape[3]
    block = _fitting_block(side, block)
    across = side // block
    x = layers.Reshape((across, block, across, block, count), name="exact_block")(cells)
    x = layers.EinsumDense(
        "bhiwjc,hwcd->bhiwjd",
        output_shape=(across, block, across, block, count),
        bias_axes="hiwjd",
        name="exact_whiten",
    )(x)
    x = layers.Reshape((side, side, count), name="exact_unblock")(x)
    unit = layers.UnitNormalization(name="exact_unit")(x)
    x = layers.Multiply(name="exact_length")([x, unit])
    heat = layers.Conv2D(1, 1, name="exact_distance")(x)
    return smooth(heat)


def _set_projection(network: keras.Model, seed: int) -> None:
    layer = network.get_layer("exact_mix")
    inputs, outputs = layer.kernel.shape[2:]
    layer.set_weights([random_projection(inputs, outputs, seed)[None, None]])


def _set_places(network: keras.Model, places: Places, scale: tuple[float, float]) -> None:
    block = len(places.mean) // len(places.whiten)
    lift = -np.matmul(_blocked(places.mean[None], block), places.whiten)
    across, count = len(places.whiten), places.mean.shape[2]
    bias = lift.reshape(across, across, block, block, count).transpose(0, 2, 1, 3, 4)
    network.get_layer("exact_whiten").set_weights([places.whiten, bias])
    kernel = np.full((1, 1, count, 1), scale[0], np.float32)
    network.get_layer("exact_distance").set_weights([kernel, np.array([scale[1]], np.float32)])


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


def _box3(heat: Floats) -> Floats:
    """3x3 means of (N, G, G); at the border over the cells that exist."""
    padded = np.pad(heat, ((0, 0), (1, 1), (1, 1)))
    known = np.pad(np.ones(heat.shape[1:], np.float32), 1)
    height, width = heat.shape[1:]
    total, cells = np.zeros_like(heat), np.zeros(heat.shape[1:], np.float32)
    for row in range(3):
        for column in range(3):
            total += padded[:, row : row + height, column : column + width]
            cells += known[row : row + height, column : column + width]
    return total / cells


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
