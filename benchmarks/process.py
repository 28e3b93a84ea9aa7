"""Models of process data on public sets, by their owners' protocols; int8 on LiteRT.

    python -m benchmarks.process DATA_DIR [--only ai4i2020|cmapss|skab] [--quick]

ai4i2020: stratified 5-fold; threshold and pieces from the training folds alone.
cmapss: FD001, official test, remaining life capped at 125; settings fixed on training engines.
skab: every file's detector learns from its first 400 rows, all rows are judged, F1 over all files.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.int8 import Int8, run_int8
from benchmarks.process_sets import (
    SKAB_TRAIN_ROWS,
    PumpFile,
    ai4i_set,
    cmapss_set,
    skab_files,
    skab_set,
)
from benchmarks.rows import Row, print_rows, say
from edge_agent.contracts.core.types import Judgement
from edge_agent.contracts.model.scoring import judge
from edge_agent.contracts.process.input import TabularInput
from edge_agent.contracts.run_folder.metrics import Metric
from trainer.config.fit import FitConfig
from trainer.console.progress import SilentProgress
from trainer.console.tf_log import quiet_tensorflow
from trainer.data.load import load_dataset
from trainer.data.prepare import prepare
from trainer.data.split import Split, plan_split
from trainer.evaluation.gbm_reference import boosted_scores, boosted_values
from trainer.statistics.metrics import average_precision, bootstrapped, rmse
from trainer.workflow.experiment import Experiment, run_experiment

PARTS = ("ai4i2020", "cmapss", "skab")
FOLDS = 5
VAL_SHARE = 0.05
QUICK_FILES = 2


@dataclass(frozen=True)
class Judged:
    """Held-out samples of one fold: truth, and scores and verdicts of float and int8."""

    bad: NDArray[np.bool_]
    float_scores: NDArray[np.float64]
    scores: NDArray[np.float64]
    float_rejected: NDArray[np.bool_]
    rejected: NDArray[np.bool_]


def main(argv: Sequence[str] | None = None) -> int:
    """Print the rows; 0 always, since a figure missed is still a figure."""
    parser = argparse.ArgumentParser(prog="benchmarks.process", description=__doc__)
    parser.add_argument("data_dir", type=Path, metavar="DATA_DIR")
    parser.add_argument("--only", choices=PARTS)
    parser.add_argument("--quick", action="store_true", help="little training: does it run?")
    arguments = parser.parse_args(argv)
    quiet_tensorflow()
    parts = {"ai4i2020": ai4i_rows, "cmapss": cmapss_rows, "skab": skab_rows}
    rows: list[Row] = []
    with tempfile.TemporaryDirectory(prefix="lineside-process-") as folder:
        for name in (arguments.only,) if arguments.only else PARTS:
            rows += parts[name](arguments.data_dir, Path(folder) / name, quick=arguments.quick)
    print_rows(rows)
    return 0


def ai4i_rows(data: Path, folder: Path, *, quick: bool) -> list[Row]:
    """Average precision and F1 of failures over all folds."""
    from sklearn.model_selection import StratifiedKFold, train_test_split

    dataset = load_dataset(ai4i_set(data, folder))
    targets = dataset.targets()
    options: dict[str, Any] = {"members": 1, "teacher_rows": 2000} if quick else {}
    config = FitConfig(epochs=2 if quick else 0, options=options)
    judged, costs, boosted, tested = [], [], [], []
    folds = StratifiedKFold(FOLDS, shuffle=True, random_state=0).split(targets, targets)
    for number, (rest, test) in enumerate(folds):
        train, val = train_test_split(
            rest, test_size=VAL_SHARE, stratify=targets[rest], random_state=0
        )
        split = Split(dataset, np.sort(train), np.sort(val), test, f"stratified fold {number}")
        experiment = run_experiment(split, config, "ai4i")
        int8 = run_int8(experiment.fitted.model, experiment.calibration, experiment.held_out.inputs)
        judged.append(_judged(experiment, int8))
        costs.append(int8)
        boosted.append(boosted_scores(split, _tabular(experiment), config.seed))
        tested.append(test)
        say(f"ai4i2020 fold {number}: {_sentence(judged[-1])}")
        if quick:
            break
    return [
        *_ai4i_figures(_concatenated(judged), np.concatenate(boosted)),
        *_costs("ai4i2020", costs),
    ]


def _ai4i_figures(whole: Judged, boosted: NDArray[np.float64]) -> list[Row]:
    """Of the held-out rows of all folds: ours in int8 and float, and gradient boosting's."""
    title, n = "ai4i2020 stratified 5-fold", len(whole.bad)
    mine, floats = _precision(whole.bad, whole.scores), _precision(whole.bad, whole.float_scores)
    trees = _precision(whole.bad, boosted)
    return [
        _row(f"{title}, average precision int8", mine, reach=0.90, floor=0.902),
        _row(f"{title}, F1 int8", _f1(whole.bad, whole.rejected), reach=0.89, floor=0.892),
        _row(f"{title}, average precision float", floats),
        _row(f"{title}, F1 float", _f1(whole.bad, whole.float_rejected)),
        _row(f"{title}, average precision of gradient boosting", trees),
        Row(
            f"{title}, average precision lost by int8",
            round(floats.value - mine.value, 4),
            "lower",
            "",
            n,
        ),
    ]


