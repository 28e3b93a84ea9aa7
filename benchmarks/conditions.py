"""Splits that leave a condition out, and what a fold gives: float and int8, window by window."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from benchmarks.int8 import run_int8
from trainer.config import FitConfig
from trainer.data.samples import Dataset, Sample
from trainer.data.splits import Split
from trainer.experiment import Experiment, run_experiment
from trainer.metrics import Figure, bootstrapped, macro_f1

Condition = Callable[[Sample], str]
"""The value of the condition that a sample was taken under."""

VAL_FRACTION = 0.25
"""The last part of each training recording, which chooses the threshold; never tested."""


@dataclass(frozen=True)
class Fold:
    """Held-out windows of one fold. logits8: what int8 said; owner: the recording of each."""

    name: str
    labels: list[str]
    truth: NDArray[np.int64]
    logits: NDArray[np.float32]
    logits8: NDArray[np.float32]
    owner: list[str]
    model_bytes: int
    latency_ms: float
    train_s: float
    chosen: str = ""

    @property
    def right(self) -> NDArray[np.bool_]:
        """Whether int8 named each window's label."""
        return np.asarray(self.logits8.argmax(axis=1) == self.truth)

    @property
    def float_right(self) -> NDArray[np.bool_]:
        """The same of the float network."""
        return np.asarray(self.logits.argmax(axis=1) == self.truth)


@dataclass(frozen=True)
class Protocol:
    """Leave one value of `condition` out at a time; labels in `by_time` are cut by time instead."""

    condition: Condition
    values: Sequence[str]
    by_time: Sequence[str] = field(default=())


def leave_out(dataset: Dataset, protocol: Protocol, value: str) -> Split:
    """Everything under `value` is tested; the rest trains, its last quarter chooses thresholds.

    A label of `by_time` has one recording only: as many equal stretches as there are values, the
    one of `value`'s place is tested, the others train.
    """
    samples: list[Sample] = []
    names: list[str] = []
    for sample in dataset.samples:
        pieces = _pieces(sample, protocol, value)
        samples += [piece for piece, _ in pieces]
        names += [name for _, name in pieces]
    found = np.array(names)
    train, val, test = (np.flatnonzero(found == name) for name in ("train", "val", "test"))
    return Split(dataset.with_samples(samples), train, val, test, f"{value} held out")


def without(dataset: Dataset, protocol: Protocol, value: str) -> tuple[Dataset, Protocol]:
    """What is left for choices when `value` is held out, and the same protocol on it."""
    split = leave_out(dataset, protocol, value)
    kept = [split.dataset.samples[index] for index in [*split.train, *split.val]]
    joined = _rejoin(kept)
    rest = [other for other in protocol.values if other != value]
    return dataset.with_samples(joined), replace(protocol, values=rest)


def run_fold(split: Split, config: FitConfig, name: str) -> Fold:
    """Train on the split, convert to int8, and judge every held-out window twice."""
    started = time.perf_counter()
    experiment = run_experiment(split, config, "bench")
    spent = time.perf_counter() - started
    return fold_of(experiment, name, spent)


def fold_of(experiment: Experiment, name: str, train_s: float) -> Fold:
    """The windows of an experiment, judged by float and by int8."""
    held = experiment.held_out
    dataset = experiment.split.dataset
    int8 = run_int8(experiment.fitted.model, experiment.calibration, held.inputs)
    return Fold(
        name,
        experiment.spec.labels,
        held.targets(dataset),
        experiment.test.outputs,
        int8.outputs,
        [dataset.samples[int(index)].path for index in held.sample],
        int8.model_bytes,
        int8.latency_ms,
        train_s,
    )


def accuracy(folds: Sequence[Fold]) -> Figure:
    """The mean over folds of the share of windows that int8 names right.

    The interval draws recordings with replacement within each fold.
    """
    right = np.concatenate([fold.right for fold in folds])
    place = np.concatenate([np.full(len(fold.right), n) for n, fold in enumerate(folds)])
    owners = [f"{n} {owner}" for n, fold in enumerate(folds) for owner in fold.owner]

    def mean(rows: NDArray[np.intp]) -> float:
        shares = [right[rows][place[rows] == n] for n in range(len(folds))]
        return float(np.mean([share.mean() for share in shares if len(share)]))

    return bootstrapped(mean, owners)


def f1(fold: Fold) -> float:
    """Macro-F1 of int8 in one fold."""
    return macro_f1(fold.truth, fold.logits8.argmax(axis=1), len(fold.labels))


def float_accuracy(folds: Sequence[Fold]) -> float:
    """The mean over folds of what the float network names right."""
    return float(np.mean([fold.float_right.mean() for fold in folds]))


def _pieces(sample: Sample, protocol: Protocol, value: str) -> list[tuple[Sample, str]]:
    if sample.label in protocol.by_time:
        return _stretches(sample, protocol, value)
    if protocol.condition(sample) == value:
        return [(sample, "test")]
    if protocol.condition(sample) not in protocol.values:
        return []
    start, stop = sample.span
    edge = stop - VAL_FRACTION * (stop - start)
    return [
        (replace(sample, span=(start, edge)), "train"),
        (replace(sample, span=(edge, stop)), "val"),
    ]


def _stretches(sample: Sample, protocol: Protocol, value: str) -> list[tuple[Sample, str]]:
    place, count = list(protocol.values).index(value), len(protocol.values)
    start, stop = sample.span
    edges = np.linspace(start, stop, count + 1)
    low, high = float(edges[place]), float(edges[place + 1])
    pieces = [(replace(sample, span=(low, high)), "test")]
    if low > start:
        pieces.append((replace(sample, span=(start, low)), "train"))
    if high < stop:
        pieces.append((replace(sample, span=(high, stop)), "train"))
    return pieces


def _rejoin(samples: list[Sample]) -> list[Sample]:
    """Neighbouring stretches of one recording as one sample."""
    joined: list[Sample] = []
    for sample in sorted(samples, key=lambda s: (s.path, s.span)):
        last = joined[-1] if joined else None
        if last is not None and last.path == sample.path and last.span[1] == sample.span[0]:
            joined[-1] = replace(last, span=(last.span[0], sample.span[1]))
        else:
            joined.append(sample)
    return joined
