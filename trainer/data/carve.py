"""Validation samples out of the training samples, by groups or by time; labels cut by time."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from edge_agent.contracts.core.errors import LinesideError
from trainer.config.fit import FitConfig
from trainer.data.group_folds import group_folds, groups_per_label, never_learnt
from trainer.data.prepare import read_durations
from trainer.data.samples import Dataset, Sample

GAP = 0.01
"""Part of a recording left out between two stretches of it, so that they share no window."""

LEAST_S = 1.0
"""A shorter stretch of a recording would shorten the windows of all."""

Condition = Callable[[Sample], str]
"""The value of the condition that a sample was taken under; empty where it has none."""


@dataclass(frozen=True)
class Carved:
    """The data set, its recordings perhaps cut; train, val, test or "" for every sample; and how
    it was done where that has to be said.
    """

    dataset: Dataset
    names: list[str]
    how: str = ""


def carve_val(dataset: Dataset, names: Sequence[str], config: FitConfig) -> Carved:
    """Validation groups taken out of the training samples that have not been cut by time.

    names: train, test or "" for every sample.
    """
    aside = never_learnt(dataset)
    whole = [
        index
        for index, (sample, name) in enumerate(zip(dataset.samples, names, strict=True))
        if name == "train" and sample.span == (0.0, 1.0) and sample.label not in aside
    ]
    part = dataset.with_samples([dataset.samples[index] for index in whole])
    counts = groups_per_label(part) if whole else {}
    fewest = min(counts.values(), default=0)
    if fewest < 2:
        return _carve_by_time(dataset, names, config)
    folds = int(np.clip(round(1 / config.val_fraction), 2, fewest))
    new_names = list(names)
    for index, fold in zip(whole, group_folds(part, folds, config.seed), strict=True):
        new_names[index] = "val" if fold == 0 else "train"
    return Carved(dataset, new_names)


def carve_every_condition(
    dataset: Dataset,
    names: Sequence[str],
    fraction: float,
    condition: Condition,
    *,
    stretches: bool = False,
) -> Carved:
    """The last `fraction` of each training recording validates, so that all of the conditions both
    train and choose the threshold.

    Where such a stretch would last less than LEAST_S, it is the last recordings of each label and
    condition, in order of their names. A label that has no two recordings under any condition is
    cut all the same. Recordings that were cut before stay as they are, but with `stretches`.
    """
    aside = never_learnt(dataset)
    whole = [
        index
        for index, (sample, name) in enumerate(zip(dataset.samples, names, strict=True))
        if name == "train"
        and sample.label not in aside
        and (stretches or sample.span == (0.0, 1.0))
    ]
    if not _short(dataset, whole, fraction):
        how = f"the last {fraction:.0%} of each training recording validates"
        return _with_last_stretches(dataset, names, whole, fraction, how)
    last = _last_recordings(dataset, whole, fraction, condition)
    new_names = ["val" if index in last else name for index, name in enumerate(names)]
    validated = {dataset.samples[index].label for index in last}
    alone = [index for index in whole if dataset.samples[index].label not in validated]
    how = "the last recordings of each label and condition validate"
    return _with_last_stretches(dataset, new_names, alone, fraction, how)


def cut_labels(dataset: Dataset, labels: list[str], config: FitConfig) -> Dataset:
    """Samples of `labels` cut by time into train, val and test; the cut is noted in `split`."""
    if not labels:
        return dataset
    samples = [s for s in dataset.samples if s.label not in labels]
    for label in labels:
        of_label = [s for s in dataset.samples if s.label == label]
        if dataset.config.kind == "vibration":
            samples += [piece for sample in of_label for piece in _thirds(sample, config)]
        else:
            samples += _in_order(of_label, config)
    what = "label has" if len(labels) == 1 else "labels have"
    note = f"{what} too few groups to hold one out, split by time: {', '.join(labels)}"
    return dataset.with_samples(samples, note)


def _thirds(sample: Sample, config: FitConfig) -> list[Sample]:
    rest, test = _halves(sample, 1 - config.test_fraction)
    train, val = _halves(rest, 1 - config.val_fraction)
    return [
        replace(train, split="train"),
        replace(val, split="val"),
        replace(test, split="test"),
    ]


def _halves(sample: Sample, fraction: float) -> tuple[Sample, Sample]:
    start, stop = sample.span
    middle = start + (stop - start) * fraction
    gap = GAP * (stop - start)
    return replace(sample, span=(start, middle - gap)), replace(sample, span=(middle, stop))


def _in_order(samples: list[Sample], config: FitConfig) -> list[Sample]:
    """Files in the order of their names: the first ones train, then val, the last ones test."""
    count = len(samples)
    test = max(1, round(count * config.test_fraction)) if count > 2 else 0
    val = max(1, round(count * config.val_fraction)) if count > 2 else 0
    names = ["train"] * (count - val - test) + ["val"] * val + ["test"] * test
    return [replace(s, split=name) for s, name in zip(samples, names, strict=True)]


def _carve_by_time(dataset: Dataset, names: Sequence[str], config: FitConfig) -> Carved:
    """Where a label has one training group, every training label gives its last stretch."""
    samples, new_names = list(dataset.samples), list(names)
    for label in dataset.labels:
        if label in never_learnt(dataset):
            continue
        of_label = [
            index
            for index, sample in enumerate(dataset.samples)
            if sample.label == label and names[index] == "train"
        ]
        if dataset.config.kind == "vibration":
            for index in of_label:
                first, last = _halves(dataset.samples[index], 1 - config.val_fraction)
                samples[index] = first
                samples.append(last)
                new_names.append("val")
        else:
            take = max(1, round(len(of_label) * config.val_fraction)) if len(of_label) > 1 else 0
            for index in of_label[len(of_label) - take :]:
                new_names[index] = "val"
    cut = dataset.with_samples(samples, "validation taken by time: a label has one group only")
    return Carved(cut, new_names, "validation by time")


def _short(dataset: Dataset, indices: Sequence[int], fraction: float) -> bool:
    """Whether the last stretch of a recording would be too short; one that cannot be read is not:
    that is said where it is read.
    """
    for index in indices:
        try:
            samples, rate_hz = read_durations(dataset, [index])[0]
        except LinesideError:
            continue
        if fraction * samples / rate_hz < LEAST_S:
            return True
    return False


def _last_recordings(
    dataset: Dataset, indices: Sequence[int], fraction: float, condition: Condition
) -> set[int]:
    alike: dict[tuple[str, str], list[int]] = defaultdict(list)
    for index in indices:
        alike[condition(dataset.samples[index]), dataset.samples[index].label].append(index)
    last: set[int] = set()
    for several in alike.values():
        ordered = sorted(several, key=lambda index: dataset.samples[index].path)
        take = max(1, round(len(ordered) * fraction)) if len(ordered) > 1 else 0
        last.update(ordered[len(ordered) - take :])
    return last


def _with_last_stretches(
    dataset: Dataset, names: Sequence[str], indices: Sequence[int], fraction: float, how: str
) -> Carved:
    samples, new_names = list(dataset.samples), list(names)
    for index in indices:
        start, stop = dataset.samples[index].span
        edge = stop - fraction * (stop - start)
        samples[index] = replace(samples[index], span=(start, edge))
        samples.append(replace(samples[index], span=(edge, stop)))
        new_names.append("val")
    return Carved(dataset.with_samples(samples), new_names, how)
