"""Good-only, for parts that lie alike and for surfaces: Gaussians over features of every place.

PaDiM (Defard et al., ICPR 2021): features of three layers of an ImageNet network, mixed down, and
the Mahalanobis distance of every place from good parts. Four judges look: at cells, at the means of
wide windows around them, and at those of whole rows and columns, where a defect shows that no
single cell betrays (another grinding, another texture). A fifth, taught by planted defects, looks
at cells of 8 px. All are scaled by good parts that they did not learn from: 0 is a usual good part
and 1 a rare one; the heat map is their mean and the score its maximum. A global judge beside them
(Rippel et al., ICPR 2020) was tried and left out: it did not rank better.
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
from trainer.models.image.cross_fitting import JudgeOf, Learnt, fit_on_all
from trainer.models.image.feature_maps import (
    RARE,
    SENSES,
    Floats,
    detector_spec,
    on_one_grid,
    planted_calibration,
    random_projection,
    tapped_backbone,
)
from trainer.models.image.score_fusion import Join, Scale, part_of, teach
from trainer.training.api import Architecture, Fitted, Training
from trainer.training.gradient import seed_everything

if TYPE_CHECKING:
    import keras

SIZE_PX = 320
TAPS = ("block_5_add", "block_9_add", "block_12_add")
RIDGE = 0.01
"""Added to every covariance, as a share of its mean variance."""

JUDGES = ("fine", "wide", "rows", "columns")
"""Those that measure distances; each has the same share in the heat map."""

WINDOW = 7
"""Side of the windows of the wide judge, in steps of 16 px."""


class PadimOptions(Strict):
    """[options] of `gaussian`."""

    dimensions: int = Field(default=80, ge=4, le=128, description="features kept of each cell")
    block: int = Field(default=1, ge=1, le=8, description="cells along a side that share a spread")
    taught: float = Field(
        default=0.2, ge=0, le=0.9, description="share of the judge that planted defects teach"
    )

    def shares(self) -> list[float]:
        """Of every judge in the heat map, the taught one last; they sum to 1."""
        own = [(1 - self.taught) / len(JUDGES)] * len(JUDGES)
        return [*own, self.taught] if self.taught else own


@dataclass(frozen=True)
class Places:
    """mean: (H, W, d); whiten: (H/B, W/B, d, d), so that |(x - mean) whiten| is the distance."""

    mean: Floats
    whiten: Floats

    def heat(self, cells: Floats) -> Floats:
        """(N, H, W, d) -> the distance of each cell (N, H, W)."""
        blocks = _blocked(cells - self.mean, len(self.mean) // len(self.whiten))
        lengths = np.linalg.norm(np.matmul(blocks, self.whiten), axis=3)
        return _unblocked(lengths, cells.shape[:3])


def spec_of(split: Split, config: FitConfig, options: PadimOptions) -> ImageInput:
    """A square of 320 px, standardised."""
    del split, options
    return detector_spec(config, SIZE_PX)


def build(spec: InputSpec, labels: int, config: FitConfig, options: PadimOptions) -> keras.Model:
    """The whole graph: score (N, 1) and heat map (N, G, G, 1); the Gaussians are still empty."""
    import keras
    from keras import layers

    del labels
    eye = tapped_backbone(spec.shape, config.weights, taught_judge.TAPS if options.taught else TAPS)
    shapes = [tap.shape[1:] for tap in eye.taps]
    cells = _senses(shapes, options.dimensions)(eye.taps)
    heats = [_distance(one, options.block, name) for one, name in zip(cells, JUDGES, strict=True)]
    sides = heats[0].shape[1:3]
    spread = [_spread(one, sides, name) for one, name in zip(heats, JUDGES, strict=True)]
    if options.taught:
        spread.append(taught_judge.heat_of(taught_judge.senses(shapes)(eye.taps), sides[0]))
    heat = layers.Add(name=f"{FLOAT_PREFIX}heat")(spread)
    score = layers.GlobalMaxPooling2D(name=f"{FLOAT_PREFIX}score")(heat)
    return keras.Model(eye.pixels, [score, heat], name="padim")


def fit(training: Training[PadimOptions]) -> Fitted:
    """Estimate the Gaussians, their scale and the threshold from all good parts; no gradient."""
    return fit_on_all(training, learn)


def learn(training: Training[PadimOptions]) -> Learnt:
    """The same from the training inputs alone, without a threshold."""

    seed_everything(training.config.seed)
    options = training.options
    network = build(training.spec, 1, training.config, options)
    _set_projection(network, training.config.seed)

    def judge_of(rounding: float) -> JudgeOf:
        return lambda seen: fit_places(seen, options.block, rounding).heat

    shares = options.shares()
    taught = teach(
        training, network, [judge_of] * len(JUDGES), shared(shares), planted=options.taught > 0
    )
    pairs = zip(taught.scales, shares, strict=True)
    scales = [part_of(scale, share) for scale, share in pairs]
    rows = zip(JUDGES, taught.cells, taught.rounding, scales[: len(JUDGES)], strict=True)
    for name, cells, rounding, scale in rows:
        _set_places(network, name, fit_places(cells, options.block, rounding), scale)
    if taught.planted:
        taught_judge.set_head(network, taught.planted, scales[-1])
    note = f"{taught.note()}; a score of 1 is the {RARE:.0%} quantile of unseen good parts"
    return Learnt(network, taught.unseen, (note,))


def shared(shares: Sequence[float]) -> Join:
    """The mean of the judges' heat by these shares."""
    return lambda heats: np.tensordot(np.array(shares, np.float32), heats, axes=1)


