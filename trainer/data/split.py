"""Train, validation and test, so that no group straddles; what had to be decided is said."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from sklearn.model_selection import StratifiedGroupKFold

from edge_agent.contracts.core.errors import ConfigError, DatasetError
from edge_agent.contracts.core.suggestion import did_you_mean
from trainer.config.fit import FitConfig
from trainer.data.samples import Dataset, Indices, Sample

GAP = 0.01
"""Part of a recording left out between two stretches of it, so that they share no window."""


@dataclass(frozen=True)
class Split:
    """Positions in `dataset.samples`; the data set may hold recordings cut into stretches."""

    dataset: Dataset
    train: Indices
    val: Indices
    test: Indices
    protocol: str

    def names(self) -> list[str]:
        """train, val, test or nothing for every sample."""
        names = [""] * len(self.dataset.samples)
        for name, indices in (("train", self.train), ("val", self.val), ("test", self.test)):
            for index in indices:
                names[int(index)] = name
        return names


def plan_split(dataset: Dataset, config: FitConfig) -> Split:
    """The split that folds, given splits, held-out values or groups ask for, in this order."""
    split = _plan(dataset, config)
    if dataset.config.good_only:
        split = good_only(split)
    _refuse_empty(split)
    return split


def refuse_single_label(dataset: Dataset) -> None:
    """Raise DatasetError where a classifier would have nothing to tell apart."""
    task = dataset.config.task
    if not task.endswith("-class"):
        return
    if len(dataset.labels) > 1:
        _refuse_one_sided(dataset)
        return
    anomaly = task.replace("-class", "-anomaly")
    only = f"every sample has the label {dataset.labels[0]!r}, a classifier needs two"
    cure = f'add another class; or task = "{anomaly}" in dataset.toml, which learns from good ones'
    raise DatasetError(only, where=str(dataset.root), cure=cure)


def _refuse_one_sided(dataset: Dataset) -> None:
    """Where all labels are good, or none, every part would get the same verdict.

    A data set of defects alone is sorted by kind where dataset.toml says `good = []`.
    """
    if 0 < len(dataset.good) < len(dataset.labels):
        return
    if not dataset.good and "good" in dataset.config.model_fields_set:
        return
    every = "every label is good, so that every part would PASS"
    none = "no label is known as good, so that every part would FAIL"
    raise DatasetError(
        every if dataset.good else none,
        where=str(dataset.root),
        cure=f"name the good ones of {', '.join(dataset.labels)}: good = [...] in dataset.toml"
        + ("" if dataset.good else "; good = [] where all are defects"),
    )


def good_only(split: Split) -> Split:
    """Defects never train a detector: those of train and val join the test split."""
    bad = split.dataset.is_bad()
    rest = [split.train[bad[split.train]], split.val[bad[split.val]]]
    return replace(
        split,
        train=split.train[~bad[split.train]],
        val=split.val[~bad[split.val]],
        test=np.sort(np.concatenate([split.test, *rest])),
        protocol=split.protocol + "; trained on good samples only",
    )


def group_folds(dataset: Dataset, folds: int, seed: int) -> np.ndarray:
    """A fold for every sample: stratified by label, no group in two folds."""
    groups, targets = np.array(dataset.groups()), dataset.targets()
    order = StratifiedGroupKFold(folds, shuffle=True, random_state=seed)
    assigned = np.zeros(len(targets), np.intp)
    for fold, (_, test_rows) in enumerate(order.split(targets, targets, groups)):
        assigned[test_rows] = fold
    return assigned


def by_fold(dataset: Dataset, test: Sequence[str], val: Sequence[str], protocol: str) -> Split:
    """Given folds: those named `test` and `val`, all others train."""
    folds = np.array([sample.fold for sample in dataset.samples])
    in_test, in_val = np.isin(folds, list(test)), np.isin(folds, list(val))
    train = np.flatnonzero(~in_test & ~in_val)
    return Split(dataset, train, np.flatnonzero(in_val), np.flatnonzero(in_test), protocol)


def _plan(dataset: Dataset, config: FitConfig) -> Split:
    if dataset.config.fold:
        return _given_folds(dataset, config)
    if config.held_out:
        return _leave_out(dataset, config)
    if any(sample.split == "test" for sample in dataset.samples):
        return _given_splits(dataset, config)
    return _by_groups(dataset, config)


def _given_folds(dataset: Dataset, config: FitConfig) -> Split:
    column = str(dataset.config.fold)
    values = sorted({sample.fold for sample in dataset.samples}, key=_natural)
    if len(values) < 3:
        raise DatasetError(
            f"fold column {column!r} has {len(values)} values",
            where=str(dataset.root),
            cure="give at least three folds, or only a group column",
        )
    held_out = config.held_out or values[:1]
    _refuse_unknown(held_out, values, column)
    rest = [value for value in values if value not in held_out]
    after = [value for value in rest if _natural(value) > _natural(held_out[-1])]
    val = (after or rest)[0]
    protocol = (
        f"{column}: fold {', '.join(held_out)} held out, fold {val} chose epoch and threshold"
    )
    return by_fold(dataset, held_out, [val], protocol)


def _leave_out(dataset: Dataset, config: FitConfig) -> Split:
    column = dataset.config.group
    if column is None:
        raise ConfigError(
            "--held-out without a group or fold column",
            where="command line",
            cure="name the column: --group COLUMN",
        )
    values = sorted({sample.group for sample in dataset.samples}, key=_natural)
    _refuse_unknown(config.held_out, values, column)
    aside = _never_learnt(dataset)
    lone = [one for one in _labels_without(dataset, config.held_out) if one not in aside]
    cut = _cut_labels(dataset, lone, config)
    remaining = [s for s in cut.samples if s.label not in lone]
    if not remaining:
        raise DatasetError(
            f"{column} {', '.join(config.held_out)} holds no label of its own",
            where=str(dataset.root),
            cure="hold out another value",
        )
    names = [_held_name(s, lone, config.held_out) for s in cut.samples]
    note = f"; {', '.join(lone)} split by time" if lone else ""
    protocol = f"{column} {', '.join(config.held_out)} held out{note}"
    return _carve_val(cut, names, config, protocol)


def _never_learnt(dataset: Dataset) -> list[str]:
    """The defects of a detector: they are judged whole, never cut, and train nothing."""
    good = dataset.config.good if dataset.config.good_only else dataset.labels
    return [label for label in dataset.labels if label not in good]


def _labels_without(dataset: Dataset, held_out: Sequence[str]) -> list[str]:
    """Labels that do not occur both inside and outside the held-out values."""
    inside = {s.label for s in dataset.samples if s.group in held_out}
    outside = {s.label for s in dataset.samples if s.group not in held_out}
    return [label for label in dataset.labels if not (label in inside and label in outside)]


def _held_name(sample: Sample, lone: list[str], held_out: Sequence[str]) -> str:
    if sample.label in lone:
        return sample.split
    return "test" if sample.group in held_out else "train"


def _given_splits(dataset: Dataset, config: FitConfig) -> Split:
    names = [sample.split or "train" for sample in dataset.samples]
    if "val" in names:
        return _split_of(dataset, names, "train, val and test as given")
    return _carve_val(dataset, names, config, "train and test as given")


def _by_groups(dataset: Dataset, config: FitConfig) -> Split:
    counts = _groups_per_label(dataset)
    few = [label for label, groups in counts.items() if groups < 3]
    aside = [label for label in few if label in _never_learnt(dataset)]
    lone = [label for label in few if label not in aside]
    cut = _cut_labels(dataset, lone, config)
    free = np.array([s.label not in (*lone, *aside) for s in cut.samples])
    names = np.array(["test" if s.label in aside else s.split for s in cut.samples], dtype=object)
    if free.any():
        part = cut.with_samples([s for s, f in zip(cut.samples, free, strict=True) if f])
        fewest = min(counts[label] for label in counts if label not in (*lone, *aside))
        folds = int(np.clip(round(1 / config.test_fraction), 3, fewest))
        assigned = group_folds(part, folds, config.seed)
        names[free] = np.where(assigned == 0, "test", np.where(assigned == 1, "val", "train"))
    column = dataset.config.group
    how = f"groups by {column!r}, stratified" if column else "stratified, no groups given"
    note = f"; {', '.join(lone)} split by time" if lone else ""
    return _split_of(_with_dropped(cut, dataset), list(names), how + note)


def _with_dropped(cut: Dataset, given: Dataset) -> Dataset:
    """A given split without a test part is not used, and that is noted."""
    names = sorted({sample.split for sample in given.samples} - {""})
    if not names:
        return cut
    note = f"the given split has only {' and '.join(names)}, no test: all samples are split anew"
    return cut.with_samples(cut.samples, note)


def _carve_val(dataset: Dataset, names: list[str], config: FitConfig, protocol: str) -> Split:
    """Validation groups taken out of the training samples that have not been cut by time."""
    aside = _never_learnt(dataset)
    whole = [
        index
        for index, (sample, name) in enumerate(zip(dataset.samples, names, strict=True))
        if name == "train" and sample.span == (0.0, 1.0) and sample.label not in aside
    ]
    part = dataset.with_samples([dataset.samples[index] for index in whole])
    counts = _groups_per_label(part) if whole else {}
    fewest = min(counts.values(), default=0)
    names = list(names)
    if fewest < 2:
        return _carve_val_by_time(dataset, names, config, protocol)
    folds = int(np.clip(round(1 / config.val_fraction), 2, fewest))
    for index, fold in zip(whole, group_folds(part, folds, config.seed), strict=True):
        names[index] = "val" if fold == 0 else "train"
    return _split_of(dataset, names, protocol)


def _carve_val_by_time(
    dataset: Dataset, names: list[str], config: FitConfig, protocol: str
) -> Split:
    """Where a label has one training group, every training label gives its last stretch."""
    samples, new_names = list(dataset.samples), list(names)
    for label in dataset.labels:
        if label in _never_learnt(dataset):
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
    return _split_of(cut, new_names, protocol + "; validation by time")


def _cut_labels(dataset: Dataset, labels: list[str], config: FitConfig) -> Dataset:
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


def _groups_per_label(dataset: Dataset) -> dict[str, int]:
    groups_of: dict[str, set[str]] = defaultdict(set)
    for sample, group in zip(dataset.samples, dataset.groups(), strict=True):
        groups_of[sample.label].add(group)
    return {label: len(groups) for label, groups in sorted(groups_of.items())}


def _split_of(dataset: Dataset, names: Sequence[str], protocol: str) -> Split:
    array = np.array(names)
    train, val, test = (np.flatnonzero(array == name) for name in ("train", "val", "test"))
    return Split(dataset, train, val, test, protocol)


def _natural(value: str) -> tuple[int, float, str]:
    try:
        return 0, float(value), value
    except ValueError:
        return 1, 0.0, value


def _refuse_unknown(held_out: Sequence[str], values: list[str], column: str) -> None:
    for value in held_out:
        if value not in values:
            raise ConfigError(
                f"{column} has no value {value!r}",
                where="--held-out",
                cure=did_you_mean(value, values[:20]),
            )


def _refuse_empty(split: Split) -> None:
    for name, indices in (("train", split.train), ("val", split.val), ("test", split.test)):
        if not len(indices):
            raise DatasetError(
                f"no sample is left for {name}",
                where=str(split.dataset.root),
                cure="add samples or groups, or hold out less",
            )
    trained = {split.dataset.samples[i].label for i in split.train}
    needed = split.dataset.config.good if split.dataset.config.good_only else split.dataset.labels
    lacking = [label for label in needed if label not in trained]
    if lacking and split.dataset.config.task != "tabular-regression":
        raise DatasetError(
            f"label {lacking[0]!r} has no training sample",
            where=str(split.dataset.root),
            cure="add samples of it, or hold out less",
        )
