"""Good-only, for texture and for parts that lie anyhow: a memory of good patches in one graph.

PatchCore (Roth et al., CVPR 2022): features of two layers, their 3x3 mean, mixed down, and for
every cell the distance to the nearest of K prototypes, |g|^2 - max_k (2 g.c_k - |c_k|^2), which a
1x1 convolution computes. The prototypes are a greedy coreset. Features are scaled by their spread
over good parts first, so that no loud channel decides alone. Distances are scaled by good parts
outside the memory: 0 is a usual good part, 1 a rare one; the score is the heat map's maximum.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from pydantic import Field

from edge_agent.contracts.image import ImageInput
from trainer.config import FitConfig
from trainer.data.prepared import InputSpec
from trainer.data.splits import Split
from trainer.models.eightbit import int8_rows
from trainer.models.grid import (
    Floats,
    detector_spec,
    halves,
    on_one_grid,
    open_eye,
    planted_calibration,
    random_projection,
    rows_of,
    scale_of,
    twice,
)
from trainer.models.registry import Architecture, Fitted, Training
from trainer.strict_toml import StrictTable

if TYPE_CHECKING:
    import keras

SIZE_PX = 224
TAPS = ("block_5_add", "block_12_add")
MOST_CELLS = 40_000
"""Cells that the coreset chooses from; more only cost time."""


class PatchesOptions(StrictTable):
    """[options] of `patches`."""

    dimensions: int = Field(default=96, ge=4, le=128, description="features kept of each cell")
    prototypes: int = Field(default=1024, ge=16, le=4096, description="good patches remembered")


def spec_of(split: Split, config: FitConfig, options: StrictTable) -> ImageInput:
    """A square of 224 px."""
    del split, options
    return detector_spec(config, SIZE_PX)


def build(spec: InputSpec, labels: int, config: FitConfig, options: StrictTable) -> keras.Model:
    """The whole graph: score (N, 1) and heat map (N, G, G, 1); the memory is still empty."""
    import keras
    from keras import layers

    del labels
    chosen = PatchesOptions.model_validate(options.model_dump())
    eye = open_eye(spec.shape, config.weights, TAPS)
    joined = on_one_grid(eye.taps)
    joined = layers.AveragePooling2D(3, 1, padding="same", name="exact_neighbours")(joined)
    cells = layers.Conv2D(chosen.dimensions, 1, name="exact_mix")(joined)
    likeness = layers.Conv2D(chosen.prototypes, 1, name="exact_memory")(cells)
    side = cells.shape[1]
    rows = layers.Reshape((side * side, chosen.prototypes), name="exact_rows")(likeness)
    nearest = layers.GlobalMaxPooling1D(data_format="channels_first", name="exact_near")(rows)
    nearest = layers.Reshape((side, side, 1), name="exact_nearest")(nearest)
    square = layers.Multiply(name="exact_square")([cells, cells])
    length = layers.Conv2D(1, 1, use_bias=False, name="exact_length")(square)
    distance = layers.Subtract(name="exact_distance")([length, nearest])
    heat = layers.Conv2D(1, 1, name="exact_scale")(distance)
    score = layers.GlobalMaxPooling2D(name="exact_score")(heat)
    return keras.Model(eye.pixels, [score, heat], name="patches")


def fit(training: Training) -> Fitted:
    """Fill the memory and scale the distances; no gradient."""
    import keras

    from trainer.fitting.gradient import seed_everything

    seed_everything(training.config.seed)
    network = build(training.spec, 1, training.config, training.options)
    memory = network.get_layer("exact_memory")
    wide = keras.Model(network.input, network.get_layer("exact_neighbours").output)
    (plain,) = rows_of(wide, training.train.inputs, training, "features of good parts")
    neighbours = network.get_layer("exact_neighbours")
    joined = np.concatenate([plain, int8_rows(network, neighbours, training)])
    kernel, bias = mixing(joined, network.get_layer("exact_mix").kernel.shape[3], training)
    cells = joined @ kernel + bias
    count, seed = memory.kernel.shape[3], training.config.seed
    training.talk.say(f"choosing {count} of {cells[..., 0].size} good patches")
    peaks = np.zeros(len(cells), np.float32)
    for seen, held in halves(training):
        part = choose_prototypes(cells[twice(seen)], count, seed)
        peaks[twice(held)] = distances(cells[twice(held)], part).max(axis=(1, 2))
    prototypes = choose_prototypes(cells, count, seed)
    gain, lift = scale_of(peaks)
    network.get_layer("exact_mix").set_weights([kernel[None, None], bias])
    memory.set_weights([2 * prototypes.T[None, None], -np.square(prototypes).sum(axis=1)])
    length = np.ones((1, 1, cells.shape[3], 1), np.float32)
    network.get_layer("exact_length").set_weights([length])
    scale = [np.full((1, 1, 1, 1), gain, np.float32), np.array([lift], np.float32)]
    network.get_layer("exact_scale").set_weights(scale)
    note = f"{len(plain)} good parts, {count} patches remembered"
    return Fitted(network, [{"epoch": 1, "good_parts": float(len(plain))}], (note,))


def mixing(joined: Floats, dimensions: int, training: Training) -> tuple[Floats, Floats]:
    """Kernel (C, d) and bias (d,) that centre, scale to unit spread and mix features."""
    flat = joined.reshape(-1, joined.shape[3])
    mean, spread = flat.mean(axis=0), flat.std(axis=0) + 1e-3
    mixed = random_projection(len(mean), dimensions, training.config.seed)
    kernel = (mixed / spread[:, None]).astype(np.float32)
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


ARCHITECTURE = Architecture(
    name="patches",
    tasks=("image-anomaly",),
    summary="good-only, for texture and parts that lie anyhow: a memory of good patches",
    spec_of=spec_of,
    build=build,
    epochs=1,
    fit=fit,
    calibration=planted_calibration,
    scoring="anomaly",
    windows="max",
    options=PatchesOptions,
)
