"""Detectors that learnt normal running at some speeds, on a speed they never met.

    python -m benchmarks.unseen_speed DATA_DIR [--set NAME ...] [--model NAME ...]
        [--only SPEED ...] [--learn SPEED,SPEED ...] [--windows N ...]

DATA_DIR holds fan_17_speeds, ceiling_fan and hitsm_mfs; motors are simulated. Each speed is held
out once, or with --learn all but those named: two thirds of the normal running at all other speeds
train, the last third chooses the threshold. A station without a baseline judges all of the held-out
speed, and the faults of the known ones; one with a baseline stands on the first windows of the
first third of the normal running and judges the other two thirds. Faults are all faulty windows at
the speed. int8 on LiteRT; each window is a reading of its own.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from benchmarks.fan import baseline_of, conditions
from benchmarks.int8 import convert, run_payload
from benchmarks.rows import Row, print_rows, say
from benchmarks.unseen_speed_sets import SETS, SpeedSet
from edge_agent.contracts.core.types import Recording
from edge_agent.contracts.vibration.baseline import MIN_WINDOWS
from edge_agent.contracts.vibration.input import VibrationInput, cut_windows, resample
from trainer.config.fit import FitConfig, VibrationTable
from trainer.console.progress import SilentProgress
from trainer.console.tf_log import quiet_tensorflow
from trainer.data.prepare import prepare, read_sample
from trainer.data.samples import Dataset, Indices
from trainer.data.split import Split
from trainer.statistics.metrics import auroc, share
from trainer.workflow.experiment import Experiment, run_experiment

MODELS = ("conv1d-autoencoder", "mahalanobis")
Scores = NDArray[np.float32]
Flags = NDArray[np.bool_]


@dataclass(frozen=True)
class Judged:
    """int8 scores of windows, the station's threshold, and which windows need a baseline."""

    scores: Scores
    threshold: float
    unknown: Flags

    @property
    def alarms(self) -> int:
        """Windows that FAIL."""
        return int(((self.scores >= self.threshold) & ~self.unknown).sum())

    @property
    def over(self) -> int:
        """Windows at or over the threshold: those that FAIL where a known speed is stated."""
        return int((self.scores >= self.threshold).sum())

    @property
    def passed(self) -> int:
        """Windows that PASS."""
        return int(((self.scores < self.threshold) & ~self.unknown).sum())


@dataclass(frozen=True)
class LeftOut:
    """One speed left out. bare: without a baseline; based: by windows of the baseline."""

    normal: Judged
    faulty: Judged
    known_faulty: Judged
    based: dict[int, tuple[Judged, Judged]]