def fit_places(cells: Floats, block: int, rounding: float = 0.0) -> Places:
    """Means and whitenings of cells (N, H, W, d) with blocks of `block` x `block` cells.

    rounding: the variance that int8 adds to a feature anywhere. Where good parts hardly differ (a
    plain background) it is all that they may differ by.
    """
    mean = cells.mean(axis=0)
    block = _fitting_block(mean.shape[:2], block)
    rows = _blocked(cells - mean, block)
    spread = np.matmul(rows.transpose(0, 1, 3, 2), rows) / rows.shape[2]
    usual = max(float(np.trace(spread.mean(axis=(0, 1)))) / spread.shape[-1], 1e-6)
    ridge = RIDGE * usual + rounding
    inverse = np.linalg.inv(spread.astype(np.float64) + ridge * np.eye(spread.shape[-1]))
    return Places(mean, np.linalg.cholesky(inverse).astype(np.float32))


def _senses(taps: Sequence[tuple[int, ...]], dimensions: int) -> keras.Model:
    """Taps -> mixed features of cells of 32 px; means of windows around these, rows and columns."""
    import keras
    from keras import layers

    given = [keras.Input(shape) for shape in taps]
    own = taught_judge.own_taps(given, TAPS)
    mixed = layers.Conv2D(dimensions, 1, use_bias=False, name=f"{FLOAT_PREFIX}mix")(
        on_one_grid(own)
    )
    around = layers.AveragePooling2D(WINDOW, 1, padding="same", name=f"{FLOAT_PREFIX}around")(mixed)
    fine = layers.AveragePooling2D(2, name=f"{FLOAT_PREFIX}fine")(mixed)
    wide = layers.AveragePooling2D(2, name=f"{FLOAT_PREFIX}wide")(around)
    side = mixed.shape[1]
    rows = layers.AveragePooling2D((2, side), name=f"{FLOAT_PREFIX}rows")(mixed)
    columns = layers.AveragePooling2D((side, 2), name=f"{FLOAT_PREFIX}columns")(mixed)
    return keras.Model(given, [fine, wide, rows, columns], name=SENSES)


