"""How a network looks at a picture where no budget says so: its size, aspect and views.

What a model offers is compared by what it is worth on training samples alone, out of fold. The
first look stays unless another is better by more than one sample of the rarest class, and by more
than chance.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from edge_agent.contracts.core.strict import validate
from trainer.config.fit import FitConfig
from trainer.console.progress import Progress
from trainer.data.class_sample import evenly_by_class, worth_of_one
from trainer.data.split import Split
from trainer.training.api import Architecture, Look
from trainer.training.distributed import in_cluster
from trainer.workflow.preparation import prepare_training, resolve

MOST_COMPARED = 400
"""Training samples by which looks are compared."""

MOST_JUDGED = 60
"""Validation samples beside them, on which a detector's synthetic flaws are drawn."""

ROUNDING = 1e-9


def with_usual_look(split: Split, config: FitConfig, progress: Progress) -> FitConfig:
    """The configuration with the look that is best on training samples; as it is where the model
    offers none. Machines of a cluster take the first look, because each would choose for itself.
    """
    architecture, filled = resolve(split, config)
    if architecture.usual_looks is None:
        return config
    options = validate(architecture.options, filled.options, "options")
    looks = architecture.usual_looks(split, filled, options)
    if len(looks) == 1 or in_cluster() or architecture.merits is None:
        return looks[0].config
    few = thinned(split)
    worth = [_worth(few, look, architecture, progress) for look in looks]
    one_sample = worth_of_one(few.dataset.targets()[few.train])
    chosen = best_look(looks, worth, max(one_sample, architecture.merit_chance))
    progress.say(f"looks at {chosen.name} ({_told(looks, worth, architecture.merit_name)})")
    return chosen.config


def best_look(looks: Sequence[Look], worth: Sequence[float], one_sample: float) -> Look:
    """The best one, where it is better than the first by more than one sample counts; else the
    first, also where some look could not be compared.

    One that is cheaper and seems equal by 400 samples does not replace it: on a fold each of
    magnetic tiles and castings one larger view made twice as many mistakes as four views.
    """
    if any(math.isnan(value) for value in worth):
        return looks[0]
    best, look = max(zip(worth, looks, strict=True), key=lambda pair: pair[0])
    return look if best > worth[0] + one_sample + ROUNDING else looks[0]


def _told(looks: Sequence[Look], worth: Sequence[float], merit_name: str) -> str:
    if any(math.isnan(value) for value in worth):
        return (
            "looks could not be compared, as a class has training samples of one group only: "
            "take pictures of more groups, or set size_px and tta_views"
        )
    shares = [f"{look.name} {value:.1%}" for look, value in zip(looks, worth, strict=True)]
    return f"{merit_name}: {', '.join(shares)}"


def _worth(split: Split, look: Look, architecture: Architecture[Any], progress: Progress) -> float:
    if architecture.merits is None:
        return math.nan
    _, config = resolve(split, look.config)
    training = prepare_training(split, config, architecture, progress)
    return architecture.merits([training])[0]


def thinned(split: Split) -> Split:
    """Up to MOST_COMPARED training samples and MOST_JUDGED validation samples."""
    targets = split.dataset.targets()
    few = evenly_by_class(targets[split.train], MOST_COMPARED)
    if not len(split.val):
        return replace(split, train=split.train[few])
    judged = evenly_by_class(targets[split.val], MOST_JUDGED)
    return replace(split, train=split.train[few], val=split.val[judged])
