"""A detector on a ceiling fan: other speeds, and a sensor that is moved, after a short baseline."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

import numpy as np
from numpy.typing import NDArray

from benchmarks.int8 import Int8, run_int8, run_payload
from benchmarks.rows import Row, say
from edge_agent.contracts.core.types import Tensor
from edge_agent.contracts.vibration.baseline import (
    judged_by_others,
    raised_threshold,
    raw_features,
    rebase,
)
from edge_agent.contracts.vibration.input import VibrationInput
from trainer.config.fit import FitConfig
from trainer.console.progress import SilentProgress
from trainer.data.prepare import prepare
from trainer.data.samples import Dataset, Indices
from trainer.data.split import Split
from trainer.statistics.metrics import auroc, bootstrapped, share
from trainer.workflow.experiment import Experiment, run_experiment

BASELINE = 60
"""Windows of one second."""

BLOCKS = 5
SPEEDS = ("low", "med", "high")
MODELS = ("conv1d-autoencoder", "mahalanobis")


@dataclass(frozen=True)
class Station:
    """A station after its baseline: int8 scores of normal and of unbalanced running."""

    value: str
    threshold: float
    normal: NDArray[np.float32]
    unbalanced: NDArray[np.float32]

    @property
    def false_alarms(self) -> int:
        """Normal windows that alarm."""
        return int((self.normal >= self.threshold).sum())

    @property
    def detected(self) -> int:
        """Unbalanced windows that alarm."""
        return int((self.unbalanced >= self.threshold).sum())


def fan_rows(dataset: Dataset, config: FitConfig) -> list[Row]:
    """The figures of both detectors, and of the first without the sensor's lean."""
    rows: list[Row] = []
    for model in MODELS:
        chosen = config.model_copy(update={"model": model})
        rows += _model_rows(dataset, chosen, model, complete=model == MODELS[0])
    blind = {"model": MODELS[0], "options": {"posture": False}}
    found, _ = _known(dataset, config.model_copy(update=blind))
    rows.append(_auroc_row("ceiling_fan AUROC int8, vibration alone, without lean", found))
    return rows


def _model_rows(dataset: Dataset, config: FitConfig, model: str, *, complete: bool) -> list[Row]:
    title = f"ceiling_fan {model}"
    found, cost = _known(dataset, config)
    rows = [_auroc_row(f"{title} AUROC int8, held-out minutes", found, 0.99)]
    if complete:
        stations = [_station(dataset, config, value) for value in (*SPEEDS, "moved")]
        rows += _station_rows(title, stations)
    return [
        *rows,
        Row(f"{title} model", round(cost.model_bytes / 1024, 1), "lower", "kB", 1, reach=64),
        Row(f"{title} int8 window", round(cost.latency_ms, 4), "lower", "ms", 1, reach=1),
    ]


def _station_rows(title: str, stations: Sequence[Station]) -> list[Row]:
    rows = []
    for station in stations:
        where = "moved sensor" if station.value == "moved" else f"unseen speed {station.value}"
        alarms = share(station.false_alarms, len(station.normal))
        said = f"{title} false alarms, {where}, after a {BASELINE} s baseline"
        rows.append(Row(said, round(alarms.value, 4), "lower", "", alarms.n, alarms.ci95, 0.10))
        found = share(station.detected, len(station.unbalanced))
        said = f"{title} imbalance detected, {where}, after the baseline"
        rows.append(Row(said, round(found.value, 4), "higher", "", found.n, found.ci95))
    return rows


def _known(
    dataset: Dataset, config: FitConfig
) -> tuple[list[tuple[NDArray[np.bool_], NDArray[np.float32]]], Int8]:
    """(unbalanced, int8 score) of every block of minutes held out, and the last model's cost."""
    blocks = numbers(dataset) * BLOCKS // (numbers(dataset).max() + 1)
    fixed, bad = conditions(dataset, "mounting") == "fixed", dataset.is_bad()
    found = []
    for block in range(BLOCKS):
        train = np.flatnonzero(fixed & ~bad & (blocks != block))
        test = np.flatnonzero(fixed & (blocks == block))
        experiment, cost = _fit(dataset, config, train, test)
        found.append((bad[experiment.held_out.sample], cost.outputs[:, 0]))
        say(f"ceiling_fan {config.model} block {block}: {auroc(*_pair(found[-1])):.4f}")
    return found, cost


