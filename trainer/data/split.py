"""Train, validation and test, so that no group straddles; what had to be decided is said."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from edge_agent.contracts.core.errors import ConfigError, DatasetError
from trainer.config.fit import FitConfig
from trainer.data.carve import Carved, carve_every_condition, carve_val, cut_labels
from trainer.data.given_folds import choose_folds, natural, refuse_unknown
from trainer.data.group_folds import group_folds, groups_per_label, never_learnt
from trainer.data.layouts.good_names import meaning
from trainer.data.names_below import below_unknown, refuse_names_below
from trainer.data.samples import Dataset, Indices, Sample


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
    """The split that folds, given splits, held-out values or groups ask for, in this order.

    Raises DatasetError for one that has an empty part or that cuts a group.
    """
    refuse_names_below(dataset)
    _refuse_none_good(dataset)
    split = _plan(dataset, config)
    if dataset.config.good_only:
        split = good_only(split)
    _refuse_empty(split)
    _refuse_cut_groups(split)
    return split


def refuse_single_label(dataset: Dataset) -> None:
    """Raise DatasetError where a classifier would have nothing to tell apart, or where names below
    the labels say another thing.
    """
    refuse_names_below(dataset)
    task = dataset.config.task
    if not task.endswith("-class"):
        return
    if len(dataset.labels) > 1:
        _refuse_one_sided(dataset)
        return
    anomaly = task.replace("-class", "-anomaly")
    only = f"every sample has the label {dataset.labels[0]!r}, a classifier needs two"
    cure = (
        f'add another class; or, where all are good, task = "{anomaly}" and '
        f'good = ["{dataset.labels[0]}"] in dataset.toml, which learns from good ones'
    )
    if other := below_unknown(dataset):
        cure = f"{other}; or {cure}"
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
    cure = f"name the good ones of {', '.join(dataset.labels)}: good = [...] in dataset.toml"
    if not dataset.good:
        other = below_unknown(dataset)
        cure = f"{other}; or {cure}" if other else cure
        cure += "; good = [] where each of them is a kind of defect"
    raise DatasetError(every if dataset.good else none, where=str(dataset.root), cure=cure)


def good_only(split: Split) -> Split:
    """Defects never train a detector: those of train and val join the test split.

    A group with good and with bad samples may so have its good ones in training and its bad ones in
    the test split, since nothing is learnt of a defect.
    """
    bad = split.dataset.is_bad()
    rest = [split.train[bad[split.train]], split.val[bad[split.val]]]
    split = replace(
        split,
        train=split.train[~bad[split.train]],
        val=split.val[~bad[split.val]],
        test=np.sort(np.concatenate([split.test, *rest])),
    )
    how = f"{split.protocol}; trained on good samples only{_siblings(split, bad)}"
    return replace(split, protocol=how)


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
    chosen = choose_folds(dataset, config.held_out)
    if chosen.val is not None:
        return by_fold(dataset, chosen.held_out, [chosen.val], chosen.protocol)
    names = ["test" if s.fold in chosen.held_out else "train" for s in dataset.samples]
    return _split_carved(carve_val(dataset, names, config), chosen.protocol)


def _leave_out(dataset: Dataset, config: FitConfig) -> Split:
    column = dataset.config.group
    if column is None:
        raise ConfigError(
            "--held-out without a group or fold column",
            where="command line",
            cure="name the column: --group COLUMN",
        )
    values = sorted({sample.group for sample in dataset.samples}, key=natural)
    refuse_unknown(config.held_out, values, column)
    aside = never_learnt(dataset)
    lone = [one for one in _labels_without(dataset, config.held_out) if one not in aside]
    cut = cut_labels(dataset, lone, config)
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
    if dataset.config.kind == "vibration":
        carved = carve_every_condition(cut, names, config.val_fraction, lambda s: s.group)
    else:
        carved = carve_val(cut, names, config)
    return _split_carved(carved, protocol)


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
    return _split_carved(carve_val(dataset, names, config), "train and test as given")


def _by_groups(dataset: Dataset, config: FitConfig) -> Split:
    counts = groups_per_label(dataset)
    few = [label for label, groups in counts.items() if groups < 3]
    aside = [label for label in few if label in never_learnt(dataset)]
    lone = [label for label in few if label not in aside]
    cut = cut_labels(dataset, lone, config)
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


def _split_carved(carved: Carved, protocol: str) -> Split:
    how = f"; {carved.how}" if carved.how else ""
    return _split_of(carved.dataset, carved.names, protocol + how)


def _split_of(dataset: Dataset, names: Sequence[str], protocol: str) -> Split:
    array = np.array(names)
    train, val, test = (np.flatnonzero(array == name) for name in ("train", "val", "test"))
    return Split(dataset, train, val, test, protocol)


def _siblings(split: Split, bad: NDArray[np.bool_]) -> str:
    """How many held-out defects are of groups whose good samples train."""
    samples = split.dataset.samples
    known = {samples[index].group for index in (*split.train, *split.val)} - {""}
    defects = split.test[bad[split.test]]
    shared = sum(samples[index].group in known for index in defects)
    if not shared:
        return ""
    return f"; {shared} of {len(defects)} held-out defects are of groups whose good samples train"


def _refuse_cut_groups(split: Split) -> None:
    """Raise where a fold column cuts a group; stretches of one recording are no such case, nor are
    the defects of a detector, which train nothing.
    """
    if not split.dataset.config.fold:
        return
    samples, aside = split.dataset.samples, never_learnt(split.dataset)
    known = {samples[index].group for index in (*split.train, *split.val)} - {""}
    judged = [samples[index] for index in split.test if samples[index].span == (0.0, 1.0)]
    shared = [one.group for one in judged if one.group in known and one.label not in aside]
    if shared:
        raise DatasetError(
            f"group {shared[0]!r} lies on both sides of the split by {split.dataset.config.fold!r}",
            where=str(split.dataset.root),
            cure="correct the fold column, or leave it out and split by the groups",
        )


def _refuse_none_good(dataset: Dataset) -> None:
    """Raise DatasetError for a detector of which nobody has said what is good."""
    if not dataset.config.good_only or dataset.good:
        return
    likely = [f'"{label}"' for label in dataset.labels if meaning(label) == "good"]
    named = ", ".join(likely) or "..."
    raise DatasetError(
        f"task {dataset.config.task!r} learns from good samples, and no label is named as good",
        where=str(dataset.root),
        cure=f"write good = [{named}] in dataset.toml; the labels are {', '.join(dataset.labels)}",
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
