"""Whether small parts are cut out of large frames, where `[image] cut_out` is left out.

Only where nearly all good training pictures show one whole part on a calm ground, whose box has at
most half of the frame's pixels. Cutting out shows more detail, and takes milliseconds and frames
in which no part is found: it must be worth clearly more on training samples.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from edge_agent.contracts.core.errors import ConfigError
from edge_agent.contracts.core.strict import validate
from edge_agent.contracts.image.cut_out import CutOut
from edge_agent.contracts.image.input import ImageInput, Region
from trainer.config.fit import FitConfig
from trainer.console.progress import Progress
from trainer.console.stopwatch import Stopwatch
from trainer.data.class_sample import worth_of_one
from trainer.data.image.part_boxes import box_of_good, seen_in, shows_a_part, small_box
from trainer.data.image.region_of_interest import framed, good_of, good_training, region_of
from trainer.data.split import Split
from trainer.models.image.alignment_trial import find_flaws, shown_by
from trainer.models.image.auto_anomaly import candidates_of
from trainer.models.image.size_trial import CHANCE
from trainer.models.image.synthetic_defects import SIZED_KINDS
from trainer.models.image.trial_features import reader
from trainer.training.distributed import in_cluster
from trainer.workflow.alignment_look import DETECTORS
from trainer.workflow.preparation import prepare_training, resolve
from trainer.workflow.usual_look import thinned

BY_FLAWS = (*DETECTORS, "local")
COMPARED = (*BY_FLAWS, "transfer")


def with_cut_out(
    split: Split, config: FitConfig, progress: Progress
) -> tuple[Split, FitConfig, tuple[str, ...]]:
    """The split without training pictures that show no part, the configuration that says whether
    parts are cut out, and what was found, for the report.

    As they are where the configuration says no, for other models and data, with a time budget, and
    on several machines, which might not choose alike. Raises ConfigError where cut_out is set and
    good pictures show no part that could be cut out, or all pictures of another label show none.
    """
    if split.dataset.config.kind != "image" or config.image.cut_out is False:
        return split, config, ()
    if config.image.cut_out:
        few, note = without_lost(split, config, progress)
        if fault := _unlearnt(split, few):
            raise ConfigError(
                fault,
                where="[image] cut_out",
                cure="take those labels out of the data set, or leave cut_out out",
            )
        for one in note:
            progress.say(one)
        return few, config.with_image(align=False), note
    if not _may_be_compared(split, config):
        return split, config, ()
    return _compared(split, config, progress)


def with_parts(split: Split, config: FitConfig, progress: Progress) -> Split:
    """The split as a fit learns it where cut_out is set; as it is elsewhere."""
    is_set = config.image.cut_out and split.dataset.config.kind == "image"
    return without_lost(split, config, progress)[0] if is_set else split


def without_lost(
    split: Split, config: FitConfig, progress: Progress
) -> tuple[Split, tuple[str, ...]]:
    """The split whose training and validation pictures show a part that is cut out, and how many
    did not. The box of those that are left holds each of them.
    """
    few, region = split, region_of(config)
    while _count(fewer := _with_a_part(few, region, progress)) < _count(few):
        few = fewer
    pairs = ((split.train, few.train), (split.val, few.val))
    gone = [one for whole, left in pairs for one in whole[~np.isin(whole, left)]]
    if not gone:
        return split, ()
    lost = [split.dataset.samples[int(one)].path for one in gone]
    named = ", ".join(lost[:3]) + (", ..." if len(lost) > 3 else "")
    note = f"{len(lost)} training pictures show no whole single part and are left out: {named}"
    return few, (note,)


def _with_a_part(split: Split, region: Region, progress: Progress) -> Split:
    """The training and validation pictures that show a part as the good ones of them do."""
    box = box_of_good(split.dataset, good_training(split), region)
    kept = []
    with progress.steps("looking for parts", _count(split)) as bar:
        for side in (split.train, split.val):
            found = np.zeros(len(side), np.bool_)
            for row, one in enumerate(side):
                found[row] = shows_a_part(seen_in(split.dataset, int(one), region), box)
                bar.advance()
            kept.append(side[found])
    return replace(split, train=kept[0], val=kept[1])


def _learnt_of(
    split: Split, cut: FitConfig, progress: Progress
) -> tuple[Split, tuple[str, ...], str]:
    """What without_lost gives, and why a model cannot learn what is left; "" where it can."""
    try:
        few, lost = without_lost(split, cut, progress)
    except ConfigError as error:
        return split, (), error.what
    return few, lost, _unlearnt(split, few)


def _count(split: Split) -> int:
    return len(split.train) + len(split.val)


def _unlearnt(split: Split, few: Split) -> str:
    """What could not be learnt of the pictures that are left; "" where all can."""
    dataset, targets = split.dataset, split.dataset.targets()
    gone = set(targets[split.train]) - set(targets[few.train])
    if gone:
        names = ", ".join(dataset.labels[int(one)] for one in sorted(gone))
        return f"no training picture of {names} shows one whole part"
    if len(split.val) and not len(few.val):
        return "no validation picture shows one whole part"
    return ""


def _compared(
    split: Split, config: FitConfig, progress: Progress
) -> tuple[Split, FitConfig, tuple[str, ...]]:
    box = small_box(split.dataset, good_training(split), region_of(config))
    plain = config.with_image(cut_out=False)
    if box is None:
        return split, plain, ()
    watch = Stopwatch()
    cut = config.with_image(cut_out=True, align=False)
    found = f"parts are small in their frames: {box.sentence()}"
    progress.say(found)
    few, lost, fault = _learnt_of(split, cut, progress)
    if fault:
        note = f"whole frames are judged: {fault}"
        progress.say(note)
        return split, plain, (found, note)
    with_frame, with_box = _worths(few, (plain, cut), box, progress)
    taken = with_box > with_frame + _clearly(few, config)
    compared = f"worth on training samples: whole frames {with_frame:.0%}, cut out {with_box:.0%}"
    notes = (
        f"{found}; {compared}",
        "each part is cut out, which costs milliseconds of a frame; a frame without one whole part "
        "gets no verdict"
        if taken
        else "whole frames are judged: cut out they are not clearly worth more",
    )
    progress.say(f"{compared}: {notes[1]}; this took {watch}")
    for one in lost if taken else ():
        progress.say(one)
    return (few, cut, (*notes, *lost)) if taken else (split, plain, notes)


def _worths(
    split: Split, configs: Sequence[FitConfig], box: CutOut, progress: Progress
) -> list[float]:
    """Of a detector the share of synthetic flaws that stand-ins find as the first look shows them;
    of a classifier the share of training samples that are told right out of fold, as the better of
    the first look and the last shows them, which keeps the aspect of long boxes.
    """
    if resolve(split, configs[0])[0].name in BY_FLAWS:
        return _flaws_found(split, configs, box, progress)
    few = thinned(split)
    return [
        max(_told_right(few, look, progress) for look in _ends(_looks(few, config)))
        for config in configs
    ]


def _told_right(split: Split, config: FitConfig, progress: Progress) -> float:
    architecture, config = resolve(split, config)
    if architecture.merits is None:
        return math.nan
    return architecture.merits([prepare_training(split, config, architecture, progress)])[0]


def _flaws_found(
    split: Split, configs: Sequence[FitConfig], box: CutOut, progress: Progress
) -> list[float]:
    """By the best stand-in of those that the model may become, on good parts alone; flaws are drawn
    on frames with as much detail as the box is seen with.
    """
    dataset = split.dataset
    good = replace(split, train=good_of(dataset, split.train), val=good_of(dataset, split.val))
    specs, names = [], []
    for one in configs:
        architecture, config = resolve(split, _looks(split, one)[0])
        options = validate(architecture.options, config.options, "options")
        spec = framed(architecture.spec_of(split, config, options), split, config)
        if isinstance(spec, ImageInput):
            specs.append(spec)
            names.append([one.name for one in candidates_of(architecture.name, spec, config)])
    detail = math.sqrt(math.prod(specs[-1].shape[:2]) / (box.along * box.across))
    seed = configs[0].seed
    found = []
    several = shown_by(good, specs, seed, SIZED_KINDS, detail)
    for shown, spec, named in zip(several, specs, names, strict=True):
        read = reader(spec.shape, resolve(split, configs[0])[1], progress, "trial of cutting out")
        found.append(max(one.recall for one in find_flaws(shown, named, read, seed)))
    return found


def _looks(split: Split, config: FitConfig) -> list[FitConfig]:
    """The configuration as each look of its model fills it in."""
    architecture, filled = resolve(split, config)
    if architecture.usual_looks is None:
        return [filled]
    options = validate(architecture.options, filled.options, "options")
    return [look.config for look in architecture.usual_looks(split, filled, options)]


def _ends(several: Sequence[FitConfig]) -> Sequence[FitConfig]:
    """The first one, and the last one where that is another."""
    return [*several[:1], *several[1:][-1:]]


def _clearly(split: Split, config: FitConfig) -> float:
    """By so much two worths differ by more than chance."""
    architecture, _ = resolve(split, config)
    if architecture.name in BY_FLAWS:
        return CHANCE
    few = thinned(split)
    return worth_of_one(few.dataset.targets()[few.train])


def _may_be_compared(split: Split, config: FitConfig) -> bool:
    table = config.image
    one_frame = table.tile_rows == table.tile_columns == 1 and not table.align
    if table.fit != "stretch" or not one_frame:
        return False
    if config.budget or config.weights == "none" or in_cluster():
        return False
    return resolve(split, config)[0].name in COMPARED and len(split.val) > 0