def _station(dataset: Dataset, config: FitConfig, value: str) -> Station:
    """Train without `value`, take BASELINE normal windows there, judge the rest."""
    moved, bad = conditions(dataset, "mounting") == "moved", dataset.is_bad()
    speeds = conditions(dataset, "speed")
    here = moved if value == "moved" else (speeds == value) & ~moved
    asked = (speeds == ("low" if value == "moved" else value)) & bad
    experiment, _ = _fit(
        dataset, config, np.flatnonzero(~bad & ~moved & ~here), np.flatnonzero(here)
    )
    normal = _in_time(dataset, np.flatnonzero(here & ~bad))
    spec, threshold = baseline_of(experiment, dataset, normal[:BASELINE])
    scores = [
        _scores(experiment, prepare(dataset, indices, spec, SilentProgress(), "").inputs)
        for indices in (normal[BASELINE:], np.flatnonzero(asked))
    ]
    station = Station(value, threshold, scores[0], scores[1])
    say(
        f"ceiling_fan {config.model} {value}: {station.false_alarms} of {len(scores[0])} false, "
        f"{station.detected} of {len(scores[1])} detected"
    )
    return station


def baseline_of(
    experiment: Experiment,
    dataset: Dataset,
    indices: Indices,
    most: int | None = None,
    payload: bytes | None = None,
) -> tuple[VibrationInput, float]:
    """The input that stands on the windows of these normal samples, on the first `most` of them,
    and the station's threshold.

    payload: the network as int8, where it was converted already.
    """
    spec = experiment.spec.input
    if not isinstance(spec, VibrationInput):
        raise TypeError("not a vibration model")
    raw = prepare(dataset, indices, raw_features(spec), SilentProgress(), "").inputs
    raw = raw[:most]
    own = judged_by_others(spec, raw)
    scores = run_payload(payload, own).outputs[:, 0] if payload else _scores(experiment, own)
    threshold = raised_threshold(scores, experiment.spec.scoring.threshold)
    return rebase(spec, raw), threshold


def _fit(
    dataset: Dataset, config: FitConfig, train: Indices, test: Indices
) -> tuple[Experiment, Int8]:
    """Every fifth training second chooses the threshold."""
    ordered = _in_time(dataset, train)
    val = ordered[4::5]
    split = Split(dataset, np.setdiff1d(ordered, val), val, test, "normal only")
    started = time.perf_counter()
    experiment = run_experiment(split, config, "fan")
    say(f"ceiling_fan {config.model} trained in {time.perf_counter() - started:.1f} s")
    return experiment, run_int8(
        experiment.fitted.model, experiment.calibration, experiment.held_out.inputs
    )


def _scores(experiment: Experiment, inputs: Tensor) -> NDArray[np.float32]:
    return run_int8(experiment.fitted.model, experiment.calibration, inputs).outputs[:, 0]


def _auroc_row(
    name: str,
    found: Sequence[tuple[NDArray[np.bool_], NDArray[np.float32]]],
    reach: float | None = None,
) -> Row:
    bad = np.concatenate([truth for truth, _ in found])
    scores = np.concatenate([values for _, values in found]).astype(np.float64)
    place = np.concatenate([np.full(len(truth), n) for n, (truth, _) in enumerate(found)])

    def mean(rows: NDArray[np.intp]) -> float:
        each = [rows[place[rows] == n] for n in range(len(found))]
        return float(np.mean([auroc(bad[mine], scores[mine]) for mine in each]))

    figure = bootstrapped(mean, [str(row) for row in range(len(bad))])
    low, high = (round(edge, 4) for edge in figure.ci95)
    return Row(name, round(figure.value, 4), "higher", "", figure.n, (low, high), reach)


def conditions(dataset: Dataset, column: str) -> NDArray[np.str_]:
    """The value of a column for every sample."""
    return np.array([sample.conditions[column] for sample in dataset.samples])


def numbers(dataset: Dataset) -> NDArray[np.int64]:
    """The second in which each file was recorded: its name."""
    return np.array([int(PurePosixPath(sample.path).stem) for sample in dataset.samples])


def _in_time(dataset: Dataset, indices: Indices) -> Indices:
    return indices[np.argsort(numbers(dataset)[indices], kind="stable")]


def _pair(
    found: tuple[NDArray[np.bool_], NDArray[np.float32]],
) -> tuple[NDArray[np.bool_], NDArray[np.float64]]:
    return found[0], found[1].astype(np.float64)
