"""Detectors that learnt normal running at some speeds, on a speed they never met.

    python -m benchmarks.unseen_speed DATA_DIR [--model NAME] [--only SPEED ...] [--windows N]

DATA_DIR holds fan_17_speeds. Each speed of 60 % and more is held out once: normal runs of all other
speeds train, their last third chooses the threshold. A station without a baseline judges all of the
held-out speed; one with a baseline stands on the first windows of the first third of the normal run
(they are a second long and overlap by half) and judges the other two thirds.
Faults are all windows of both imbalances at the held-out speed. int8 on LiteRT.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.fan import baseline_of, conditions
from benchmarks.int8 import run_int8
from benchmarks.rows import Row, print_rows, say
from edge_agent.contracts.vibration.baseline import MIN_WINDOWS
from trainer.config.fit import FitConfig
from trainer.console.progress import SilentProgress
from trainer.console.tf_log import quiet_tensorflow
from trainer.data.load import load_dataset
from trainer.data.prepare import InputSpec, prepare
from trainer.data.samples import Dataset, Indices
from trainer.data.split import Split
from trainer.statistics.metrics import auroc, share
from trainer.workflow.experiment import Experiment, run_experiment

LEAST_PERCENT = 60
MODELS = ("conv1d-autoencoder", "mahalanobis")
Scores = NDArray[np.float32]


@dataclass(frozen=True)
class Judged:
    """int8 scores of normal and of unbalanced windows, and the station's threshold."""

    normal: Scores
    faulty: Scores
    threshold: float

    @property
    def false_alarms(self) -> int:
        """Normal windows that alarm."""
        return int((self.normal >= self.threshold).sum())

    @property
    def found(self) -> int:
        """Unbalanced windows that alarm."""
        return int((self.faulty >= self.threshold).sum())

    @property
    def auroc(self) -> float:
        """How well the scores rank, whatever the threshold."""
        bad = np.repeat([False, True], [len(self.normal), len(self.faulty)])
        return auroc(bad, np.concatenate([self.normal, self.faulty]).astype(np.float64))


def main(argv: Sequence[str] | None = None) -> int:
    """Print the rows; 0 always, since a figure missed is still a figure."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.unseen_speed")
    parser.add_argument("data", type=Path, metavar="DATA_DIR")
    parser.add_argument("--model", action="append", choices=MODELS)
    parser.add_argument("--only", action="append", metavar="SPEED", help="as in labels.csv: 60%%")
    parser.add_argument("--windows", type=int, default=MIN_WINDOWS, help="of the baseline (20)")
    arguments = parser.parse_args(argv)
    quiet_tensorflow()
    dataset = load_dataset(arguments.data / "fan_17_speeds")
    rows: list[Row] = []
    for model in arguments.model or MODELS:
        config = FitConfig(model=model)
        speeds = arguments.only or [
            one for one in _speeds(dataset) if _percent(one) >= LEAST_PERCENT
        ]
        judged = [left_out(dataset, config, speed, arguments.windows) for speed in speeds]
        rows += _rows(f"fan_17_speeds {model}, without a baseline", [first for first, _ in judged])
        rows += _rows(
            f"fan_17_speeds {model}, after a baseline of {arguments.windows} windows",
            [last for _, last in judged],
        )
    print_rows(rows)
    return 0


def left_out(
    dataset: Dataset, config: FitConfig, speed: str, windows: int
) -> tuple[Judged, Judged]:
    """Judge `speed` by a detector that never met it, without and with a baseline of `windows`."""
    here, bad = conditions(dataset, "speed") == speed, dataset.is_bad()
    part = conditions(dataset, "part")
    train = ~bad & ~here
    split = Split(
        dataset,
        np.flatnonzero(train & (part != "2")),
        np.flatnonzero(train & (part == "2")),
        np.flatnonzero(here),
        f"speed {speed} left out",
    )
    experiment = run_experiment(split, config, "fan")
    scoring, spec = experiment.spec.scoring, experiment.spec.input
    normal, faulty = np.flatnonzero(here & ~bad), np.flatnonzero(here & bad)
    bare = Judged(
        _scores(experiment, dataset, normal, spec),
        _scores(experiment, dataset, faulty, spec),
        scoring.threshold,
    )
    own = part[normal] == "0"
    moved, threshold = baseline_of(experiment, dataset, normal[own], windows)
    based = Judged(
        _scores(experiment, dataset, normal[~own], moved),
        _scores(experiment, dataset, faulty, moved),
        threshold,
    )
    for title, one in (("without", bare), ("with", based)):
        say(
            f"{config.model} {speed} {title} baseline: {one.false_alarms} of {len(one.normal)} "
            f"false, {one.found} of {len(one.faulty)} found, AUROC {one.auroc:.3f}"
        )
    return bare, based


def _scores(experiment: Experiment, dataset: Dataset, samples: Indices, spec: InputSpec) -> Scores:
    inputs = prepare(dataset, samples, spec, SilentProgress(), "").inputs
    return run_int8(experiment.fitted.model, experiment.calibration, inputs).outputs[:, 0]


def _rows(title: str, judged: Sequence[Judged]) -> list[Row]:
    alarms = share(sum(one.false_alarms for one in judged), sum(len(one.normal) for one in judged))
    found = share(sum(one.found for one in judged), sum(len(one.faulty) for one in judged))
    ranked = float(np.mean([one.auroc for one in judged]))
    return [
        Row(f"{title}, false alarms", alarms.value, "lower", "", alarms.n, alarms.ci95, 0.02),
        Row(f"{title}, imbalance found", found.value, "higher", "", found.n, found.ci95, 0.95),
        Row(f"{title}, mean AUROC", ranked, "higher", "", len(judged)),
    ]


def _speeds(dataset: Dataset) -> list[str]:
    return sorted(set(conditions(dataset, "speed").tolist()), key=_percent)


def _percent(speed: str) -> int:
    return int(speed.removesuffix("%"))


if __name__ == "__main__":
    sys.exit(main())
