"""Whether a detector moves each part to where one of them lies, where `[image] align` is left out.

Compared only where good training parts lie anyhow: stand-ins of detectors learn some of them, as
they lie and moved back, and look for small synthetic flaws on good validation parts. The limit is
one of held-out good parts, so lower scores of these count as well as higher ones of flaws. Moving
back takes milliseconds of every frame: it must find clearly more.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

from edge_agent.contracts.core.strict import validate
from edge_agent.contracts.image.input import ImageInput
from trainer.config.fit import FitConfig
from trainer.console.progress import Progress
from trainer.console.stopwatch import Stopwatch
from trainer.data.image.lying import OFF_DEG, Lying, lying
from trainer.data.image.region_of_interest import framed
from trainer.data.prepare import InputSpec
from trainer.data.split import Split
from trainer.models.image.alignment_trial import find_flaws, shown_by
from trainer.models.image.aspect import STEP
from trainer.models.image.auto_anomaly import Ranking, candidates_of
from trainer.models.image.trial_features import TRIAL_PX, reader
from trainer.training.distributed import in_cluster
from trainer.workflow.preparation import resolve

ANY_TURN_DEG = 180.0

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
    plain, moved = _rankings(replace(split, train=good), (config, aligned), progress)
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


def _rankings(
    split: Split, configs: Sequence[FitConfig], progress: Progress
) -> list[list[Ranking]]:
    """How many small flaws each detector that the model may become finds, by each configuration;
    split: of good parts alone.
    """
    architecture, filled = resolve(split, configs[0])
    options = validate(architecture.options, filled.options, "options")
    own = architecture.spec_of(split, filled, options)
    candidates = candidates_of(architecture.name, own, filled)
    names = [one.name for one in candidates]
    small = _smaller(own)
    read = reader(small.shape, filled, progress, "trial of alignment")
    specs = [framed(small, split, config) for config in configs]
    pictures = [spec for spec in specs if isinstance(spec, ImageInput)]
    several = []
    for shown in shown_by(split, pictures, filled.seed):
        found = find_flaws(shown, names, read, filled.seed)
        pairs = zip(candidates, found, strict=True)
        several.append([Ranking(one, of.auroc, of.recall, of.defects) for one, of in pairs])
    return several


def _smaller(own: InputSpec) -> InputSpec:
    """The same aspect in about TRIAL_PX squared pixels, where it has more."""
    sides = own.shape[:2]
    factor = min(1.0, TRIAL_PX / math.sqrt(math.prod(sides)))
    high, wide = (max(STEP, round(side * factor / STEP) * STEP) for side in sides)
    return own.model_copy(update={"height_px": high, "width_px": wide})


def _told(rankings: Sequence[Ranking]) -> str:
    found = [f"{one.candidate.name} {one.recall:.0%}" for one in rankings]
    return f"{', '.join(found)} of {rankings[0].defects} small synthetic flaws found at 1 %"
