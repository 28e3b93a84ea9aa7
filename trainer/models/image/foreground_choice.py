"""Whether a detector scores only where the part is: by held-out good parts and synthetic defects.

A detector of some good parts is fitted both ways; the others, as they are and with synthetic
defects on the part, rank the two. Scoring everywhere stays unless more is found without it. No
real defect and nothing of the test split takes part.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from edge_agent.contracts.core.types import Tensor
from trainer.data.class_sample import evenly
from trainer.models.image.backbone import NETWORK, scaled_rgb
from trainer.models.image.background_paint import Paint, paint_of
from trainer.models.image.cross_fitting import FitScorer, held_out
from trainer.models.image.feature_maps import (
    FEATURES,
    Floats,
    on_one_grid,
    rows_of,
    tapped_backbone,
)
from trainer.models.image.foreground import Ground, learn_ground, low_cells, set_ground
from trainer.models.image.score_fusion import Join, joined_scales
from trainer.models.image.synthetic_defects import add_defects
from trainer.models.image.weights import pretrained_of
from trainer.training.api import Training

if TYPE_CHECKING:
    import keras

MOST_LEARNT = 200
"""Good parts by which the background is learnt, evenly spaced."""

MOST_FITTED, MOST_JUDGED, FEWEST_JUDGED = 100, 50, 12
DEFECTS_A_PART = 3
ON_PART = 0.5
"""A synthetic defect counts from this share on the part on: a spot on the table is none."""

FALSE_REJECT = 0.01

Rows = Sequence[Sequence[Floats]]
"""Features, the foreground last, of the parts to fit on, of good ones and of defective ones."""


@dataclass(frozen=True)
class Probe:
    """A detector without synthetic defect head. build: its graph with a foreground
    and a paint, of which FEATURES is read; fits: of each scorer; join: of their heat.
    """

    build: Callable[[Paint | None], keras.Model]
    fits: Sequence[FitScorer]
    join: Join


@dataclass(frozen=True)
class ChosenForeground:
    """ground: None where all places are scored; paint: of places that never are, if any; notes:
    why, for the report.
    """

    ground: Ground | None
    paint: Paint | None = None
    notes: tuple[str, ...] = ()


def choose_foreground(
    training: Training, wanted: str, taps: Sequence[str], probe: Probe
) -> ChosenForeground:
    """The background to leave out; wanted: auto, on or off; taps: those of the detector."""
    if wanted == "off":
        return ChosenForeground(None)
    ground = learn_ground(_low_features(training, taps))
    if ground is None:
        return ChosenForeground(None, notes=("no background was found: all places are scored",))
    share = float(ground.uncovered.mean())
    known = f"background was found: {share:.0%} of a picture, of which "
    known += f"{ground.never_scored():.0%} of the places are far from every good part"
    paint = paint_of(ground.scored(), training.train.inputs)
    if wanted == "on":
        return ChosenForeground(ground, paint, (f"{known}; only the part is scored, as asked",))
    found = _found_both_ways(training, ground, paint, probe)
    if found is None:
        reason = "too few good parts to compare"
        return ChosenForeground(None, notes=(f"{known}; all places are scored ({reason})",))
    better = found.better()
    taken = "only the part is scored" if better else "all places are scored"
    note = (
        f"{known}; of {found.defects} synthetic defects on held-out parts {found.on_part:.2f} are "
        f"found at 1 % false rejects where only the part is scored, {found.everywhere:.2f} where "
        f"all places are: {taken}"
    )
    training.progress.say(note)
    if not better:
        return ChosenForeground(None, notes=(note,))
    return ChosenForeground(ground, paint, (note,))


@dataclass(frozen=True)
class Found:
    """Shares of synthetic defects found at 1 % false rejects. odd: of those found one way alone."""

    everywhere: float
    on_part: float
    odd: float
    defects: int

    def better(self) -> bool:
        """Whether the part alone finds more by more than the standard error of a difference of two
        shares of the same defects (McNemar, Psychometrika 12, 1947), by one more odd defect: of
        none it is not 0.
        """
        noise = math.sqrt(self.odd * self.defects + 1) / self.defects
        return self.on_part > self.everywhere + noise


def _low_features(training: Training, taps: Sequence[str]) -> Floats:
    backbone = tapped_backbone(training.spec.shape, pretrained_of(training.config), taps)
    side = on_one_grid(backbone.taps).shape[1]
    network = backbone.model([low_cells(backbone.taps[0], side)])
    inputs = training.train.inputs[evenly(np.arange(len(training.train.inputs)), MOST_LEARNT)]
    return rows_of(network, inputs, training, "the background")[0]


def _found_both_ways(
    training: Training, ground: Ground, paint: Paint | None, probe: Probe
) -> Found | None:
    folds = held_out(training)
    left_out = np.any(folds[::3], axis=0)
    judged = evenly(np.flatnonzero(left_out), MOST_JUDGED)
    fitted_on = evenly(np.flatnonzero(~left_out), MOST_FITTED)
    if len(judged) < FEWEST_JUDGED or len(fitted_on) < FEWEST_JUDGED:
        return None
    inputs = training.train.inputs
    good = inputs[judged]
    rng = np.random.default_rng(training.config.seed)
    drawn = [add_defects(good, rng) for _ in range(DEFECTS_A_PART)]
    images, masks = (np.concatenate(column) for column in zip(*drawn, strict=True))
    pictures = [inputs[fitted_on], good, images]
    network = probe.build(None)
    everywhere = [_read(network, training, one) for one in pictures]
    network = probe.build(paint) if paint else network
    set_ground(network, ground)
    part_alone = [_read(network, training, one) for one in pictures]
    shown = np.tile(part_alone[1][-1][..., 0], (DEFECTS_A_PART, 1, 1))
    counted = on_part(masks, shown)
    if counted.sum() < FEWEST_JUDGED:
        return None
    return compared(everywhere, part_alone, probe, counted)


def compared(everywhere: Rows, part_alone: Rows, probe: Probe, counted: NDArray[np.bool_]) -> Found:
    """How many of the `counted` (M,) defects each of the two finds."""
    hits = [_hits(rows, probe, counted) for rows in (everywhere, part_alone)]
    odd = float((hits[0] != hits[1]).mean())
    return Found(float(hits[0].mean()), float(hits[1].mean()), odd, len(hits[0]))


def _hits(rows: Rows, probe: Probe, counted: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Which counted defects are found at FALSE_REJECT."""
    fitted, good, bad = rows
    scorers = [fit(one) for fit, one in zip(probe.fits, fitted[:-1], strict=True)]
    heats = [
        [scorer(one) for scorer, one in zip(scorers, some[:-1], strict=True)]
        for some in (good, bad)
    ]
    fusion = joined_scales(heats[0], probe.join, good[-1][..., 0])
    scores = fusion.scores_of(heats[1], probe.join, bad[-1][..., 0])[counted]
    cut = np.quantile(fusion.scores, 1 - FALSE_REJECT, method="higher")
    return np.asarray(scores > cut)


def _read(network: keras.Model, training: Training, inputs: Tensor) -> list[Floats]:
    """Each output of FEATURES in float, the foreground last."""
    import keras

    pixels = keras.Input(training.spec.shape)
    features = network.get_layer(FEATURES)(network.get_layer(NETWORK)(scaled_rgb(pixels)))
    what = "held-out parts, all places and the part alone"
    return rows_of(keras.Model(pixels, features), inputs, training, what)


def on_part(masks: NDArray[np.bool_], seen: Floats) -> NDArray[np.bool_]:
    """Which defects (N, H, W) lie on the part (N, G, H) by ON_PART at least."""
    wider = masks.shape[1] // seen.shape[1]
    part = seen.repeat(wider, axis=1).repeat(wider, axis=2) > ON_PART
    return np.asarray((masks & part).sum(axis=(1, 2)) >= ON_PART * masks.sum(axis=(1, 2)))