def cmapss_rows(data: Path, folder: Path, *, quick: bool) -> list[Row]:
    """RMSE of the remaining life at the cut of every test engine."""
    dataset = load_dataset(cmapss_set(data, folder))
    options: dict[str, Any] = {"members": 1} if quick else {}
    config = FitConfig(epochs=1 if quick else 0, options=options, val_fraction=0.1)
    split = plan_split(dataset, config)
    experiment = run_experiment(split, config, "fd001")
    int8 = run_int8(experiment.fitted.model, experiment.calibration, experiment.held_out.inputs)
    truth = dataset.values()[split.test]
    found = [_judgement(experiment, row) for row in int8.outputs]
    said = np.array([judgement.score for judgement in found])
    ends = np.array([judgement.interval for judgement in found])
    inside = (ends[:, 0] <= truth) & (truth <= ends[:, 1])
    trees = boosted_values(split, _tabular(experiment), config.seed)
    names = [str(place) for place in range(len(truth))]
    title = "cmapss FD001 official test"
    return [
        _error(f"{title}, RMSE int8", truth, said, reach=13.0, floor=12.0),
        _error(f"{title}, RMSE float", truth, experiment.test.scores),
        _error(f"{title}, RMSE of gradient boosting", truth, trees),
        _row(
            f"{title}, true life within the 90 % interval, int8",
            bootstrapped(lambda rows: float(inside[rows].mean()), names),
        ),
        Row(
            f"{title}, mean width of the interval, int8",
            round(float((ends[:, 1] - ends[:, 0]).mean()), 2),
            "lower",
            "cycles",
            len(truth),
        ),
        *_costs("cmapss", [int8]),
    ]


def skab_rows(data: Path, folder: Path, *, quick: bool) -> list[Row]:
    """F1, false alarms and misses over all rows of all files."""
    files = skab_files(data)[: QUICK_FILES if quick else None]
    judged, costs = [], []
    for pump in files:
        one, int8 = _pump(pump, folder / pump.name)
        judged.append(one)
        costs.append(int8)
        say(f"skab {pump.name}: {_sentence(one)}")
    whole = _concatenated(judged)
    owners = [pump.name for pump in files for _ in pump.rows]
    title = f"skab owner's protocol, {len(files)} files"
    bad, rejected = whole.bad, whole.rejected
    return [
        _row(f"{title}, F1 int8", _f1(bad, rejected, owners), reach=0.78, floor=0.78),
        _row(f"{title}, F1 float", _f1(bad, whole.float_rejected, owners)),
        Row(f"{title}, false alarms int8", _share(rejected[~bad]), "lower", "", int((~bad).sum())),
        Row(f"{title}, misses int8", _share(~rejected[bad]), "lower", "", int(bad.sum())),
        _row(f"{title}, agreement of int8", _agreement(whole, owners), reach=0.995),
        *_costs("skab", costs),
    ]


