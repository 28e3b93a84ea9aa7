"""What needs no network: if one of these is as good, the data set is easier than it looks."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import cv2
import numpy as np
from numpy.typing import NDArray

from edge_agent.contracts.core.types import Tensor
from trainer.data.prepare import Prepared
from trainer.data.samples import Dataset, Indices

Features = NDArray[np.float64]
Labels = NDArray[np.int64]

Scores = NDArray[np.float64]

THUMBNAIL_PX = 16
AT_ONCE = 1024


def majority(train: Labels, count: int) -> Labels:
    """Always the commonest training label."""
    return np.full(count, np.bincount(train).argmax(), np.int64)


def nearest(train: Features, targets: Labels, test: Features) -> Labels:
    """The label of the nearest training sample in standardised features."""
    indices = [squares.argmin(axis=1) for squares in _squares(train, test)]
    return np.asarray(targets[np.concatenate(indices)])


def nearest_distance(train: Features, test: Features) -> Scores:
    """The distance to the nearest training sample in standardised features."""
    distances = [squares.min(axis=1) for squares in _squares(train, test)]
    return np.asarray(np.sqrt(np.maximum(np.concatenate(distances), 0)))


def _squares(train: Features, test: Features) -> Iterator[Features]:
    """Squared distances of test to training samples, AT_ONCE rows of test at a time."""
    mean, spread = train.mean(axis=0), train.std(axis=0) + 1e-9
    known, asked = (train - mean) / spread, (test - mean) / spread
    for at in range(0, len(asked), AT_ONCE):
        some = asked[at : at + AT_ONCE]
        yield (some**2).sum(1)[:, None] + (known**2).sum(1)[None] - 2 * some @ known.T


def brightness(inputs: Tensor) -> Features:
    """Mean and spread of the pixels: (N, 2)."""
    return np.stack([_over(inputs, np.mean), _over(inputs, np.std)], axis=1)


def thumbnail(inputs: Tensor) -> Features:
    """A grey picture of 16 x 16: (N, 256)."""
    side = THUMBNAIL_PX
    small = [cv2.resize(image.astype(np.float32), (side, side)) for image in inputs]
    rows = np.stack(small).reshape(len(inputs), side * side, -1)
    return np.asarray(rows.mean(axis=2), np.float64)


def level(inputs: Tensor) -> Features:
    """log RMS, crest factor and kurtosis of every axis: (N, 3 C)."""
    wide = inputs.astype(np.float64)
    centred = wide - wide.mean(axis=1, keepdims=True)
    rms = np.sqrt((centred**2).mean(axis=1)) + 1e-12
    crest = np.abs(centred).max(axis=1) / rms
    kurtosis = (centred**4).mean(axis=1) / rms**4
    return np.concatenate([np.log(rms), np.log(crest + 1e-12), np.log(kurtosis + 1e-12)], axis=1)


FEATURES: dict[str, dict[str, Callable[[Tensor], Features]]] = {
    "image": {"brightness, nearest": brightness, "thumbnail, nearest": thumbnail},
    "vibration": {"RMS, crest, kurtosis, nearest": level},
}
"""Kind of data -> name of a baseline -> its features."""


def baseline_predictions(
    dataset: Dataset, train: Prepared, test: Prepared, indices: Indices
) -> dict[str, Labels]:
    """Name -> label number of each sample at `indices`, by vote of its inputs.

    Nothing for a detector, whose training knows one label: its baselines are scores.
    """
    if dataset.config.good_only:
        return {}
    targets = train.targets(dataset)
    rows, labels = test.rows(indices), len(dataset.labels)
    whole = dataset.targets()
    predictions = {"majority": majority(whole[np.unique(train.sample)], len(indices))}
    for name, features in FEATURES.get(dataset.config.kind, {}).items():
        guessed = nearest(features(train.inputs), targets, features(test.inputs))
        votes = np.zeros((len(indices), labels))
        np.add.at(votes, (rows, guessed), 1)
        predictions[name] = votes.argmax(axis=1)
    return predictions


def baseline_scores(
    dataset: Dataset, train: Prepared, test: Prepared, indices: Indices
) -> dict[str, Scores]:
    """Name -> how strange each sample at `indices` is, its strangest input counting."""
    if not dataset.config.good_only:
        return {}
    rows, scores_of = test.rows(indices), {}
    for name, features in FEATURES.get(dataset.config.kind, {}).items():
        strange = nearest_distance(features(train.inputs), features(test.inputs))
        scores = np.zeros(len(indices))
        np.maximum.at(scores, rows, strange)
        scores_of[name.removesuffix(", nearest") + ", distance to good"] = scores
    return scores_of


def _over(inputs: Tensor, statistic: Callable[..., NDArray[np.floating]]) -> Features:
    return np.array([float(statistic(image)) for image in inputs])
