"""Good-only, for aligned parts and for surfaces: a Gaussian of the features at each position.

PaDiM (Defard et al., ICPR 2021): features of three layers of an ImageNet network, mixed down, and
the Mahalanobis distance of every position from good parts. A second scorer reads the whole picture
(whole_picture.py), a third, fitted on synthetic defects, cells of 8 px. All are scaled by good
parts that they were not fitted on: 0 is a typical good part and 1 a rare one; the heat map is their
mean, weighted by their shares, and the score its maximum.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np
from pydantic import Field

from edge_agent.contracts.image.input import ImageInput
from edge_agent.contracts.model.float_layers import FLOAT_PREFIX
from trainer.config.fit import FitConfig
from trainer.data.image.relit import OtherLight
from trainer.data.prepare import InputSpec
from trainer.data.split import Split
from trainer.models.image import synthetic_defect_head as defect_head
from trainer.models.image.aspect import AspectChoice, in_aspect
from trainer.models.image.background_paint import Paint
from trainer.models.image.cross_fitting import (
    MANY_FOLDS,
    FitScorer,
    FittedDetector,
    calibration_of_fit,
    fit_on_all,
)
from trainer.models.image.feature_maps import (
    FEATURES,
    RARE,
    USUAL_PX,
    Floats,
    Scale,
    detector_spec,
    on_one_grid,
    random_projection,
)
from trainer.models.image.flaws_found import MERIT_NAME, merits_of
from trainer.models.image.foreground import (
    ForegroundChoice,
    foreground_of,
    masked_heat,
    seen_at,
    set_floor,
    set_ground,
)
from trainer.models.image.foreground_choice import Probe, choose_foreground
from trainer.models.image.heat_mean import mean_heat, set_mean, weighted
from trainer.models.image.score_fusion import FitByRounding, Join, fit_scorers
from trainer.models.image.synthetic_defect_head import SyntheticShare
from trainer.models.image.whole_picture import (
    fit_whole,
    fit_whole_by_rounding,
    set_whole,
    whole_features,
    whole_heat,
)
from trainer.training.api import Architecture, Fitted, ModelOptions, Training
from trainer.training.gradient import seed_everything

if TYPE_CHECKING:
    import keras

TAPS = ("block_5_add", "block_9_add", "block_12_add")
RIDGE = 0.01
"""Added to every covariance, as a share of its mean variance."""

WHOLE_PART = 3 / 8
"""Of the distances, that of the whole picture."""


LOOKS = ({"synthetic_share": 0.2}, {"synthetic_share": 0.0})
"""Among which a time budget chooses, each at several sizes: the head takes a third of the float
work; fewer dimensions would save nothing to speak of."""


class PadimOptions(ModelOptions):
    """[options] of `padim`."""

    OLD_NAMES: ClassVar = {"taught": "synthetic_share"}

    dimensions: int = Field(default=80, ge=4, le=128, description="features kept of each cell")
    block: int = Field(default=1, ge=1, le=8, description="cells along a side that share a spread")
    synthetic_share: SyntheticShare = 0.2
    foreground: ForegroundChoice = "off"
    aspect: AspectChoice = "auto"
    other_light: OtherLight = True

    def shares(self) -> list[float]:
        """The share of positions, of the whole picture, and of the defect head where it has one, in
        the heat map; the sum is 1.
        """
        own = [(1 - self.synthetic_share) * part for part in (1 - WHOLE_PART, WHOLE_PART)]
        return [*own, self.synthetic_share] if self.synthetic_share else own


@dataclass(frozen=True)
class Gaussians:
    """mean: (H, W, d); whiten: (H/B, W/B, d, d), so that |(x - mean) whiten| is the distance."""

    mean: Floats
    whiten: Floats

    def heat(self, cells: Floats) -> Floats:
        """(N, H, W, d) -> the distance of each cell (N, H, W)."""
        blocks = _blocked(cells - self.mean, len(self.mean) // len(self.whiten))
        lengths = np.linalg.norm(np.matmul(blocks, self.whiten), axis=3)
        return _unblocked(lengths, cells.shape[:3])


def spec_of(split: Split, config: FitConfig, options: PadimOptions) -> ImageInput:
    """A square of 320 px, or as many pixels in the pictures' aspect; standardised."""
    return in_aspect(detector_spec(config, USUAL_PX), split, config, options.aspect)


