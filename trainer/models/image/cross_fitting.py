"""Cross-fitting: each group of good parts is scored by a model that was fitted without that group.

So validation parts can be used for fitting too, and the scale and the threshold rest on all good
parts instead of a few.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from edge_agent.contracts.core.types import Tensor
from edge_agent.contracts.model.scoring import Scoring
from trainer.data.prepare import Prepared
from trainer.models.image.feature_maps import Floats, inputs_with_defects
from trainer.thresholds.choose import GOOD_ONLY_FALSE_REJECT
from trainer.thresholds.good_parts import GoodParts, good_parts
from trainer.training.api import AnyOptions, Fitted, Training

if TYPE_CHECKING:
    import keras

FOLDS = 6
"""Parts of the groups that are left out in turn."""

MANY_FOLDS = 24
"""The same of scorers that estimate a covariance, which takes a fraction of a second. So many
features are known better by every part: those who lack a sixth of the groups find the others
farther away than the detector that ships does. On simulated parts of 15 lots the median of a whole
picture was 0.49 of the way from a typical to a rare one too high by six folds, 0.24 by one for each
lot; memories of cells, and the synthetic defect head, were hardly affected.
"""


@dataclass(frozen=True)
class FittedDetector:
    """A detector that was fitted on all training inputs, and their cross-fitted scores.

    cross_fitted: (2N,) scores; the first N are of float features, the last N of int8 features.
    """

    network: keras.Model
    cross_fitted: Floats
    notes: tuple[str, ...] = ()

    def history(self) -> list[Mapping[str, float]]:
        """One row: there are no epochs."""
        return [{"epoch": 1, "good_parts": float(len(self.cross_fitted) // 2)}]

    def fitted(self) -> Fitted:
        """The detector without a threshold, which the validation scores then choose."""
        return Fitted(self.network, self.history(), self.notes)


@dataclass(frozen=True)
class OwnCut:
    """A threshold from cross-fitted good parts, and these parts."""

    scoring: Scoring
    parts: GoodParts


Scorer = Callable[[Floats], Floats]
"""Cells (M, ...) -> heat (M, G, H)."""

FitScorer = Callable[[Floats], Scorer]
"""Cells of good parts -> the scorer that is fitted on them."""


@dataclass(frozen=True)
class Copies:
    """of: (M,) the part of each copy; cells: of each scorer (2M, ...), float first, then int8."""

    of: NDArray[np.intp]
    cells: list[Floats]


def fit_on_all(
    training: Training[AnyOptions], learn: Callable[[Training[AnyOptions]], FittedDetector]
) -> Fitted:
    """`learn` from training and validation inputs, with a threshold from all of them."""
    both = with_validation(training)
    detector = learn(both)
    first, count = len(training.train.inputs), len(both.train.inputs)
    fitted, cut = detector.fitted(), own_cut(both, detector.cross_fitted)
    return replace(
        fitted,
        scoring=cut.scoring,
        good_parts=cut.parts,
        cross_fitted=detector.cross_fitted[first:count, None],
    )


def with_validation(training: Training[AnyOptions]) -> Training[AnyOptions]:
    """The same with the validation inputs among the training inputs, at their end."""
    first, second = training.train, training.val
    inputs = np.concatenate([first.inputs, second.inputs])
    return replace(training, train=Prepared(inputs, np.concatenate([first.sample, second.sample])))


def calibration_of_fit(training: Training, fitted: Fitted) -> Tensor:
    """The inputs by which `fit_on_all` saw int8: the station's int8 network must round alike.

    Other inputs give other ranges. Where good parts hardly differ, the distances are fitted on what
    this one rounding does to each feature, and take that of another for a defect.
    """
    del fitted
    return inputs_with_defects(with_validation(training))


def own_cut(training: Training, cross_fitted: Floats) -> OwnCut:
    """A threshold by every good part's worst tile; of float and int8 the worse counts."""
    worse = cross_fitted.reshape(2, -1).max(axis=0)
    sample = training.train.sample
    parts = np.unique(sample)
    scores = np.array([worse[sample == one].max() for one in parts], np.float64)
    groups = training.dataset.groups()
    named = [groups[one] for one in parts]
    found, rule = good_parts(parts, scores, GOOD_ONLY_FALSE_REJECT, named, cross_fitted=True)
    scoring = Scoring(
        kind="anomaly",
        windows="max",
        threshold=found.threshold,
        chosen_by=f"{rule}; each scored without its group",
    )
    return OwnCut(scoring, found)


def cross_fitted_heat(
    training: Training,
    cells: Floats,
    copies: tuple[NDArray[np.intp], Floats],
    fit_scorer: FitScorer,
    folds: int = FOLDS,
) -> Floats:
    """Heat (2N, G, H) of cells (2N, ...), each by the scorer of the other groups' parts.

    copies: (M,) the part of each copy, and the cells (2M, ...) of the copies, which are left out
    together with their part. folds: as in held_out.
    """
    judged: list[tuple[NDArray[np.bool_], Floats]] = []
    for left_out in held_out(training, folds):
        all_left_out = bool(left_out.all())
        mask, copied = np.tile(left_out, 2), np.tile(left_out[copies[0]], 2)
        fitted_on = [cells, copies[1]] if all_left_out else [cells[~mask], copies[1][~copied]]
        judged.append((mask, fit_scorer(np.concatenate(fitted_on))(cells[mask])))
    heat = np.empty((len(cells), *judged[0][1].shape[1:]), np.float32)
    for mask, rows in judged:
        heat[mask] = rows
    return heat


def held_out(training: Training, folds: int = FOLDS) -> list[NDArray[np.bool_]]:
    """Which training inputs are left out, turn by turn; no group is in two turns.

    folds: as many turns, where there are as many groups. Where there is one group only, the one
    turn holds everything.
    """
    groups = np.array(training.dataset.groups())[training.train.sample]
    names = np.random.default_rng(training.config.seed).permutation(np.unique(groups))
    folds = min(folds, len(names))
    return [np.isin(groups, names[turn::folds]) for turn in range(folds)]
