"""Good-only, for texture and for parts that lie anyhow: a memory of good patches in one graph.

PatchCore (Roth et al., CVPR 2022): features of two layers, and for every cell the distance to the
nearest good one that is remembered (patch_memory.py). Two memories look: one of cells, one of the
means of windows around them, where another texture shows. A third scorer reads the whole picture
(whole_picture.py), a fourth, fitted on synthetic defects, cells of 8 px. All are scaled by good
parts outside the memory:
0 is a typical good part, 1 a rare one; the heat map is the mean of the larger distance, by its
logarithm, and of the last two, weighted by their shares; the score is its maximum.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

import numpy as np
from pydantic import Field

from edge_agent.contracts.core.types import Tensor
from edge_agent.contracts.image.input import ImageInput
from edge_agent.contracts.model.float_layers import FLOAT_PREFIX
from trainer.config.fit import FitConfig
from trainer.data.image.relit import OtherLight
from trainer.data.prepare import InputSpec
from trainer.data.split import Split
from trainer.models.image import synthetic_defect_head as defect_head
from trainer.models.image import whole_picture
from trainer.models.image.aspect import AspectChoice, in_aspect
from trainer.models.image.background_paint import Paint
from trainer.models.image.cross_fitting import (
    FOLDS,
    MANY_FOLDS,
    FittedDetector,
    Scorer,
    calibration_of_fit,
    fit_on_all,
)
from trainer.models.image.feature_maps import (
    FEATURES,
    USUAL_PX,
    Floats,
    Scale,
    detector_spec,
    on_one_grid,
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
from trainer.models.image.patch_memory import Memory, fit_memory
from trainer.models.image.score_fusion import FitByRounding, Join, fit_scorers
from trainer.models.image.synthetic_defect_head import SyntheticShare
from trainer.training.api import Architecture, Fitted, ModelOptions, Training
from trainer.training.gradient import seed_everything

if TYPE_CHECKING:
    import keras

TAPS = whole_picture.TAPS
SCORERS = ("fine", "wide")
WINDOW = 5
"""Side of the windows of the wide memory, in steps of 16 px."""

WHOLE_PART = 0.4
"""Of the distances, that of the whole picture."""


LOOKS = (
    {"prototypes": 1024, "synthetic_share": 0.3},
    {"prototypes": 256, "synthetic_share": 0.3},
    {"prototypes": 256, "synthetic_share": 0.0},
)
"""Among which a time budget chooses, each at several sizes."""


class PatchcoreOptions(ModelOptions):
    """[options] of `patchcore`."""

    OLD_NAMES: ClassVar = {"taught": "synthetic_share"}

    dimensions: int = Field(default=96, ge=4, le=128, description="features kept of each cell")
    prototypes: int = Field(
        default=1024, ge=16, le=4096, description="good cells remembered, and half as many windows"
    )
    synthetic_share: SyntheticShare = 0.3
    foreground: ForegroundChoice = "off"
    aspect: AspectChoice = "auto"
    other_light: OtherLight = True

    def shares(self) -> list[float]:
        """The share of the memories, of the whole picture, and of the defect head where it has one,
        in the heat map; the sum is 1.
        """
        own = [(1 - self.synthetic_share) * part for part in (1 - WHOLE_PART, WHOLE_PART)]
        return [*own, self.synthetic_share] if self.synthetic_share else own

    def counts(self) -> tuple[int, int]:
        """Prototypes of the fine and of the wide memory."""
        return self.prototypes, self.prototypes // 2


def spec_of(split: Split, config: FitConfig, options: PatchcoreOptions) -> ImageInput:
    """A square of 320 px, or as many pixels in the pictures' aspect; standardised."""
    return in_aspect(detector_spec(config, USUAL_PX), split, config, options.aspect)


