"""What judges of cells learn from good parts: from all of them, copies among them, and their scale.

A detector's judges look at the same picture by different senses. Their distances are scaled by good
parts that they were not fitted on and then joined: 0 is a usual good part, 1 a rare one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from trainer.models.image.cross_fitting import JudgeOf, cross_fitted_heat
from trainer.models.image.feature_maps import Floats, scale_of
from trainer.models.image.symmetry import symmetric_copies
from trainer.models.image.synthetic_defect_head import Weights, fit_head_on_defects
from trainer.models.layers.int8 import Sight
from trainer.training.api import Training

if TYPE_CHECKING:
    import keras

STEADY = 0.95
"""The quantile of good parts by which judges are made alike before they are joined."""

Join = Callable[[Floats], Floats]
"""Heat (K, N, G, G) of K judges -> (N, G, G); commutes with gains above 0 and with lifts."""

Scale = tuple[float, float]
"""(gain, lift)."""


def part_of(scale: Scale, share: float) -> Scale:
    """The scale of a judge that has this share of the heat."""
    gain, lift = scale
    return share * gain, share * lift


Allowing = Callable[[float], JudgeOf]
"""The variance that int8 adds to a feature of cells -> how a judge of such cells is made."""


@dataclass(frozen=True)
class Taught:
    """cells: per sense all that teaches (M, ...), and the variance that int8 adds to them.

    scales: per judge; unseen: as in Learnt; planted: weights of the judge that planted defects
    teach, the last one, where there is such.
    """

    cells: list[Floats]
    rounding: list[float]
    scales: list[Scale]
    unseen: Floats
    copies: int
    planted: Weights | None = None

    def note(self) -> str:
        """For the run: how many parts taught."""
        copies = f" and {self.copies} turned copies" if self.copies else ""
        planted = ", one judge taught by planted defects" if self.planted else ""
        return f"{len(self.unseen) // 2} good parts{copies}{planted}"


def teach(
    training: Training,
    network: keras.Model,
    judges: Sequence[Allowing],
    join: Join,
    *,
    planted: bool,
) -> Taught:
    """Features of all good parts by the layer SENSES of `network`, and the scales of its judges.

    judges: one for each sense, in their order; planted: whether there is a last one, which planted
    defects teach.
    """
    sight = Sight(network, training)
    cells = sight.twice(training.train.inputs, "good parts")
    rounding = [rounding_of(one) for one in cells]
    judges_of = [judge(noise) for judge, noise in zip(judges, rounding, strict=True)]
    copies = symmetric_copies(training, sight, cells, judges_of)
    heats = [
        cross_fitted_heat(training, one, (copies.of, copied), judge)
        for one, copied, judge in zip(cells, copies.cells, judges_of, strict=True)
    ]
    side = network.output_shape[1][1]
    lesson = fit_head_on_defects(training, sight, side) if planted else None
    heats += [lesson.heat] if lesson else []
    scales, unseen = joined_scales(heats, join)
    known = [np.concatenate(pair) for pair in zip(cells, copies.cells, strict=True)]
    weights = lesson.weights if lesson else None
    return Taught(known, rounding, scales, unseen, len(copies.of), weights)


def rounding_of(cells: Floats) -> float:
    """Mean square of what int8 changes in the features of cells (2N, ...), float rows first."""
    plain, rounded = np.split(cells, 2)
    return float(np.mean(np.square(plain - rounded)))


def joined_scales(heats: Sequence[Floats], join: Join) -> tuple[list[Scale], Floats]:
    """The scale of each judge's heat, and the scores (N,) that come of them together.

    heats: (N, G, G), (N, G, 1) or (N, 1, G) of each judge.
    Judges are first made alike by the median and the STEADY quantile of their maxima; then the
    maximum of what they say together is scaled by its median and RARE quantile.
    """
    alike = [scale_of(heat.max(axis=(1, 2)), STEADY) for heat in heats]
    pairs = zip(heats, alike, strict=True)
    scaled = np.broadcast_arrays(*[heat * gain + lift for heat, (gain, lift) in pairs])
    together = join(np.stack(scaled))
    peaks = together.max(axis=(1, 2))
    gain, lift = scale_of(peaks)
    scores = (peaks * gain + lift).astype(np.float32)
    return [(one * gain, other * gain + lift) for one, other in alike], scores
