"""How the image benchmarks split their sets: honest folds, and the splits as they are given."""

from __future__ import annotations

import csv
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from trainer.data.group_folds import group_folds
from trainer.data.load import load_dataset
from trainer.data.samples import Dataset, Indices
from trainer.data.split import Split

FOLDS = 5
WATCHED = 8
"""Every eighth group of the training folds chooses the epoch or the threshold."""

Splits = Callable[[Path], list[Split]]
"""The folder of a set -> one split for each fit."""


def folds_of(column: str, group: str) -> Splits:
    """All folds of a column, each held out once."""

    def splits(root: Path) -> list[Split]:
        dataset = load_dataset(root, group=group, fold=column)
        return _each_held_out(dataset, _folds(dataset))

    return splits


def drawn_folds(root: Path) -> list[Split]:
    """Five folds that cut no group of dataset.toml, each held out once."""
    dataset = load_dataset(root)
    return _each_held_out(dataset, group_folds(dataset, FOLDS, seed=0))


def given_split(root: Path) -> list[Split]:
    """train and test as the data set gives them."""
    dataset = load_dataset(root)
    names = np.array([sample.split for sample in dataset.samples])
    return [_watched(dataset, np.flatnonzero(names == "train"), np.flatnonzero(names == "test"))]


def good_ones_as_given(root: Path) -> list[Split]:
    """The good parts of train as the set gives them; every part of test is judged."""
    dataset = _as_detection(load_dataset(root))
    names = np.array([sample.split for sample in dataset.samples])
    train = (names == "train") & ~dataset.is_bad()
    return [_watched(dataset, np.flatnonzero(train), np.flatnonzero(names == "test"))]


def given_without_look_alikes(root: Path) -> list[Split]:
    """The same where groups.csv names look-alikes; test pictures that have one in train are left
    out.
    """
    dataset = load_dataset(root)
    with (root / "groups.csv").open(encoding="utf-8", newline="") as file:
        group_of = {row["path"]: row["group"] for row in csv.DictReader(file)}
    samples = [replace(sample, group=group_of[sample.path]) for sample in dataset.samples]
    trained = {sample.group for sample in samples if sample.split == "train"}
    kept = [one for one in samples if one.split == "train" or one.group not in trained]
    dataset = dataset.with_samples(kept)
    is_train = np.array([sample.split == "train" for sample in kept])
    return [_watched(dataset, np.flatnonzero(is_train), np.flatnonzero(~is_train))]


def good_ones(column: str, group: str) -> Splits:
    """Good parts of folds 2-4 train; all defects and the other good parts are held out."""

    def splits(root: Path) -> list[Split]:
        dataset = _as_detection(load_dataset(root, group=group, fold=column))
        train = ~dataset.is_bad() & (_folds(dataset) >= 2)
        return [_watched(dataset, np.flatnonzero(train), np.flatnonzero(~train))]

    return splits


def good_folds(column: str, group: str) -> Splits:
    """All folds of a column, each held out once; the good parts of the other four train."""

    def splits(root: Path) -> list[Split]:
        dataset = _as_detection(load_dataset(root, group=group, fold=column))
        return _each_held_out(dataset, _folds(dataset), learnt=~dataset.is_bad())

    return splits


def _as_detection(dataset: Dataset) -> Dataset:
    config = dataset.config.model_copy(update={"task": "image-anomaly"})
    return replace(dataset, config=config)


def _folds(dataset: Dataset) -> Indices:
    return np.array([int(sample.fold) for sample in dataset.samples], np.intp)


def _each_held_out(
    dataset: Dataset, folds: Indices, learnt: NDArray[np.bool_] | None = None
) -> list[Split]:
    """learnt: whether a sample may be trained on; left out: every one may."""
    may = np.ones(len(folds), np.bool_) if learnt is None else learnt
    return [
        _watched(dataset, np.flatnonzero(may & (folds != fold)), np.flatnonzero(folds == fold))
        for fold in range(FOLDS)
    ]


def _watched(dataset: Dataset, train: Indices, test: Indices) -> Split:
    """An eighth of the training groups, label by label, becomes the validation split."""
    groups, targets = np.array(dataset.groups()), dataset.targets()
    watched: set[str] = set()
    for label in np.unique(targets[train]):
        mine = np.unique(groups[train[targets[train] == label]])
        watched |= set(np.random.default_rng(0).permutation(mine)[: max(1, len(mine) // WATCHED)])
    val = np.isin(groups[train], sorted(watched))
    return Split(dataset, train[~val], train[val], test, "folds or split as given")