def build(
    spec: InputSpec,
    labels: int,
    config: FitConfig,
    options: PatchcoreOptions,
    paint: Paint | None = None,
) -> keras.Model:
    """The whole graph: score (N, 1) and heat map (N, G, H, 1); the memories are still empty.

    It has a foreground where that is `on`; paint: over the background before the backbone.
    """
    from keras import layers

    del labels
    backbone = defect_head.backbone_with_head(spec, config, TAPS, options.synthetic_share, paint)
    layer = _feature_layer(backbone.shapes, with_part=options.foreground == "on")
    outputs, count = layer(backbone.taps), len(SCORERS)
    features, whole, seen = outputs[:count], outputs[count], outputs[count + 1 :]
    named = zip(features, SCORERS, options.counts(), strict=True)
    near = [_distance(one, options.dimensions, count, name) for one, name, count in named]
    larger = layers.Maximum(name=f"{FLOAT_PREFIX}larger")(near)
    heats = [larger, whole_picture.whole_heat(whole, larger.shape[1:3])]
    if options.synthetic_share:
        heats.append(defect_head.head_heat(backbone, larger.shape[1]))
    heat = mean_heat(heats, are_squares=True)
    return backbone.scored(masked_heat(heat, seen[0]) if seen else heat, "patchcore")


def fit(training: Training[PatchcoreOptions]) -> Fitted:
    """Fill the memories, scale the distances and choose the threshold by all good parts."""
    return fit_on_all(training, learn)


def learn(training: Training[PatchcoreOptions]) -> FittedDetector:
    """The same by the training inputs alone, without a threshold; no gradient."""

    seed_everything(training.config.seed)
    options, seed = training.options, training.config.seed
    fits = _fits_by_rounding(options.dimensions, options.counts(), seed)
    fits.append(whole_picture.fit_whole_by_rounding)
    chosen = choose_foreground(training, options.foreground, TAPS, _probe(training))
    options = options.model_copy(update={"foreground": "on" if chosen.ground else "off"})
    network = build(training.spec, 1, training.config, options, chosen.paint)
    if chosen.ground:
        set_ground(network, chosen.ground)
    shares, with_head = options.shares(), options.synthetic_share > 0
    folds = [*[FOLDS] * len(SCORERS), MANY_FOLDS]
    fitted = fit_scorers(
        training,
        network,
        fits,
        joined(shares),
        folds=folds,
        with_head=with_head,
        other_light=options.other_light,
        dtype=np.float16,
    )
    *remembered, whole = fitted.cells
    named = zip(
        SCORERS, options.counts(), remembered, fitted.fusion.scales[: len(SCORERS)], strict=True
    )
    for name, count, cells, scale in named:
        memory = fit_memory(cells, options.dimensions, count, seed)
        _set_memory(network, name, memory, scale)
    scale = fitted.fusion.scales[len(SCORERS)]
    whole_picture.set_whole(network, whole_picture.fit_whole(whole), scale)
    if fitted.defect_head:
        defect_head.set_head(network, fitted.defect_head, fitted.fusion.scales[-1])
    set_mean(network, shares, fitted.fusion.fused)
    if chosen.ground:
        set_floor(network, fitted.fusion.floor)
    note = f"{fitted.note()}, {sum(options.counts())} patches remembered"
    return FittedDetector(network, fitted.fusion.scores, (note, *chosen.notes))


def joined(shares: Sequence[float]) -> Join:
    """The mean of the larger distance and of the other scorers' heat, weighted by these shares."""

    def join(heats: Floats) -> Floats:
        larger = heats[: len(SCORERS)].max(axis=0, keepdims=True)
        rows = np.concatenate([larger, heats[len(SCORERS) :]])
        return weighted(rows, shares, are_squares=True)

    return join


def _fits_by_rounding(dimensions: int, counts: Sequence[int], seed: int) -> list[FitByRounding]:
    """Of each memory; rounded cells are remembered beside the others: nothing more has to be
    allowed for.
    """

    def fit_by(count: int) -> FitByRounding:
        def fit_scorer(seen: Tensor) -> Scorer:
            return fit_memory(seen, dimensions, count, seed).heat

        return lambda rounding: fit_scorer

    return [fit_by(count) for count in counts]


