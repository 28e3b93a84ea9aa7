"""The int8 network's judgement of every held-out sample, by the station's own code."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from edge_agent.contracts.core.errors import ConversionError
from edge_agent.contracts.core.types import Judgement, Tensor, Verdict
from edge_agent.contracts.model.needs_baseline import withheld
from edge_agent.contracts.model.scoring import judge
from edge_agent.contracts.run_folder.files import FIT_AGAIN
from edge_agent.contracts.run_folder.rows import Prediction
from edge_agent.contracts.run_folder.run import RunFolder
from edge_agent.contracts.run_folder.verdicts import judged_by
from edge_agent.infer.bundle_inspector import BundleInspector

TIES = 0.02
"""Of the labels, so many may be ties that another machine decides otherwise."""


def judge_heldout(run: RunFolder, inspector: BundleInspector) -> list[Prediction]:
    """The held-out samples as `inspector` judges them, in the order of run.predictions."""
    raw = inspector.raw_outputs(run.held_out.inputs)
    return _joined(run, lambda rows: inspector.judge([output[rows] for output in raw]))


def judge_float(run: RunFolder, outputs: Tensor) -> list[Prediction]:
    """The held-out samples by the float network's outputs (N, K)."""
    spec = run.spec
    return _joined(run, lambda rows: judge(outputs[rows], spec.labels, spec.good, spec.scoring))


def float_samples(run: RunFolder) -> list[Prediction]:
    """predictions.csv, judged by the threshold of spec.json."""
    return [judged_by(run.spec, one) for one in run.predictions]


def refuse_other_model(run: RunFolder, recomputed: list[Prediction]) -> None:
    """predictions.csv must be what model.keras says; raises ConversionError."""
    apart = [
        abs(listed.score - judgement.score) / max(1.0, abs(listed.score))
        for listed, judgement in zip(run.predictions, recomputed, strict=True)
    ]
    worst = int(np.argmax(apart))
    if not apart[worst] <= 0.01:
        raise ConversionError(
            f"sample {run.predictions[worst].row} scores {run.predictions[worst].score:.4f} there, "
            f"{recomputed[worst].score:.4f} by model.keras",
            where=str(run.path / "predictions.csv"),
            cure=FIT_AGAIN,
        )
    renamed = sum(
        a.verdict == b.verdict and a.predicted != b.predicted
        for a, b in zip(run.predictions, recomputed, strict=True)
    )
    if renamed > TIES * len(recomputed):
        raise ConversionError(
            f"{renamed} of {len(recomputed)} labels are others there than by model.keras",
            where=str(run.path / "predictions.csv"),
            cure=FIT_AGAIN,
        )


def _joined(
    run: RunFolder, judge_rows: Callable[[NDArray[np.intp]], Judgement]
) -> list[Prediction]:
    samples = []
    for one in run.predictions:
        judgement = judge_rows(np.flatnonzero(run.held_out.row == one.row))
        verdict, needs = judgement.verdict, one.needs_baseline
        verdict = Verdict.NO_VERDICT if withheld(verdict, needs) else verdict
        again = (judgement.label, judgement.score, str(verdict))
        samples.append(Prediction(one.row, one.path, one.label, *again, needs_baseline=needs))
    return samples
