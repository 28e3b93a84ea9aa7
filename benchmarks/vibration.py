"""Vibration models on real rigs, under conditions that were not in training; int8 on LiteRT.

    python -m benchmarks.vibration DATA_DIR [--only cwru|hitsm_mfs|ceiling_fan] [--choose]
        [--seeds N] [--quick]

DATA_DIR holds cwru, hitsm_mfs and ceiling_fan with their dataset.toml. --choose picks what is
heard by leaving out conditions among the training ones, instead of taking the default recipe.
--seeds trains the two headline rows (fault size and speed left out) from so many seeds.
"""

from __future__ import annotations

import argparse
import itertools
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from benchmarks.conditions import (
    Fold,
    accuracy,
    accuracy_over_seeds,
    fault_auroc,
    float_accuracy,
    run_protocol,
    run_split,
)
from benchmarks.fan import fan_rows
from benchmarks.rows import Row, print_rows, say
from edge_agent.contracts.run_folder.metrics import Metric
from trainer.config.fit import FitConfig
from trainer.console.tf_log import quiet_tensorflow
from trainer.data.load import load_dataset
from trainer.data.samples import Dataset
from trainer.data.split import Split
from trainer.workflow.crossval import Choice
from trainer.workflow.leave_out import protocol_of

PARTS = ("cwru", "hitsm_mfs", "ceiling_fan")
CHOICES: tuple[Choice, ...] = (
    {"features": "all"},
    {"features": "both"},
    {"features": "envelope"},
    {"features": "spectrum"},
)
STRETCHES = 8


@dataclass(frozen=True)
class Asked:
    """How the labelled sets are trained, and from how many seeds their headline rows.

    most: so many conditions are held out, one after the other; None holds out all.
    """

    config: FitConfig
    choices: Sequence[Choice]
    seeds: int
    most: int | None = None


def main(argv: Sequence[str] | None = None) -> int:
    """Print the rows; 0 always, since a figure missed is still a figure."""
    parser = argparse.ArgumentParser(prog="benchmarks.vibration", description=__doc__)
    parser.add_argument("data_dir", type=Path, metavar="DATA_DIR")
    parser.add_argument("--only", choices=PARTS)
    parser.add_argument("--model", default="auto", help="of the labelled sets (conv1d)")
    parser.add_argument("--choose", action="store_true", help="choose what is heard inside")
    parser.add_argument("--seeds", type=int, default=1, help="of the two headline rows")
    parser.add_argument(
        "--quick", action="store_true", help="one epoch, one condition: does it run?"
    )
    arguments = parser.parse_args(argv)
    quiet_tensorflow()
    config = FitConfig(model=arguments.model, epochs=1 if arguments.quick else 0)
    choices, most = CHOICES if arguments.choose else ({},), 1 if arguments.quick else None
    asked = Asked(config, choices, max(1, arguments.seeds), most)
    rows: list[Row] = []
    for part in (arguments.only,) if arguments.only else PARTS:
        rows += _part(part, arguments.data_dir / part, asked)
    print_rows(rows)
    return 0


def _part(name: str, folder: Path, asked: Asked) -> list[Row]:
    dataset = load_dataset(folder)
    if name == "cwru":
        return _cwru(dataset, asked)
    if name == "hitsm_mfs":
        return _hitsm(dataset, asked)
    return fan_rows(dataset, asked.config.model_copy(update={"model": "auto"}))


def _seeded(dataset: Dataset, column: str, asked: Asked, said: str) -> list[list[Fold]]:
    """The folds of the protocol that leaves `column` out, once for each seed."""
    protocol, runs = protocol_of(dataset, column), []
    for seed in range(asked.seeds):
        config = asked.config.model_copy(update={"seed": asked.config.seed + seed})
        runs.append(run_protocol(dataset, protocol, config, asked.choices, asked.most))
        _say(f"{said}, seed {config.seed}", runs[-1])
    return runs


