"""Good-only, for parts that always lie alike: Gaussians over features of every place.

Two judges share one network. The local one is PaDiM (Defard et al., ICPR 2021): features of two
layers on one grid, mixed down, and the Mahalanobis distance of every cell from good parts; the
mean belongs to the cell, the covariance to a block of cells, which steadies it and saves memory.
The global one (Rippel et al., ICPR 2020) does the same once for pooled features of four layers,
with Ledoit and Wolf's shrinkage; it sees tone and texture that no single cell finds odd. Each is
scaled by good parts it was not fitted on, so that 0 is a usual good part and 1 a rare one; the
score is the larger.
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
)
from trainer.models.registry import Architecture, Fitted, Training
from trainer.strict_toml import StrictTable

if TYPE_CHECKING:
    import keras

SIZE_PX = 320
LOCAL = ("block_5_add", "block_12_add")
GLOBAL = ("block_5_add", "block_9_add", "block_12_add", "block_15_add")
POOLED = 320
"""Dimensions that the global judge keeps of 704 pooled features."""

RIDGE = 0.01
"""Added to every covariance, as a share of its mean variance."""


class GaussianOptions(StrictTable):
    """[options] of `gaussian`."""

    dimensions: int = Field(default=64, ge=4, le=128, description="features kept of each cell")
    block: int = Field(default=4, ge=1, le=8, description="cells along a side that share a spread")


@dataclass(frozen=True)
class Local:
    """mean: (G, G, d); whiten: (G/B, G/B, d, d), so that |(x - mean) whiten|^2 is the distance."""

    mean: Floats
    whiten: Floats

    def heat(self, cells: Floats) -> Floats:
        """(N, G, G, d) -> mean squared distance of each cell (N, G, G), smoothed."""
        blocks = _blocked(cells - self.mean, len(self.mean) // len(self.whiten))
        squares = np.square(np.matmul(blocks, self.whiten)).mean(axis=3)
        heat = _unblocked(squares, len(cells), len(self.mean))
        return _box3(_box3(heat))


@dataclass(frozen=True)
class Global:
    """distance = |pooled kernel + bias|^2, kernel (F, k) with the standardising inside."""

    kernel: Floats
    bias: Floats

    def distance(self, pooled: Floats) -> Floats:
        """(N, F) -> (N,): mean squared distance."""
        return np.asarray(np.square(pooled @ self.kernel + self.bias).mean(axis=1))


def spec_of(split: Split, config: FitConfig, options: StrictTable) -> ImageInput:
    """A square of 320 px."""
    del split, options
    return detector_spec(config, SIZE_PX)


def build(spec: InputSpec, labels: int, config: FitConfig, options: StrictTable) -> keras.Model:
    """The whole graph: score (N, 1) and heat map (N, G, G, 1); its Gaussians are still empty."""
    import keras
    from keras import layers

    del labels
    chosen = _options(options)
    eye = open_eye(spec.shape, config.weights, GLOBAL)
    local = [tap for name, tap in zip(GLOBAL, eye.taps, strict=True) if name in LOCAL]
    cells = layers.Conv2D(chosen.dimensions, 1, use_bias=False, name="exact_mix")(
        on_one_grid(local)
    )
    heat = _local_head(cells, chosen.block)
    oddness = _global_head(layers.Concatenate(name="exact_pooled")(_pools(eye.taps)))
    peak = layers.GlobalMaxPooling2D(name="exact_peak")(heat)
    score = layers.Maximum(name="exact_score")([peak, oddness])
    return keras.Model(eye.pixels, [score, heat], name="gaussian")


def fit(training: Training) -> Fitted:
    """Estimate both judges and their scales; no gradient."""
    import keras

    from trainer.gradient import seed_everything

    seed_everything(training.config.seed)
    options = _options(training.options)
    network = build(training.spec, 1, training.config, options)
    _set_projection(network, training.config.seed)
    sensed = keras.Model(
        network.input,
        [network.get_layer("exact_mix").output, network.get_layer("exact_pooled").output],
    )
    cells, pooled = rows_of(sensed, training.train.inputs, training, "features of good parts")
    block = _fitting_block(cells.shape[1], options.block)
    local, wide = fit_local(cells, block), fit_global(pooled, training.config.seed)
    peaks, odds = _held_out(cells, pooled, block, training)
    _set_local(network, local, scale_of(peaks))
    _set_global(network, wide, scale_of(odds))
    note = f"{len(cells)} good parts; a score of 1 is the {RARE:.0%} quantile of unseen good parts"
    return Fitted(network, [{"epoch": 1, "good_parts": float(len(cells))}], (note,))


def fit_local(cells: Floats, block: int) -> Local:
    """Means and whitenings of cells (N, G, G, d) with blocks of `block` x `block` cells."""
    mean = cells.mean(axis=0)
    rows = _blocked(cells - mean, block)
    spread = np.matmul(rows.transpose(0, 1, 3, 2), rows) / rows.shape[2]
    ridge = RIDGE * max(float(np.trace(spread.mean(axis=(0, 1)))) / spread.shape[-1], 1e-6)
    inverse = np.linalg.inv(spread.astype(np.float64) + ridge * np.eye(spread.shape[-1]))
    return Local(mean, np.linalg.cholesky(inverse).astype(np.float32))


def fit_global(pooled: Floats, seed: int) -> Global:
    """The whitening of pooled features (N, F), standardised and mixed down to POOLED dimensions."""
    from sklearn.covariance import LedoitWolf

    mean, spread = pooled.mean(axis=0), pooled.std(axis=0) + 1e-3
    mixing = random_projection(pooled.shape[1], POOLED, seed) / spread[:, None]
    shrunk = LedoitWolf(assume_centered=True).fit((pooled - mean) @ mixing)
    steady = shrunk.covariance_ + 1e-9 * np.eye(mixing.shape[1])
    kernel = (mixing @ np.linalg.cholesky(np.linalg.inv(steady))).astype(np.float32)
    return Global(kernel, -(mean @ kernel))


def _held_out(
    cells: Floats, pooled: Floats, block: int, training: Training
) -> tuple[Floats, Floats]:
    """Peak and global distance of every good part by judges fitted without its half."""
    peaks, odds = np.zeros(len(cells), np.float32), np.zeros(len(cells), np.float32)
    for seen, held in halves(training):
        peaks[held] = fit_local(cells[seen], block).heat(cells[held]).max(axis=(1, 2))
        odds[held] = fit_global(pooled[seen], training.config.seed).distance(pooled[held])
    return peaks, odds


def _local_head(cells: keras.KerasTensor, block: int) -> keras.KerasTensor:
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
    x = layers.Multiply(name="exact_square")([x, x])
    heat = layers.Conv2D(1, 1, name="exact_distance")(x)
    return smooth(heat)


def _pools(taps: list[keras.KerasTensor]) -> list[keras.KerasTensor]:
    from keras import layers

    means = [
        layers.GlobalAveragePooling2D(name=f"exact_mean{place}")(tap)
        for place, tap in enumerate(taps)
    ]
    peaks = [
        layers.GlobalMaxPooling2D(name=f"exact_max{place}")(tap) for place, tap in enumerate(taps)
    ]
    return means + peaks


def _global_head(pooled: keras.KerasTensor) -> keras.KerasTensor:
    from keras import layers

    x = layers.Dense(POOLED, name="exact_wide")(pooled)
    x = layers.Multiply(name="exact_wide_square")([x, x])
    return layers.Dense(1, name="exact_oddness")(x)


def _set_projection(network: keras.Model, seed: int) -> None:
    layer = network.get_layer("exact_mix")
    inputs, outputs = layer.kernel.shape[2:]
    layer.set_weights([random_projection(inputs, outputs, seed)[None, None]])


def _set_local(network: keras.Model, local: Local, scale: tuple[float, float]) -> None:
    block = len(local.mean) // len(local.whiten)
    lift = -np.matmul(_blocked(local.mean[None], block), local.whiten)
    across, count = len(local.whiten), local.mean.shape[2]
    bias = lift.reshape(across, across, block, block, count).transpose(0, 2, 1, 3, 4)
    network.get_layer("exact_whiten").set_weights([local.whiten, bias])
    kernel = np.full((1, 1, count, 1), scale[0] / count, np.float32)
    network.get_layer("exact_distance").set_weights([kernel, np.array([scale[1]], np.float32)])


def _set_global(network: keras.Model, wide: Global, scale: tuple[float, float]) -> None:
    network.get_layer("exact_wide").set_weights([wide.kernel, wide.bias])
    kernel = np.full((POOLED, 1), scale[0] / POOLED, np.float32)
    network.get_layer("exact_oddness").set_weights([kernel, np.array([scale[1]], np.float32)])


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
