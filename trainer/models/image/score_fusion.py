"""Fit the anomaly scorers of a detector on good parts, calibrate their scales and fuse them.

The scorers of a detector read different features of the same image. Each one's heat is scaled by
good parts that it was not fitted on; then they are joined, and 0 is a typical good part, 1 a rare
one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import DTypeLike

from trainer.models.image.cross_fitting import FitScorer, cross_fitted_heat
from trainer.models.image.feature_maps import FEATURES, Floats, Scale, scale_of
from trainer.models.image.foreground import masked
from trainer.models.image.symmetry import varied_copies
from trainer.models.image.synthetic_defect_head import FEATURES as OF_HEAD
from trainer.models.image.synthetic_defect_head import Weights, fit_head_on_defects
from trainer.models.layers.int8 import FeatureReader
from trainer.training.api import Training

if TYPE_CHECKING:
    import keras

STEADY = 0.95
"""The quantile of good parts by which the scales of the scorers are matched before the fusion."""

Join = Callable[[Floats], Floats]
"""Scaled heat (K, N, G, H) of K scorers -> (N, G, H)."""

FitByRounding = Callable[[float], FitScorer]
"""The variance that int8 adds to the features of cells -> what fits a scorer on such cells."""


@dataclass(frozen=True)
class Fusion:
    """scales: of each scorer's heat; fused: of their fused heat; scores: (N,); floor: the scaled
    heat of places without a part, which is the least of all parts.
    """

    scales: list[Scale]
    fused: Scale
    scores: Floats
    floor: float

    def scores_of(self, heats: Sequence[Floats], join: Join, seen: Floats | None) -> Floats:
        """The scores (M,) of other parts' heat by the same scales."""
        gain, lift = self.fused
        together = joined_heat(heats, self.scales, join) * gain + lift
        shown = together if seen is None else masked(together, seen, self.floor)
        return np.asarray(shown.max(axis=(1, 2)), np.float32)


@dataclass(frozen=True)
class FittedScorers:
    """What the scorers of a detector are built from.

    cells: all training features (M, ...) of each scorer; rounding: the variance that int8 adds to
    them; fusion: of their cross-fitted heat; copies: how many are turned or under another light;
    defect_head: the weights of the synthetic defect head, which is the last scorer, or None.
    """

    cells: list[Floats]
    rounding: list[float]
    fusion: Fusion
    copies: int
    defect_head: Weights | None = None

    def note(self) -> str:
        """Return how many parts the scorers were fitted on, for the report of the run."""
        copies = f" and {self.copies} copies" if self.copies else ""
        head = ", one scorer fitted on synthetic defects" if self.defect_head else ""
        return f"{len(self.fusion.scores) // 2} good parts{copies}{head}"


def fit_scorers(
    training: Training,
    network: keras.Model,
    scorers: Sequence[FitByRounding],
    join: Join,
    *,
    folds: Sequence[int],
    with_head: bool,
    other_light: bool,
    dtype: DTypeLike = np.float32,
) -> FittedScorers:
    """Compute the features of all good parts by layer FEATURES of `network`, and fit the scales.

    scorers: one for each output of that layer, in its order; one more output is the foreground;
    folds: each is cross-fitted in; with_head: the last scorer is the synthetic defect head;
    other_light: good parts are learnt under other light too; dtype: of the features that are kept.
    """
    reader = FeatureReader(network, training, dtype=dtype)
    layers = {FEATURES: dtype, **({OF_HEAD: np.float16} if with_head else {})}
    cells, *for_head = reader.read_both_of(training.train.inputs, "good parts", layers)
    cells, part = cells[: len(scorers)], cells[len(scorers) :]
    rounding = [rounding_of(one) for one in cells]
    fits = [fit_by(noise) for fit_by, noise in zip(scorers, rounding, strict=True)]
    copies = varied_copies(training, reader, cells, fits, other_light=other_light)
    heats = [
        cross_fitted_heat(training, one, (copies.of, copied), fit, turns)
        for one, copied, fit, turns in zip(cells, copies.cells, fits, folds, strict=True)
    ]
    grid = network.output_shape[1][1:3]
    head = None
    if for_head:
        head = fit_head_on_defects(training, reader, for_head[0], grid, other_light=other_light)
    heats += [head.heat] if head else []
    fusion = joined_scales(heats, join, part[0][..., 0] if part else None)
    all_cells = [np.concatenate(pair) for pair in zip(cells, copies.cells, strict=True)]
    weights = head.weights if head else None
    return FittedScorers(all_cells, rounding, fusion, len(copies.of), weights)


def rounding_of(cells: Floats) -> float:
    """Mean square of what int8 changes in the features of cells (2N, ...), float rows first."""
    plain, rounded = np.split(cells, 2)
    return float(np.mean(np.square(plain - rounded)))


def joined_scales(heats: Sequence[Floats], join: Join, seen: Floats | None = None) -> Fusion:
    """Return the scale of each scorer's heat, that of the fused heat, and its scores.

    heats: (N, G, H), (N, G, 1) or (N, 1, G) of each scorer; seen: (N, G, H) from 0, where there is
    no part, to 1, or None where all is part.
    The scorers are first matched by the median and the STEADY quantile of their maxima; then the
    maximum of the fused heat is scaled by its median and its RARE quantile.
    """
    scales = [scale_of(_shown(heat, seen).max(axis=(1, 2)), STEADY) for heat in heats]
    together = joined_heat(heats, scales, join)
    floor = float(together.min())
    peaks = _shown(together, seen).max(axis=(1, 2))
    gain, lift = scale_of(peaks)
    scores = (peaks * gain + lift).astype(np.float32)
    return Fusion(scales, (gain, lift), scores, floor * gain + lift)


def joined_heat(heats: Sequence[Floats], scales: Sequence[Scale], join: Join) -> Floats:
    """The fused heat (N, G, H) of the scaled heat of each scorer."""
    pairs = zip(heats, scales, strict=True)
    return join(np.stack(np.broadcast_arrays(*[heat * by + lift for heat, (by, lift) in pairs])))


def _shown(heat: Floats, seen: Floats | None) -> Floats:
    """Heat of places as cold as the coldest where there is no part; that of a picture stays."""
    if seen is None or heat.shape[1:] != seen.shape[1:]:
        return heat
    return masked(heat, seen, float(heat.min()))
