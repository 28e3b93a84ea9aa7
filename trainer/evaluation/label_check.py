"""Probable label errors in a minute, without a network: a quick judge on cheap features.

Every sample is judged by a logistic regression that saw none of its group; which doubts are worth a
look says labelfaults.py beside it. `crossval` does the same with the network itself: slower, and
sharper where this judge is weak.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from edge_agent.contracts.core.errors import ConfigError
from edge_agent.contracts.core.types import Image, Recording
from trainer.console.progress import Progress
from trainer.data.group_folds import group_folds
from trainer.data.prepare import read_picture, read_sample
from trainer.data.samples import Dataset
from trainer.evaluation.label_errors import probable_label_errors

Row = NDArray[np.float32]
SIDE_PX = 128
MOST_FOLDS = 5
LEAST_GROUPS = 3
STRENGTH = 0.01
"""scikit-learn's C on standardised features: about 400 of them, and few samples."""

SHARES = (0.0005, 0.002, 0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99, 0.998, 0.9995)
"""Quantiles by which a filter's answers are described: a small defect is in the outer ones."""

WIDTHS_PX = (0.5, 1.0, 2.0, 4.0)
BANDS = 32


@dataclass(frozen=True)
class LabelDoubt:
    """A sample whose label is probably wrong; margin: how much more the other label is believed."""

    path: str
    label: str
    suggested: str
    margin: float


@dataclass(frozen=True)
class LabelCheck:
    """doubts: the surest first; right: the share of labels that the judge met out of fold;
    left_out: labels of fewer than three groups, which it cannot know."""

    doubts: list[LabelDoubt]
    right: float
    left_out: list[str]


def check_labels(dataset: Dataset, progress: Progress, seed: int = 1) -> LabelCheck:
    """Judge images or recordings out of fold. Raises ConfigError for other data and where fewer
    than two labels have three groups."""
    if dataset.config.kind not in ("image", "vibration"):
        raise ConfigError(
            f"no quick judge for {dataset.config.kind} data",
            where="--doubts",
            cure="lineside-train crossval names doubtful labels of any class model",
        )
    known, left_out = _with_enough_groups(dataset)
    rows = _features(known, progress)
    probabilities = _out_of_fold(known, rows, seed)
    given = known.targets()
    doubts = [
        LabelDoubt(
            known.samples[one.row].path,
            known.labels[one.given],
            known.labels[one.suggested],
            one.margin,
        )
        for one in probable_label_errors(probabilities, given)
    ]
    return LabelCheck(doubts, float((probabilities.argmax(axis=1) == given).mean()), left_out)


def image_row(image: Image) -> Row:
    """Colours, a thumbnail, and what filters of four widths answer: spots, ridges, valleys.

    Quantiles over all places: where a defect lies and how it is turned changes little of them.
    """
    small = cv2.resize(image, (SIDE_PX, SIDE_PX), interpolation=cv2.INTER_AREA)
    lab = np.asarray(cv2.cvtColor(small.astype(np.float32) / 255, cv2.COLOR_RGB2LAB), np.float32)
    colours, _ = np.histogramdd(small.reshape(-1, 3), bins=4, range=[(0, 256)] * 3)
    parts = [np.sqrt(colours.ravel()) / SIDE_PX]
    parts.append(cv2.resize(lab[:, :, 0], (8, 8), interpolation=cv2.INTER_AREA).ravel())
    parts += [_quantiles(lab[:, :, channel]) for channel in range(3)]
    for width_px in WIDTHS_PX:
        parts += _answers(lab[:, :, 0], width_px)
    return np.concatenate(parts).astype(np.float32)


