"""What a fold that leaves a condition out gives as int8 on LiteRT, window by window."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from benchmarks.int8 import run_int8
from edge_agent.contracts.model.scoring import bad_mass, softmax
from edge_agent.contracts.run_folder.metrics import Metric
from trainer.config.fit import FitConfig
from trainer.data.samples import Dataset
from trainer.data.split import Split
from trainer.statistics.metrics import bootstrapped, macro_f1
from trainer.workflow.crossval import Choice, choose, window_figure, with_options
from trainer.workflow.experiment import run_experiment
from trainer.workflow.leave_out import Protocol, leave_out

Logits = NDArray[np.float32]


@dataclass(frozen=True)
class Fold:
    """Held-out windows of one fold, (N, K) logits by float and by int8; owner: the recording."""

    value: str
    labels: list[str]
    good: list[str]
    truth: NDArray[np.int64]
    logits: Logits
    logits8: Logits
    owner: list[str]
    chosen: Choice
    model_bytes: int
    latency_ms: float
    train_s: float

    @property
    def right(self) -> NDArray[np.bool_]:
        """Whether int8 named each window's label."""
        return np.asarray(self.logits8.argmax(axis=1) == self.truth)

    @property
    def float_right(self) -> NDArray[np.bool_]:
        """The same of the float network."""
        return np.asarray(self.logits.argmax(axis=1) == self.truth)

    @property
    def f1(self) -> float:
        """Macro-F1 of int8."""
        return macro_f1(self.truth, self.logits8.argmax(axis=1), len(self.labels))

    @property
    def faulty(self) -> NDArray[np.bool_]:
        """Whether each window is of a faulty machine."""
        return np.array([self.labels[int(label)] not in self.good for label in self.truth])

    @property
    def scores(self) -> NDArray[np.float64]:
        """The int8 mass of the faults."""
        return bad_mass(softmax(self.logits8), self.labels, self.good)


def run_protocol(
    dataset: Dataset,
    protocol: Protocol,
    config: FitConfig,
    choices: Sequence[Choice] = ({},),
    most: int | None = None,
) -> list[Fold]:
    """Every value held out once; of several choices the inner leave-one-out takes one.

    most: so many of the values are held out; None holds out all.
    """
    folds = []
    for value in protocol.values[:most]:
        chosen, _ = choose(dataset, protocol, value, config, choices)
        split = leave_out(dataset, protocol, value)
        folds.append(run_split(split, with_options(config, chosen), value, chosen))
    return folds


def run_split(split: Split, config: FitConfig, value: str, chosen: Choice) -> Fold:
    """Train, convert to int8, and judge every held-out window by both."""
    started = time.perf_counter()
    experiment = run_experiment(split, config, "benchmark")
    spent = time.perf_counter() - started
    held, dataset = experiment.held_out, split.dataset
    int8 = run_int8(experiment.fitted.model, experiment.calibration, held.inputs)
    return Fold(
        value,
        experiment.spec.labels,
        experiment.spec.good,
        held.targets(dataset),
        experiment.test.outputs,
        int8.outputs,
        [dataset.samples[int(index)].path for index in held.sample],
        chosen,
        int8.model_bytes,
        int8.latency_ms,
        spent,
    )


def accuracy(folds: Sequence[Fold]) -> Metric:
    """The mean over folds of the share of windows that int8 names right."""
    return window_figure([(fold.right, fold.owner) for fold in folds])


def accuracy_over_seeds(seeds: Sequence[Sequence[Fold]]) -> Metric:
    """The mean over seeds of `accuracy`; the interval draws a recording once for all seeds."""
    return window_figure(
        [
            (np.mean([fold.right for fold in same], axis=0), same[0].owner)
            for same in zip(*seeds, strict=True)
        ]
    )


def float_accuracy(folds: Sequence[Fold]) -> float:
    """The mean over folds of what the float network names right."""
    return float(np.mean([fold.float_right.mean() for fold in folds]))


def fault_auroc(folds: Sequence[Fold]) -> Metric:
    """The mean over folds of the area under the curve of fault against none."""
    from trainer.statistics.metrics import auroc

    bad = np.concatenate([fold.faulty for fold in folds])
    scores = np.concatenate([fold.scores for fold in folds])
    place = np.concatenate([np.full(len(fold.truth), n) for n, fold in enumerate(folds)])
    owners = [f"{n} {owner}" for n, fold in enumerate(folds) for owner in fold.owner]

    def mean(rows: NDArray[np.intp]) -> float:
        each = [rows[place[rows] == n] for n in range(len(folds))]
        return float(np.mean([auroc(bad[mine], scores[mine]) for mine in each]))

    return bootstrapped(mean, owners)