def _pump(pump: PumpFile, folder: Path) -> tuple[Judged, Int8]:
    """The detector sets its limit by itself, so its validation rows only fill the report."""
    dataset = load_dataset(skab_set(pump, folder))
    every = np.arange(len(pump.rows))
    train = every[:SKAB_TRAIN_ROWS]
    split = Split(dataset, train, train[-20:], every[SKAB_TRAIN_ROWS:], "owner's protocol")
    experiment = run_experiment(split, FitConfig(), "skab")
    prepared = prepare(dataset, every, experiment.spec.input, SilentProgress(), "rows")
    int8 = run_int8(experiment.fitted.model, experiment.calibration, prepared.inputs)
    from trainer.training.predict import predict

    floats = predict(experiment.fitted.model, prepared.inputs)[:, 0].astype(np.float64)
    scores = int8.outputs[:, 0].astype(np.float64)
    threshold = experiment.spec.scoring.threshold
    return (
        Judged(pump.anomalous, floats, scores, floats >= threshold, scores >= threshold),
        int8,
    )


def _judged(experiment: Experiment, int8: Int8) -> Judged:
    found = [_judgement(experiment, row) for row in int8.outputs]
    return Judged(
        experiment.outcome.bad,
        experiment.test.scores,
        np.array([judgement.score for judgement in found]),
        experiment.outcome.rejected,
        np.array([judgement.verdict == "FAIL" for judgement in found]),
    )


def _judgement(experiment: Experiment, outputs: NDArray[np.float32]) -> Judgement:
    spec = experiment.spec
    return judge(outputs, spec.labels, spec.good, spec.scoring)


def _tabular(experiment: Experiment) -> TabularInput:
    spec = experiment.spec.input
    if not isinstance(spec, TabularInput):
        raise TypeError("not process data")
    return spec


def _concatenated(parts: Sequence[Judged]) -> Judged:
    names = ("bad", "float_scores", "scores", "float_rejected", "rejected")
    return Judged(*(np.concatenate([getattr(part, name) for part in parts]) for name in names))


def _precision(bad: NDArray[np.bool_], scores: NDArray[np.float64]) -> Metric:
    names = [str(place) for place in range(len(bad))]
    return bootstrapped(lambda rows: average_precision(bad[rows], scores[rows]), names)


def _f1(
    bad: NDArray[np.bool_], rejected: NDArray[np.bool_], owners: Sequence[str] | None = None
) -> Metric:
    names = owners or [str(place) for place in range(len(bad))]
    return bootstrapped(lambda rows: _f1_of(bad[rows], rejected[rows]), names)


def _agreement(judged: Judged, owners: Sequence[str]) -> Metric:
    """The share of rows that int8 judges as float does."""
    same = judged.rejected == judged.float_rejected
    return bootstrapped(lambda rows: float(same[rows].mean()), owners)


def _f1_of(bad: NDArray[np.bool_], rejected: NDArray[np.bool_]) -> float:
    both = int(bad.sum()) + int(rejected.sum())
    return 2 * int((bad & rejected).sum()) / both if both else float("nan")


def _sentence(one: Judged) -> str:
    return (
        f"F1 int8 {_f1_of(one.bad, one.rejected):.3f}, "
        f"float {_f1_of(one.bad, one.float_rejected):.3f}, {len(one.bad)} rows"
    )


def _share(flags: NDArray[np.bool_]) -> float:
    return round(float(flags.mean()), 4)


def _row(name: str, figure: Metric, reach: float | None = None, floor: float | None = None) -> Row:
    value, low, high = (round(number, 4) for number in (figure.value, *figure.ci95))
    return Row(name, value, "higher", "", figure.n, (low, high), reach, floor)


def _error(
    name: str,
    truth: NDArray[np.float64],
    said: NDArray[np.float64],
    reach: float | None = None,
    floor: float | None = None,
) -> Row:
    names = [str(place) for place in range(len(truth))]
    figure = bootstrapped(lambda rows: rmse(truth[rows], said[rows]), names)
    value, low, high = (round(number, 3) for number in (figure.value, *figure.ci95))
    return Row(name, value, "lower", "cycles", figure.n, (low, high), reach, floor)


def _costs(name: str, models: Sequence[Int8]) -> list[Row]:
    latency_ms = statistics.median(model.latency_ms for model in models)
    kb = max(model.model_bytes for model in models) / 1024
    return [
        Row(f"{name} int8 model, largest", round(kb, 1), "lower", "kB", len(models)),
        Row(f"{name} int8 inference, median", round(latency_ms, 4), "lower", "ms", len(models)),
    ]


if __name__ == "__main__":
    sys.exit(main())
