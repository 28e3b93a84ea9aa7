"""How many small flaws a detector could find at a size of its input, without being fitted.

The same stand-ins as in a trial of alignment learn some good parts as the input shows them and
judge others, as they are and with small synthetic flaws, which are the same at every size.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from edge_agent.contracts.core.types import Tensor
from trainer.data.class_sample import evenly
from trainer.models.image.alignment_trial import (
    MOST_JUDGED,
    MOST_LEARNT,
    Shown,
    find_flaws,
    rounds_of_flaws,
)
from trainer.models.image.small_flaws import small_flaws
from trainer.models.image.trial_features import reader
from trainer.training.api import AnyOptions, Training

CHANCE = 0.1
"""By so much two shares of LEAST_FLAWS flaws differ by chance: a standard error of the difference
where half of them are found.
"""


def flaws_seen(training: Training[AnyOptions], names: Sequence[str]) -> float:
    """The share of small flaws that the best of these detectors' stand-ins finds at 1 % false
    rejects; not a number on random weights, and where no good part is left to be judged.
    """
    learnt, judged = parts_of_trial(training)
    if training.config.weights == "none" or not len(judged):
        return math.nan
    seed = training.config.seed
    rng = np.random.default_rng(seed)
    rounds = range(rounds_of_flaws(len(judged)))
    flawed = np.concatenate([small_flaws(judged, rng) for _ in rounds])
    shown = Shown(*(one[:, None] for one in (learnt, judged, flawed)))
    read = reader(training.spec.shape, training.config, training.progress, "trial of size")
    return max(one.recall for one in find_flaws(shown, names, read, seed))


def parts_of_trial(
    training: Training[AnyOptions], most: tuple[int, int] = (MOST_LEARNT, MOST_JUDGED)
) -> tuple[Tensor, Tensor]:
    """Pictures that are learnt and others, uint8 (N, H, W, C): of the training groups and of the
    validation groups, with further training pictures where these are few; most: of each.
    """
    inputs, count = training.train.inputs, len(training.train.inputs)
    learnt = evenly(np.arange(count), most[0])
    spare = np.setdiff1d(np.arange(count), learnt)
    judged = training.val.inputs[evenly(np.arange(len(training.val.inputs)), most[1])]
    further = inputs[evenly(spare, most[1] - len(judged))] if len(spare) else inputs[:0]
    return inputs[learnt], np.concatenate([judged, further])