def recording_row(recording: Recording) -> Row:
    """Of every axis: level, crest factor, kurtosis, and the level in bands of equal ratio."""
    signal = recording.signal.astype(np.float64)
    centred = signal - signal.mean(axis=0)
    rms = np.sqrt((centred**2).mean(axis=0)) + 1e-12
    crest = np.abs(centred).max(axis=0) / rms
    kurtosis = (centred**4).mean(axis=0) / rms**4
    power = np.abs(np.fft.rfft(centred, axis=0)) ** 2
    edges = np.unique(np.geomspace(1, len(power) - 1, BANDS + 1).astype(int))
    shares = np.geomspace(0.002, 1, BANDS)
    sums = np.add.reduceat(power[1:], edges[:-1] - 1, axis=0) / len(signal) ** 2
    places = edges[:-1] / len(power)
    bands = [np.interp(shares, places, np.log(column + 1e-15)) for column in sums.T]
    parts = [np.log(rms), np.log(crest + 1e-12), np.log(kurtosis + 1e-12), *bands]
    return np.concatenate(parts).astype(np.float32)


def _answers(grey: Row, width_px: float) -> list[Row]:
    """Quantiles of curvature (mean, and along its two main directions) and of a band of detail;
    the detail's strength in 16 fields, sorted."""
    fine = cv2.GaussianBlur(grey, (0, 0), width_px)
    xx, yy, xy = (cv2.Sobel(fine, cv2.CV_32F, *order) for order in ((2, 0), (0, 2), (1, 1)))
    mean = (xx + yy) / 2
    spread = np.hypot((xx - yy) / 2, xy)
    detail = fine - cv2.GaussianBlur(grey, (0, 0), 2 * width_px)
    fields = detail.reshape(4, SIDE_PX // 4, 4, SIDE_PX // 4).std(axis=(1, 3))
    answers = (mean, mean + spread, mean - spread, detail)
    return [*map(_quantiles, answers), np.sort(fields.ravel())]


def _quantiles(values: Row) -> Row:
    ordered = np.sort(values, axis=None)
    return np.asarray(ordered[(np.array(SHARES) * (len(ordered) - 1)).round().astype(int)])


def _features(dataset: Dataset, progress: Progress) -> NDArray[np.float32]:
    rows = []
    with progress.steps("features of samples", len(dataset.samples)) as bar:
        for index in range(len(dataset.samples)):
            if dataset.config.kind == "image":
                rows.append(image_row(read_picture(dataset, index)))
            else:
                rows.append(recording_row(read_sample(dataset, index)))
            bar.advance()
    return np.stack(rows)


def _with_enough_groups(dataset: Dataset) -> tuple[Dataset, list[str]]:
    """The samples of labels with at least three groups, and the other labels."""
    groups: dict[str, set[str]] = {}
    for sample, group in zip(dataset.samples, dataset.groups(), strict=True):
        groups.setdefault(sample.label, set()).add(group)
    rare = sorted(label for label, names in groups.items() if len(names) < LEAST_GROUPS)
    if len(groups) - len(rare) < 2:
        raise ConfigError(
            f"fewer than two labels have {LEAST_GROUPS} groups",
            where="--doubts",
            cure="collect more groups: a label can be doubted only beside another one",
        )
    samples = tuple(sample for sample in dataset.samples if sample.label not in rare)
    return replace(dataset, samples=samples), rare


def _out_of_fold(dataset: Dataset, rows: NDArray[np.float32], seed: int) -> NDArray[np.float64]:
    """(N, K): belief in every label by a regression that saw nothing of the sample's group."""
    from sklearn.linear_model import LogisticRegression

    targets, groups = dataset.targets(), np.array(dataset.groups())
    fewest = min(len(set(groups[targets == label])) for label in set(targets.tolist()))
    folds = group_folds(dataset, min(MOST_FOLDS, fewest), seed)
    probabilities = np.zeros((len(rows), len(dataset.labels)))
    for fold in np.unique(folds):
        left_out = folds == fold
        mean, spread = rows[~left_out].mean(axis=0), rows[~left_out].std(axis=0) + 1e-6
        judge = LogisticRegression(C=STRENGTH, max_iter=500, class_weight="balanced")
        judge.fit((rows[~left_out] - mean) / spread, targets[~left_out])
        asked = (rows[left_out] - mean) / spread
        probabilities[np.ix_(left_out, judge.classes_)] = judge.predict_proba(asked)
    return probabilities
