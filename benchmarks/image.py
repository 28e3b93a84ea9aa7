"""The figures of the image models: int8 on LiteRT, one thread, honest folds.

    python -m benchmarks.image DATA_DIR [--weights FILE] [--backbone NAME] [--only NAME ...]
        [--quick] [--folds K]

DATA_DIR holds casting, magnetic_tile, neu_surface, mvtec_bottle, lens_flaws, cookie,
ball_screw_pitting and road_crack_tiles; a set that is absent is left out, and that of the simulated
line (twin_...) is made. k-fold cases pool the
held-out samples of all folds; an eighth of the other groups chooses the epoch. Detectors learn from
good parts alone; every setting is the model's default but where a case says otherwise.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.image_cases import CASES, Case, Part, pooled_figures, present, root_of
from benchmarks.int8 import run_images
from benchmarks.rows import Row, print_rows, say
from edge_agent.contracts.image.input import ImageInput
from trainer.config.fit import FitConfig, ImageTable
from trainer.console.tf_log import quiet_tensorflow
from trainer.data.split import Split
from trainer.evaluation.held_out import outcome_of
from trainer.evaluation.predictions import judge_all
from trainer.workflow.experiment import Experiment, run_experiment


def main(argv: Sequence[str] | None = None) -> int:
    """Run the chosen cases and print their rows."""
    arguments = _arguments(argv)
    quiet_tensorflow()
    rows: list[Row] = []
    for case in CASES:
        if arguments.only and case.name not in arguments.only:
            continue
        if not present(case, arguments.data):
            say(f"{case.name}: no {case.folder} in {arguments.data}")
            continue
        with root_of(case, arguments.data) as root:
            rows += measure(case, root, arguments)
    print_rows(rows)
    return 0


def measure(case: Case, root: Path, arguments: argparse.Namespace) -> list[Row]:
    """The rows of one case, whose set lies in `root`."""
    parts: list[Part] = []
    splits = case.splits(root)
    for place, split in enumerate(splits[: arguments.folds or (1 if arguments.quick else None)]):
        started = time.perf_counter()
        image = ImageTable(standardise=case.standardise, cut_out=case.cut_out)
        config = FitConfig(
            model=case.model,
            weights=arguments.weights,
            backbone=arguments.backbone,
            seed=arguments.seed,
            image=image,
            options=dict(case.options),
        )
        if arguments.quick:
            small = image.model_copy(update={"size_px": 64})
            config = config.model_copy(update={"epochs": 1, "image": small})
            split = _thinned(split)
        experiment = run_experiment(split, config, case.name.replace("_", "-"))
        parts.append(_int8(experiment, time.perf_counter() - started))
        said = {name: round(value, 4) for name, value in parts[-1].said().items()}
        say(f"{case.name} part {place + 1} of {len(splits)}: {said}")
    return pooled_figures(case, parts)


def _int8(experiment: Experiment, train_s: float) -> Part:
    """The held-out samples as the int8 file judges them."""
    result = run_images(experiment.fitted.model, experiment.calibration, experiment.held_out.inputs)
    split, spec = experiment.split, experiment.spec
    judged = judge_all(
        result.outputs,
        experiment.held_out,
        split.test,
        spec.scoring,
        spec.labels,
        spec.good,
        experiment.test.needs,
    )
    return Part(
        split,
        outcome_of(split, spec, judged),
        experiment.outcome,
        result.latency_ms,
        result.model_bytes,
        train_s,
        result.heat,
        spec.input if isinstance(spec.input, ImageInput) else None,
    )


def _thinned(split: Split, most: int = 40) -> Split:
    """A split small enough for a smoke run."""
    return replace(
        split,
        train=_spread(split.train, most),
        val=_spread(split.val, most),
        test=_spread(split.test, most),
    )


def _spread(indices: NDArray[np.intp], most: int) -> NDArray[np.intp]:
    step = max(1, len(indices) // most)
    return indices[::step]


def _arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.image")
    parser.add_argument("data", type=Path, metavar="DATA_DIR")
    parser.add_argument(
        "--weights",
        help="imagenet, none or a weights file (default: DATA_DIR/../weights/*.h5, else imagenet)",
    )
    parser.add_argument("--backbone", default="auto", help="default: the one of the weights")
    parser.add_argument("--only", action="append", choices=[case.name for case in CASES])
    parser.add_argument("--folds", type=int, default=0, help="only the first K folds")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--quick", action="store_true", help="a smoke run: one fold, few samples")
    arguments = parser.parse_args(argv)
    beside = sorted((arguments.data.resolve().parent / "weights").glob("mobilenet_v2*.h5"))
    arguments.weights = arguments.weights or (str(beside[0]) if beside else "imagenet")
    return arguments


if __name__ == "__main__":
    sys.exit(main())