def build(
    spec: InputSpec,
    labels: int,
    config: FitConfig,
    options: PadimOptions,
    paint: Paint | None = None,
) -> keras.Model:
    """The whole graph: score (N, 1) and heat map (N, G, H, 1); the Gaussians are still empty.

    It has a foreground where that is `on`; paint: over the background before the backbone.
    """
    del labels
    backbone = defect_head.backbone_with_head(spec, config, TAPS, options.synthetic_share, paint)
    with_part = options.foreground == "on"
    layer = _feature_layer(backbone.shapes, options.dimensions, with_part=with_part)
    cells, whole, *seen = layer(backbone.taps)
    heats = [_distance(cells, options.block), whole_heat(whole, cells.shape[1:3])]
    if options.synthetic_share:
        heats.append(defect_head.head_heat(backbone, cells.shape[1]))
    heat = mean_heat(heats, are_squares=False)
    return backbone.scored(masked_heat(heat, seen[0]) if seen else heat, "padim")


def fit(training: Training[PadimOptions]) -> Fitted:
    """Estimate the Gaussians, their scale and the threshold from all good parts; no gradient."""
    return fit_on_all(training, learn)


def learn(training: Training[PadimOptions]) -> FittedDetector:
    """The same from the training inputs alone, without a threshold."""

    seed_everything(training.config.seed)
    options, block = training.options, training.options.block
    fits = [lambda rounding: _fit_places(block, rounding), fit_whole_by_rounding]
    chosen = choose_foreground(training, options.foreground, TAPS, _probe(training, fits))
    options = options.model_copy(update={"foreground": "on" if chosen.ground else "off"})
    network = _with_projection(training, options, chosen.paint)
    if chosen.ground:
        set_ground(network, chosen.ground)
    shares, share = options.shares(), options.synthetic_share
    fitted = fit_scorers(
        training,
        network,
        fits,
        _joined(shares),
        folds=[MANY_FOLDS] * len(fits),
        with_head=share > 0,
        other_light=options.other_light,
    )
    scales, (places, whole) = fitted.fusion.scales, fitted.cells
    gaussians = fit_gaussians(places, options.block, fitted.rounding[0])
    _set_gaussians(network, gaussians, scales[0])
    set_whole(network, fit_whole(whole), scales[1])
    if fitted.defect_head:
        defect_head.set_head(network, fitted.defect_head, scales[-1])
    set_mean(network, shares, fitted.fusion.fused)
    if chosen.ground:
        set_floor(network, fitted.fusion.floor)
    note = f"{fitted.note()}; a score of 1 is the {RARE:.0%} quantile of unseen good parts"
    return FittedDetector(network, fitted.fusion.scores, (note, *chosen.notes))


def fit_gaussians(cells: Floats, block: int, rounding: float = 0.0) -> Gaussians:
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
    return Gaussians(mean, np.linalg.cholesky(inverse).astype(np.float32))


def _fit_places(block: int, rounding: float) -> FitScorer:
    return lambda seen: fit_gaussians(seen, block, rounding).heat


def _joined(shares: Sequence[float]) -> Join:
    return lambda heats: weighted(heats, shares, are_squares=False)


def _probe(training: Training[PadimOptions], fits: Sequence[FitByRounding]) -> Probe:
    """The same detector without the synthetic defect head and with a foreground."""
    plain = training.options.model_copy(update={"synthetic_share": 0.0, "foreground": "on"})
    scorers = [fit(0.0) for fit in fits]
    return Probe(
        lambda paint: _with_projection(training, plain, paint), scorers, _joined(plain.shares())
    )


