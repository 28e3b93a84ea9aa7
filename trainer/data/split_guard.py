"""No score from a split that copies leak through: regroup, refuse, or judge the copies apart."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np

from edge_agent.contracts.core.errors import DatasetError
from edge_agent.contracts.run_folder.metrics import CopyGroup
from trainer.config.fit import FitConfig
from trainer.console.progress import Progress
from trainer.data.image.near_duplicates import (
    GROUP,
    CopySurvey,
    copied_samples,
    cut_groups,
    survey_copies,
    with_proposed_groups,
)
from trainer.data.samples import Dataset, Indices
from trainer.data.split import Split, plan_split, refuse_single_label

WAIVER = "shared-copies"
MOST_SAMPLES = 20_000
"""Larger sets are searched only when asked: the search compares all pairs."""


@dataclass(frozen=True)
class GuardedSplit:
    """The split to fit and to report on.

    copied: held-out samples of the split as given that have a copy in training, where the waiver
    was given; they are in no part of `split`. survey: what the search for copies found; largest:
    its largest groups.
    """

    split: Split
    findings: tuple[str, ...]
    survey: CopySurvey | None = None
    copied: Indices = field(default_factory=lambda: np.empty(0, np.intp))
    largest: tuple[CopyGroup, ...] = ()


def guard(
    dataset: Dataset, config: FitConfig, allow: list[str], progress: Progress
) -> GuardedSplit:
    """Plan the split of `dataset` and see that no copy straddles it.

    `--group near_duplicates`, or no groups given: the copies become the groups. A given train and
    test split that cuts copies: DatasetError, or with `shared-copies` in `allow` that split without
    the held-out samples that have a copy in training; DatasetError where all have one.
    Groups or folds that somebody named are kept, and what they cut is reported.
    """
    found = _guard(dataset, config, allow, progress)
    largest = found.survey.largest(dataset) if found.survey else []
    return replace(found, largest=tuple(largest))


def _guard(
    dataset: Dataset, config: FitConfig, allow: list[str], progress: Progress
) -> GuardedSplit:
    refuse_single_label(dataset)
    if config.group == GROUP:
        copies = survey_copies(dataset, progress)
        grouped = plan_split(with_proposed_groups(dataset, copies), config)
        return GuardedSplit(grouped, (), copies)
    if dataset.config.kind != "image" or len(dataset.samples) > MOST_SAMPLES:
        return GuardedSplit(plan_split(dataset, config), ())
    if dataset.config.group or dataset.config.fold:
        # What cannot be split is refused before the minutes of a search.
        split = plan_split(dataset, config)
        copies = survey_copies(dataset, progress)
        cut = cut_groups(split, copies.groups)
        note = "the groups were given; still " + cut.sentence() if cut else copies.sentence()
        return GuardedSplit(split, (note,), copies)
    copies = survey_copies(dataset, progress)
    return _guard_free(dataset, config, copies, waived=WAIVER in allow)


def _guard_free(
    dataset: Dataset, config: FitConfig, copies: CopySurvey, *, waived: bool
) -> GuardedSplit:
    """The split of images of which nobody named groups or folds."""
    naive = plan_split(dataset, config)
    given = any(sample.split == "test" for sample in dataset.samples)
    cut = cut_groups(naive, copies.groups)
    if cut is None:
        return GuardedSplit(naive, (copies.sentence(),), copies)
    if given and not waived:
        raise DatasetError(
            cut.sentence(),
            where=str(dataset.root),
            cure=f"--group {GROUP} splits by the copies; --allow {WAIVER} judges them apart",
        )
    if given:
        return _waived(dataset, config, copies)
    grouped = plan_split(with_proposed_groups(dataset, copies), config)
    regrouped = (
        f"a split without groups would have put a copy of {cut.shared} of {cut.test} held-out "
        f"samples into training, for example {cut.example[0]} and {cut.example[1]}; it was not "
        "used: the samples reported here are split by groups of copies"
    )
    return GuardedSplit(grouped, (regrouped, copies.sentence()), copies)


def _waived(dataset: Dataset, config: FitConfig, copies: CopySurvey) -> GuardedSplit:
    """The given split, its validation taken by groups of copies, its copied test samples apart."""
    split = plan_split(with_proposed_groups(dataset, copies, given_split=True), config)
    cut, copied = cut_groups(split, copies.groups), copied_samples(split, copies.groups)
    if cut is None:
        return GuardedSplit(split, (copies.sentence(),), copies)
    test = np.setdiff1d(split.test, copied)
    if not len(test):
        raise DatasetError(
            f"all {len(copied)} held-out samples have a copy in training or validation",
            where=str(dataset.root),
            cure=f"--group {GROUP} splits by the copies",
        )
    apart = f"{len(copied)} held-out samples with a copy in training judged apart"
    split = replace(split, test=test, protocol=f"{split.protocol}; {apart}")
    return GuardedSplit(split, (f"by the given split {cut.sentence()}",), copies, copied)


def column_of(config: FitConfig) -> str | None:
    """The group column to read from the data set's files; None for the copies to be found."""
    return None if config.group == GROUP else config.group
