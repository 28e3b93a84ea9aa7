"""Every good part teaches a detector, and each is judged by one that had not seen its group.

With the parts that would else only be watched, a detector knows more; and its scale and threshold
stand on all good parts instead of a few.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from edge_agent.contracts.model.scoring import Scoring
from trainer.data.prepare import Prepared
from trainer.models.image.feature_maps import Floats
from trainer.thresholds.choose import GOOD_ONLY_FALSE_REJECT, good_quantile
from trainer.training.api import AnyOptions, Fitted, Training

if TYPE_CHECKING:
    import keras

FOLDS = 6
"""Parts of the groups that are left out in turn."""


@dataclass(frozen=True)
class Learnt:
    """A detector of the training inputs, and what others, blind to their groups, say of them.

    unseen: (2N,) scores; the first N are of what float sees, the last N of what int8 sees.
    """

    network: keras.Model
    unseen: Floats
    notes: tuple[str, ...] = ()

    def history(self) -> list[Mapping[str, float]]:
        """One row: there are no epochs."""
        return [{"epoch": 1, "good_parts": float(len(self.unseen) // 2)}]

    def fitted(self) -> Fitted:
        """The detector alone; others choose its threshold."""
        return Fitted(self.network, self.history(), self.notes)


Judge = Callable[[Floats], Floats]
"""Cells (M, ...) -> heat (M, G, G)."""

JudgeOf = Callable[[Floats], Judge]
"""Cells of good parts -> the judge that knows them."""


@dataclass(frozen=True)
class Copies:
    """of: (M,) the part each copy shows; cells: per sense (2M, ...), float first, then int8."""

    of: NDArray[np.intp]
    cells: list[Floats]


def fit_on_all(
    training: Training[AnyOptions], learn: Callable[[Training[AnyOptions]], Learnt]
) -> Fitted:
    """`learn` from training and validation inputs, with a threshold from all of them."""
    both = everything(training)
    learnt = learn(both)
    first, count = len(training.train.inputs), len(both.train.inputs)
    return replace(
        learnt.fitted(),
        scoring=own_scoring(both, learnt.unseen),
        unseen=learnt.unseen[first:count, None],
    )


def everything(training: Training[AnyOptions]) -> Training[AnyOptions]:
    """The same with the validation inputs among the training inputs, at their end."""
    first, second = training.train, training.val
    inputs = np.concatenate([first.inputs, second.inputs])
    return replace(training, train=Prepared(inputs, np.concatenate([first.sample, second.sample])))


def own_scoring(training: Training, unseen: Floats) -> Scoring:
    """A threshold by every good part's worst tile; of float and int8 the worse counts."""
    worse = unseen.reshape(2, -1).max(axis=0)
    sample = training.train.sample
    parts = np.array([worse[sample == one].max() for one in np.unique(sample)], np.float64)
    threshold, rule = good_quantile(parts, GOOD_ONLY_FALSE_REJECT)
    said = f"{rule}, each judged without its group"
    return Scoring(kind="anomaly", windows="max", threshold=threshold, chosen_by=said)


def cross_fitted_heat(
    training: Training, cells: Floats, copies: tuple[NDArray[np.intp], Floats], judge_of: JudgeOf
) -> Floats:
    """Heat (2N, G, G) of cells (2N, ...), each by the judge of the other groups' parts.

    copies: (M,) the part each copy shows, and the copies' cells (2M, ...), which teach with it.
    """
    found: list[tuple[NDArray[np.bool_], Floats]] = []
    for held in held_out(training):
        everything_held = bool(held.all())
        mask, copied = np.tile(held, 2), np.tile(held[copies[0]], 2)
        seen = [cells, copies[1]] if everything_held else [cells[~mask], copies[1][~copied]]
        found.append((mask, judge_of(np.concatenate(seen))(cells[mask])))
    heat = np.empty((len(cells), *found[0][1].shape[1:]), np.float32)
    for mask, rows in found:
        heat[mask] = rows
    return heat


def held_out(training: Training) -> list[NDArray[np.bool_]]:
    """Which training inputs are left out, turn by turn; no group is in two turns.

    Where there is one group only, the one turn holds everything.
    """
    groups = np.array(training.dataset.groups())[training.train.sample]
    names = np.random.default_rng(training.config.seed).permutation(np.unique(groups))
    folds = min(FOLDS, len(names))
    return [np.isin(groups, names[turn::folds]) for turn in range(folds)]