def _probe(training: Training[PatchcoreOptions]) -> Probe:
    """The same detector without the synthetic defect head, with a quarter of the memory and with a
    foreground.
    """
    plain = training.options.model_copy(update={"synthetic_share": 0.0, "foreground": "on"})
    counts = [max(16, count // 4) for count in plain.counts()]
    by_rounding = _fits_by_rounding(plain.dimensions, counts, training.config.seed)
    fits = [fit(0.0) for fit in (*by_rounding, whole_picture.fit_whole_by_rounding)]
    return Probe(
        lambda paint: build(training.spec, 1, training.config, plain, paint),
        fits,
        joined(plain.shares()),
    )


def _feature_layer(taps: Sequence[tuple[int, ...]], *, with_part: bool) -> keras.Model:
    """Taps -> their features in cells of 16 px, the means of windows around these, and those of the
    whole picture; with_part: where the part is seen, of which those of the whole picture then are.
    """
    import keras
    from keras import layers

    given = [keras.Input(shape) for shape in taps]
    own = defect_head.own_taps(given, TAPS)
    cells = on_one_grid([own[0], own[-1]])
    around = layers.AveragePooling2D(WINDOW, 1, padding="same", name=f"{FLOAT_PREFIX}around")(cells)
    part = [foreground_of(own)] if with_part else []
    seen = [seen_at(one, cells.shape[1]) for one in part]
    features = [cells, around, whole_picture.whole_features(own, *part), *seen]
    return keras.Model(given, features, name=FEATURES)


def _distance(
    features: keras.KerasTensor, dimensions: int, count: int, scorer: str
) -> keras.KerasTensor:
    from keras import layers

    cells = layers.Conv2D(dimensions, 1, name=f"{FLOAT_PREFIX}mix_{scorer}")(features)
    likeness = layers.Conv2D(count, 1, name=f"{FLOAT_PREFIX}memory_{scorer}")(cells)
    high, wide = cells.shape[1:3]
    rows = layers.Reshape((high * wide, count), name=f"{FLOAT_PREFIX}rows_{scorer}")(likeness)
    top = layers.GlobalMaxPooling1D(
        data_format="channels_first", name=f"{FLOAT_PREFIX}near_{scorer}"
    )
    nearest = layers.Reshape((high, wide, 1), name=f"{FLOAT_PREFIX}nearest_{scorer}")(top(rows))
    square = layers.Multiply(name=f"{FLOAT_PREFIX}square_{scorer}")([cells, cells])
    length = layers.Conv2D(1, 1, use_bias=False, name=f"{FLOAT_PREFIX}length_{scorer}")(square)
    distance = layers.Subtract(name=f"{FLOAT_PREFIX}distance_{scorer}")([length, nearest])
    return layers.Conv2D(1, 1, name=f"{FLOAT_PREFIX}scale_{scorer}")(distance)


def _set_memory(network: keras.Model, scorer: str, memory: Memory, scale: Scale) -> None:
    prototypes = memory.prototypes
    length = np.ones((1, 1, prototypes.shape[1], 1), np.float32)
    weights = {
        "mix": [memory.kernel[None, None], memory.bias],
        "memory": [2 * prototypes.T[None, None], -np.square(prototypes).sum(axis=1)],
        "length": [length],
        "scale": [np.full((1, 1, 1, 1), scale[0], np.float32), np.array([scale[1]], np.float32)],
    }
    for layer, values in weights.items():
        network.get_layer(f"{FLOAT_PREFIX}{layer}_{scorer}").set_weights(values)


def merits(several: Sequence[Training[PatchcoreOptions]]) -> Sequence[float]:
    """Small synthetic flaws found on validation parts at 1 % false rejects."""
    return merits_of(learn, several, "patchcore")


ARCHITECTURE = Architecture(
    name="patchcore",
    tasks=("image-anomaly",),
    summary="good-only, for texture and parts that lie anyhow: a memory of good patches",
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
    options=PatchcoreOptions,
)
