"""Whether a detector moves each part to where one of them lies, where `[image] align` is left out.

Compared only where good training parts lie anyhow: detectors are fitted on some of them, as they
lie and moved back, and look for small synthetic flaws on good validation parts. The limit is one of
held-out good parts, so lower scores of these count as well as higher ones of flaws. Moving back
takes milliseconds of every frame: it must find clearly more.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

from trainer.config.fit import FitConfig
from trainer.console.progress import Progress
from trainer.console.stopwatch import Stopwatch
from trainer.data.class_sample import evenly
from trainer.data.image.lying import OFF_DEG, Lying, lying
from trainer.data.split import Split
from trainer.models.image.auto_anomaly import Ranking, candidates_of, rank
from trainer.models.image.small_flaws import small_flaws
from trainer.training.distributed import in_cluster
from trainer.workflow.preparation import prepare_training, resolve

ANY_TURN_DEG = 180.0

MOST_LEARNT, MOST_JUDGED = 100, 60
"""Good training and validation parts, evenly spaced, by which both are compared."""

DETECTORS = ("auto-anomaly", "padim", "patchcore")


def with_alignment(
    split: Split, config: FitConfig, progress: Progress
) -> tuple[FitConfig, tuple[str, ...]]:
    """The configuration that says whether parts are aligned, and what was compared, for the report.

    As it is, and nothing, where the configuration says so itself, where good parts lie alike or
    have no direction, for other models, and on several machines, which might not choose alike.
    """
    architecture, _ = resolve(split, config)
    if config.image.align is not None or architecture.name not in DETECTORS or in_cluster():
        return config, ()
    good = split.train[~split.dataset.is_bad()[split.train]]
    found = lying(split.dataset, good)
    if found is None or found.kind != "anyhow" or not len(split.val):
        return config, ()
    progress.say(found.sentence())
    watch = Stopwatch()
    aligned = aligning(config, found)
    few = replace(split, train=evenly(good, MOST_LEARNT), val=evenly(split.val, MOST_JUDGED))
    plain, moved = (_rankings(few, one, progress) for one in (config, aligned))
    taken = finds_clearly_more(moved, plain)
    notes = (
        found.sentence(),
        f"as they lie: {_told(plain)}; moved back: {_told(moved)}",
        "each part is moved back, which costs milliseconds of a frame"
        if taken
        else "parts are judged as they lie: moved back no clearly more is found",
    )
    progress.say(notes[1])
    progress.say(f"{notes[2]}; this took {watch}")
    return (aligned if taken else config.with_image(align=False)), notes


def aligning(config: FitConfig, found: Lying) -> FitConfig:
    """The same with alignment: at any angle where parts lie turned and no bound is configured."""
    turn_deg = config.image.align_turn_deg
    if not turn_deg and found.turn_deg > OFF_DEG:
        turn_deg = ANY_TURN_DEG
    return config.with_image(align=True, align_turn_deg=turn_deg)


def finds_clearly_more(moved: Sequence[Ranking], plain: Sequence[Ranking]) -> bool:
    """Whether the best detector of aligned parts finds more than that of parts as they lie, by more
    than a standard error of the difference.
    """
    best, usual = (max(several, key=lambda one: one.recall) for several in (moved, plain))
    return best.recall > usual.recall + math.hypot(best.error(), usual.error())


def _rankings(split: Split, config: FitConfig, progress: Progress) -> list[Ranking]:
    """How many small flaws each detector that the model may become finds."""
    architecture, filled = resolve(split, config)
    training = prepare_training(split, filled, architecture, progress)
    candidates = candidates_of(architecture.name, training.spec, filled)
    return [rank(one, training, small_flaws) for one in candidates]


def _told(rankings: Sequence[Ranking]) -> str:
    found = [f"{one.candidate.name} {one.recall:.0%}" for one in rankings]
    return f"{', '.join(found)} of {rankings[0].defects} small synthetic flaws found at 1 %"