def _feature_layer(
    taps: Sequence[tuple[int, ...]], dimensions: int, *, with_part: bool
) -> keras.Model:
    """Taps -> mixed features of cells of 32 px, and those of the whole picture; with_part: where
    the part is seen, of which those of the whole picture then are.
    """
    import keras
    from keras import layers

    given = [keras.Input(shape) for shape in taps]
    own = defect_head.own_taps(given, TAPS)
    mixed = layers.Conv2D(dimensions, 1, use_bias=False, name=f"{FLOAT_PREFIX}mix")(
        on_one_grid(own)
    )
    fine = layers.AveragePooling2D(2, name=f"{FLOAT_PREFIX}fine")(mixed)
    part = [foreground_of(own)] if with_part else []
    seen = [seen_at(one, fine.shape[1]) for one in part]
    return keras.Model(given, [fine, whole_features(own, *part), *seen], name=FEATURES)


def _distance(cells: keras.KerasTensor, block: int) -> keras.KerasTensor:
    from keras import layers

    high, wide, count = cells.shape[1:]
    block = _fitting_block((high, wide), block)
    split = (high // block, block, wide // block, block)
    listed = layers.Reshape((high * wide, count, 1), name=f"{FLOAT_PREFIX}list")(cells)
    whitened = []
    for name, (outputs, skipped) in _halves(count).items():
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
    x = layers.Concatenate(name=f"{FLOAT_PREFIX}whitened")(whitened)
    unit = layers.UnitNormalization(name=f"{FLOAT_PREFIX}unit")(x)
    x = layers.Multiply(name=f"{FLOAT_PREFIX}length")([x, unit])
    return layers.Conv2D(1, 1, name=f"{FLOAT_PREFIX}distance")(x)


def _halves(count: int) -> dict[str, tuple[int, int]]:
    """Part of a whitening -> how many features it gives, and how many of the given it skips.

    A Cholesky factor is lower triangular: its last columns need the last features alone, and a
    quarter of the weights is not there.
    """
    half = count // 2
    return {"first": (half, 0), "last": (count - half, half)}


def _with_projection(
    training: Training[PadimOptions], options: PadimOptions, paint: Paint | None
) -> keras.Model:
    network = build(training.spec, 1, training.config, options, paint)
    _set_projection(network, training.config.seed)
    return network


def _set_projection(network: keras.Model, seed: int) -> None:
    layer = network.get_layer(FEATURES).get_layer(f"{FLOAT_PREFIX}mix")
    inputs, outputs = layer.kernel.shape[2:]
    layer.set_weights([random_projection(inputs, outputs, seed)[None, None]])


def _set_gaussians(network: keras.Model, gaussians: Gaussians, scale: Scale) -> None:
    """scale: (gain, lift) of its distance."""
    high, wide, count = gaussians.whiten.shape[:3]
    block = len(gaussians.mean) // high
    lift = -np.matmul(_blocked(gaussians.mean[None], block), gaussians.whiten)
    bias = lift.reshape(high, wide, block, block, count).transpose(0, 2, 1, 3, 4)
    for part, (outputs, skipped) in _halves(count).items():
        columns = slice(skipped, skipped + outputs)
        weights = [gaussians.whiten[:, :, skipped:, columns], bias[..., columns]]
        network.get_layer(f"{FLOAT_PREFIX}whiten_{part}").set_weights(weights)
    gain, lift = scale
    weights = [np.full((1, 1, count, 1), gain, np.float32), np.array([lift], np.float32)]
    network.get_layer(f"{FLOAT_PREFIX}distance").set_weights(weights)


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


def merits(several: Sequence[Training[PadimOptions]]) -> Sequence[float]:
    """Small synthetic flaws found on validation parts at 1 % false rejects."""
    return merits_of(learn, several, "padim")


ARCHITECTURE = Architecture(
    name="padim",
    tasks=("image-anomaly",),
    summary="good-only, for parts that always lie alike: distances from good features",
    spec_of=spec_of,
    build=build,
    epochs=1,
    fit=fit,
    calibration=calibration_of_fit,
    scoring="anomaly",
    windows="max",
    uses_weights=True,
    standardises=True,
    augments=False,
    looks=LOOKS,
    merits=merits,
    merit_name=MERIT_NAME,
    options=PadimOptions,
)
