"""Folds that cut no group."""

from __future__ import annotations

from collections import defaultdict

import numpy as np
from sklearn.model_selection import StratifiedGroupKFold

from trainer.data.samples import Dataset


def group_folds(dataset: Dataset, folds: int, seed: int) -> np.ndarray:
    """A fold for every sample: stratified by label, no group in two folds."""
    groups, targets = np.array(dataset.groups()), dataset.targets()
    order = StratifiedGroupKFold(folds, shuffle=True, random_state=seed)
    assigned = np.zeros(len(targets), np.intp)
    for fold, (_, test_rows) in enumerate(order.split(targets, targets, groups)):
        assigned[test_rows] = fold
    return assigned


def good_group_folds(dataset: Dataset, folds: int, seed: int) -> np.ndarray:
    """A fold for every sample where good ones alone are learnt, no group in two folds.

    The groups with good samples are stratified by the good labels, and their defects lie in the
    same fold: they are judged by a network that saw nothing of their group. The groups of defects
    alone are dealt out label by label, however few there are.
    """
    groups, bad = np.array(dataset.groups()), dataset.is_bad()
    good = dataset.with_samples(s for s, b in zip(dataset.samples, bad, strict=True) if not b)
    fold_of = dict(zip(groups[~bad], group_folds(good, folds, seed).tolist(), strict=True))
    labels = [sample.label for sample in dataset.samples]
    alone = {(labels[i], groups[i]) for i in np.flatnonzero(bad) if groups[i] not in fold_of}
    rng = np.random.default_rng(seed)
    drawn = sorted((label, float(rng.random()), group) for label, group in sorted(alone))
    for turn, (_, _, group) in enumerate(drawn):
        fold_of.setdefault(group, turn % folds)
    return np.array([fold_of[group] for group in groups], np.intp)


def groups_per_label(dataset: Dataset) -> dict[str, int]:
    """Label -> how many groups have a sample of it."""
    groups_of: dict[str, set[str]] = defaultdict(set)
    for sample, group in zip(dataset.samples, dataset.groups(), strict=True):
        groups_of[sample.label].add(group)
    return {label: len(groups) for label, groups in sorted(groups_of.items())}


def never_learnt(dataset: Dataset) -> list[str]:
    """The defects of a detector: they are judged whole, never cut, and train nothing."""
    good = dataset.config.good if dataset.config.good_only else dataset.labels
    return [label for label in dataset.labels if label not in good]