def _cwru(dataset: Dataset, asked: Asked) -> list[Row]:
    title = "cwru leave one fault size out, accuracy int8"
    seeds = _seeded(dataset, r"bearing~(\d+)$", asked, "cwru fault size")
    sizes = seeds[0]
    loads = run_protocol(dataset, protocol_of(dataset, "load"), asked.config, most=asked.most)
    _say("cwru load", loads)
    leaky = run_split(leaky_split(dataset), asked.config, "random stretches", {})
    _say("cwru random stretches", [leaky])
    floors = {"007": 0.428, "014": 0.323, "021": 0.428}
    return [
        _row(title, accuracy(sizes), reach=0.75, floor=0.393),
        *_seed_rows(title, seeds, reach=0.75),
        *(_row(f"{title}, {f.value} mil", accuracy([f]), floor=floors[f.value]) for f in sizes),
        _macro("cwru leave one fault size out, macro-F1 int8", sizes),
        _row("cwru leave one load out, accuracy int8", accuracy(loads), reach=0.995, floor=0.97),
        _row("cwru random stretches of the same recordings (leaky)", accuracy([leaky])),
        *_costs("cwru", [*sizes, *loads]),
    ]


def _hitsm(dataset: Dataset, asked: Asked) -> list[Row]:
    title = "hitsm_mfs leave one speed out, 7 states, accuracy int8"
    seeds = _seeded(dataset, "speed", asked, "hitsm_mfs speed")
    speeds = seeds[0]
    floors = {"600rpm": 0.423, "900rpm": 0.627, "1200rpm": 0.520}
    return [
        _row(title, accuracy(speeds), reach=0.80, floor=0.523),
        *_seed_rows(title, seeds, reach=0.80),
        *(_row(f"{title}, {f.value}", accuracy([f]), floor=floors[f.value]) for f in speeds),
        _row("hitsm_mfs fault present, AUROC int8", fault_auroc(speeds), reach=0.98),
        *_costs("hitsm_mfs", speeds),
    ]


def leaky_split(dataset: Dataset) -> Split:
    """Random stretches of the same recordings: what many papers print, and no plant ever meets."""
    rng = np.random.default_rng(0)
    edges = np.linspace(0, 1, STRETCHES + 1)
    pieces = [
        replace(sample, span=(float(low), float(high)))
        for sample in dataset.samples
        for low, high in itertools.pairwise(edges)
    ]
    order = rng.permutation(len(pieces))
    third = len(order) // 3
    cut = dataset.with_samples(pieces)
    test, val, train = order[:third], order[third : third + third // 2], order[third + third // 2 :]
    return Split(cut, np.sort(train), np.sort(val), np.sort(test), "random stretches")


def _row(name: str, figure: Metric, reach: float | None = None, floor: float | None = None) -> Row:
    value, low, high = (round(number, 4) for number in (figure.value, *figure.ci95))
    return Row(name, value, "higher", "", figure.n, (low, high), reach, floor)


def _seed_rows(title: str, seeds: Sequence[Sequence[Fold]], reach: float) -> list[Row]:
    """The mean over all seeds and the worst of them; nothing for a single seed."""
    if len(seeds) < 2:
        return []
    worst, count = min(accuracy(folds).value for folds in seeds), len(seeds)
    return [
        _row(f"{title}, mean of {count} seeds", accuracy_over_seeds(seeds), reach=reach),
        Row(f"{title}, worst of {count} seeds", round(worst, 4), "higher", "", count, reach=reach),
    ]


def _macro(name: str, folds: Sequence[Fold]) -> Row:
    count = sum(len(fold.truth) for fold in folds)
    return Row(name, round(float(np.mean([fold.f1 for fold in folds])), 4), "higher", "", count)


def _costs(name: str, folds: Sequence[Fold]) -> list[Row]:
    """What int8 cost, and the model's size, latency and training time: the worst of the folds."""
    loss = float_accuracy(folds) - accuracy(folds).value
    latency_ms = max(fold.latency_ms for fold in folds)
    train_s = max(fold.train_s for fold in folds)
    model_kb = max(fold.model_bytes for fold in folds) / 1024
    count = len(folds)
    return [
        Row(f"{name} accuracy lost by int8", round(loss, 4), "lower", "", count, reach=0.005),
        Row(f"{name} model", round(model_kb, 1), "lower", "kB", count, reach=64),
        Row(f"{name} int8 window, median", round(latency_ms, 4), "lower", "ms", count, reach=1),
        Row(f"{name} preparing and training", round(train_s, 1), "lower", "s", count, reach=300),
    ]


def _say(title: str, folds: Sequence[Fold]) -> None:
    for fold in folds:
        chosen = f" {fold.chosen}" if fold.chosen else ""
        say(
            f"{title} {fold.value}{chosen}: int8 {fold.right.mean():.3f}, "
            f"float {fold.float_right.mean():.3f}, {len(fold.truth)} windows"
        )


if __name__ == "__main__":
    sys.exit(main())