def _distance(cells: keras.KerasTensor, block: int, judge: str) -> keras.KerasTensor:
    from keras import layers

    high, wide, count = cells.shape[1:]
    block = _fitting_block((high, wide), block)
    split = (high // block, block, wide // block, block)
    listed = layers.Reshape((high * wide, count, 1), name=f"{FLOAT_PREFIX}list_{judge}")(cells)
    whitened = []
    for part, (outputs, skipped) in _halves(count).items():
        name = f"{part}_{judge}"
        x = layers.Cropping2D(((0, 0), (skipped, 0)), name=f"{FLOAT_PREFIX}crop_{name}")(listed)
        x = layers.Reshape((*split, count - skipped), name=f"{FLOAT_PREFIX}block_{name}")(x)
        x = layers.EinsumDense(
            "bhiwjc,hwcd->bhiwjd",
            output_shape=(*split, outputs),
            bias_axes="hiwjd",
            name=f"{FLOAT_PREFIX}whiten_{name}",
        )(x)
        whitened.append(
            layers.Reshape((high, wide, outputs), name=f"{FLOAT_PREFIX}unblock_{name}")(x)
        )
    x = layers.Concatenate(name=f"{FLOAT_PREFIX}whitened_{judge}")(whitened)
    unit = layers.UnitNormalization(name=f"{FLOAT_PREFIX}unit_{judge}")(x)
    x = layers.Multiply(name=f"{FLOAT_PREFIX}length_{judge}")([x, unit])
    return layers.Conv2D(1, 1, name=f"{FLOAT_PREFIX}distance_{judge}")(x)


def _halves(count: int) -> dict[str, tuple[int, int]]:
    """Part of a whitening -> how many features it gives, and how many of the given it skips.

    A Cholesky factor is lower triangular: its last columns need the last features alone, and a
    quarter of the weights is not there.
    """
    half = count // 2
    return {"first": (half, 0), "last": (count - half, half)}


def _spread(heat: keras.KerasTensor, sides: tuple[int, int], judge: str) -> keras.KerasTensor:
    """What is said of a row or column, said of all its cells: (N, H, W, 1).

    A sum of unlike shapes would do it too, but of one picture Keras takes such a summand for a
    bias, and may lay it along the other side.
    """
    from keras import layers

    for axis, side in enumerate(sides, start=1):
        if heat.shape[axis] < side:
            same = [heat] * side
            heat = layers.Concatenate(axis=axis, name=f"{FLOAT_PREFIX}spread{axis}_{judge}")(same)
    return heat


def _set_projection(network: keras.Model, seed: int) -> None:
    layer = network.get_layer(SENSES).get_layer(f"{FLOAT_PREFIX}mix")
    inputs, outputs = layer.kernel.shape[2:]
    layer.set_weights([random_projection(inputs, outputs, seed)[None, None]])


def _set_places(network: keras.Model, judge: str, places: Places, scale: Scale) -> None:
    """scale: (gain, lift) of its distance, its share taken."""
    high, wide, count = places.whiten.shape[:3]
    block = len(places.mean) // high
    lift = -np.matmul(_blocked(places.mean[None], block), places.whiten)
    bias = lift.reshape(high, wide, block, block, count).transpose(0, 2, 1, 3, 4)
    for part, (outputs, skipped) in _halves(count).items():
        columns = slice(skipped, skipped + outputs)
        weights = [places.whiten[:, :, skipped:, columns], bias[..., columns]]
        network.get_layer(f"{FLOAT_PREFIX}whiten_{part}_{judge}").set_weights(weights)
    gain, lift = scale
    weights = [np.full((1, 1, count, 1), gain, np.float32), np.array([lift], np.float32)]
    network.get_layer(f"{FLOAT_PREFIX}distance_{judge}").set_weights(weights)


def _blocked(cells: Floats, block: int) -> Floats:
    """(N, H, W, d) -> (H/B, W/B, N * B * B, d), the samples of each block together."""
    count, rows, columns, width = cells.shape
    high, wide = rows // block, columns // block
    split = cells.reshape(count, high, block, wide, block, width)
    return split.transpose(1, 3, 0, 2, 4, 5).reshape(high, wide, count * block * block, width)


def _unblocked(values: Floats, shape: tuple[int, ...]) -> Floats:
    """(H/B, W/B, N * B * B) -> shape (N, H, W)."""
    count, rows, _ = shape
    high, wide = values.shape[:2]
    block = rows // high
    split = values.reshape(high, wide, count, block, block)
    return split.transpose(2, 0, 3, 1, 4).reshape(shape)


def _fitting_block(sides: tuple[int, int], block: int) -> int:
    """The largest block up to `block` that divides both sides."""
    while any(side % block for side in sides):
        block -= 1
    return block


ARCHITECTURE = Architecture(
    name="padim",
    tasks=("image-anomaly",),
    summary="good-only, for parts that always lie alike: distances from good features",
    spec_of=spec_of,
    build=build,
    epochs=1,
    fit=fit,
    calibration=planted_calibration,
    scoring="anomaly",
    windows="max",
    options=PadimOptions,
)