def main(argv: Sequence[str] | None = None) -> int:
    """Print the rows; 0 always, since a figure missed is still a figure."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.unseen_speed")
    parser.add_argument("data", type=Path, metavar="DATA_DIR")
    parser.add_argument("--set", action="append", choices=sorted(SETS), help="all by default")
    parser.add_argument("--model", action="append", choices=MODELS)
    parser.add_argument("--only", action="append", metavar="SPEED", help="as in labels.csv: 60%%")
    parser.add_argument(
        "--learn", action="append", metavar="SPEEDS", help="these alone: 60%%,65%%; run at the rest"
    )
    parser.add_argument("--windows", action="append", type=int, help="of the baseline")
    arguments = parser.parse_args(argv)
    quiet_tensorflow()
    rows: list[Row] = []
    for name in arguments.set or SETS:
        for model in arguments.model or MODELS:
            with tempfile.TemporaryDirectory() as work:
                sets = SETS[name](arguments.data, Path(work))
                windows = arguments.windows or [MIN_WINDOWS]
                found = [one for each in sets for one in _leave(each, model, arguments, windows)]
            rows += _rows(f"{name} {model}", found, windows)
    print_rows(rows)
    return 0


def _leave(
    speed_set: SpeedSet, model: str, asked: argparse.Namespace, windows: Sequence[int]
) -> Iterator[LeftOut]:
    """Every speed left out, or those that were asked for; or all that --learn does not name."""
    samples = speed_set.window_samples
    config = FitConfig(
        model=model,
        vibration=VibrationTable(window_samples=samples, hop_samples=samples),
    )
    all_speeds = sorted(set(conditions(speed_set.dataset, "speed").tolist()))
    rounds = [one.split(",") for one in asked.learn or []] or [
        [other for other in all_speeds if other != speed]
        for speed in asked.only or speed_set.speeds
    ]
    for learnt in rounds:
        for speed, found in left_out(speed_set, config, learnt, windows):
            named = f" learnt at {','.join(learnt)}" if asked.learn else ""
            _say(f"{speed_set.name} {model}{named} {speed}", found)
            yield found


def left_out(
    speed_set: SpeedSet, config: FitConfig, learnt: Sequence[str], windows: Sequence[int]
) -> Iterator[tuple[str, LeftOut]]:
    """Judge each speed that is not learnt, without and with baselines of `windows`.

    The faults of known speeds are judged once, beside the first of the others.
    """
    dataset = speed_set.dataset
    speeds, bad = conditions(dataset, "speed"), dataset.is_bad()
    unseen = [one for one in speed_set.speeds if one not in learnt]
    known, part = np.isin(speeds, learnt), conditions(dataset, "part")
    train = ~bad & known
    split = Split(
        dataset,
        np.flatnonzero(train & (part != "2")),
        np.flatnonzero(train & (part == "2")),
        np.flatnonzero(np.isin(speeds, unseen)),
        f"learnt at {', '.join(learnt)}",
    )
    experiment = run_experiment(split, config, "fan")
    network = convert(experiment.fitted.model, experiment.calibration)
    asked = np.flatnonzero(bad & known & np.isin(speeds, speed_set.speeds))[:: speed_set.every]
    known_faulty = _bare(experiment, network, dataset, asked)
    for speed in unseen:
        here = speeds == speed
        normal, faulty = np.flatnonzero(here & ~bad), np.flatnonzero(here & bad)
        bare = [_bare(experiment, network, dataset, chosen) for chosen in (normal, faulty)]
        own, based = part[normal] == "0", {}
        for count in windows:
            spec, threshold = baseline_of(experiment, dataset, normal[own], count, network)
            based[count] = (
                _judged(network, dataset, normal[~own], spec, threshold),
                _judged(network, dataset, faulty, spec, threshold),
            )
        yield speed, LeftOut(bare[0], bare[1], known_faulty, based)
        known_faulty = Judged(np.empty(0, np.float32), known_faulty.threshold, np.empty(0, bool))


def _bare(experiment: Experiment, network: bytes, dataset: Dataset, samples: Indices) -> Judged:
    """As a station without a baseline judges, which says where it needs one."""
    spec, known = experiment.spec.input, experiment.spec.conditions
    if not isinstance(spec, VibrationInput) or known is None:
        raise TypeError("not a detector of vibration")
    judged = _judged(network, dataset, samples, spec, experiment.spec.scoring.threshold)
    alarmed = judged.scores >= judged.threshold
    windows = (one for sample in samples for one in _windows(dataset, int(sample), spec))
    pairs = zip(windows, alarmed, strict=True)
    unknown = [bool(known.unknown(one, spec, alarmed=bool(over))) for one, over in pairs]
    return Judged(judged.scores, judged.threshold, np.array(unknown, bool))


def _windows(dataset: Dataset, sample: int, spec: VibrationInput) -> Iterator[Recording]:
    """Each window of a sample as a recording, in the order of its inputs."""
    whole = read_sample(dataset, sample)
    signal = resample(whole.signal, whole.rate_hz, spec.rate_hz, spec.resampling)
    for one in cut_windows(signal, spec.window_samples, spec.hop_samples):
        yield Recording(one, spec.rate_hz, whole.axes, whole.unit, whole.source, whole.rpm)


def _judged(
    network: bytes, dataset: Dataset, samples: Indices, spec: VibrationInput, threshold: float
) -> Judged:
    inputs = prepare(dataset, samples, spec, SilentProgress(), "").inputs
    outputs = run_payload(network, inputs).outputs
    return Judged(outputs[:, 0], threshold, np.zeros(len(outputs), bool))


def _say(title: str, found: LeftOut) -> None:
    for name, one in (
        ("normal", found.normal),
        ("faults", found.faulty),
        ("faults of known speeds", found.known_faulty),
    ):
        say(
            f"{title} without a baseline, {name}: {one.passed} PASS, {one.alarms} FAIL, "
            f"{int(one.unknown.sum())} need one, of {len(one.scores)}"
        )
    for count, (normal, faulty) in found.based.items():
        say(
            f"{title} after {count} windows: {normal.alarms} of {len(normal.scores)} false, "
            f"{faulty.alarms} of {len(faulty.scores)} found"
        )


def _rows(title: str, found: Sequence[LeftOut], windows: Sequence[int]) -> list[Row]:
    bare = f"{title}, without a baseline"
    normal, faulty = [one.normal for one in found], [one.faulty for one in found]
    known = [one.known_faulty for one in found]
    rows = [
        _share(f"{bare}, false alarms", [one.alarms for one in normal], normal, "lower", 0.02),
        _share(f"{bare}, normal told to need one", _told(normal), normal, "higher"),
        _share(f"{bare}, faults passed", [one.passed for one in faulty], faulty, "lower", 0.05),
        _share(f"{bare}, faults told to need one", _told(faulty), faulty, "higher"),
        _share(f"{bare}, faults of known speeds found", _found(known), known, "higher", 0.95),
        _share(f"{bare}, the same with the speed stated", [k.over for k in known], known, "higher"),
        _share(f"{bare}, faults of known speeds passed", [k.passed for k in known], known, "lower"),
    ]
    for count in windows:
        based = f"{title}, after a baseline of {count} windows"
        normal, faulty = ([one.based[count][place] for one in found] for place in (0, 1))
        ranked = float(np.mean([_auroc(*one.based[count]) for one in found]))
        rows += [
            _share(f"{based}, false alarms", _found(normal), normal, "lower", 0.02),
            _share(f"{based}, faults found", _found(faulty), faulty, "higher", 0.95),
            Row(f"{based}, mean AUROC", round(ranked, 4), "higher", "", len(found)),
        ]
    return rows


def _found(judged: Sequence[Judged]) -> list[int]:
    return [one.alarms for one in judged]


def _told(judged: Sequence[Judged]) -> list[int]:
    return [int(one.unknown.sum()) for one in judged]


def _share(
    name: str,
    counts: Sequence[int],
    of: Sequence[Judged],
    better: Literal["higher", "lower"],
    reach: float | None = None,
) -> Row:
    found = share(sum(counts), sum(len(one.scores) for one in of))
    low, high = (round(edge, 4) for edge in found.ci95)
    return Row(name, round(found.value, 4), better, "", found.n, (low, high), reach)


def _auroc(normal: Judged, faulty: Judged) -> float:
    bad = np.repeat([False, True], [len(normal.scores), len(faulty.scores)])
    return auroc(bad, np.concatenate([normal.scores, faulty.scores]).astype(np.float64))


if __name__ == "__main__":
    sys.exit(main())
