"""The int8 network's judgement of every held-out sample, by the station's own code."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from edge_agent.contracts.core.errors import ConversionError
from edge_agent.contracts.core.types import Judgement, Tensor
from edge_agent.contracts.model.scoring import decide, judge
from edge_agent.infer.inspector import Inspector
from quantize.run_folder.run import FIT_AGAIN, Run, Sample

TIES = 0.02
"""Of the labels, so many may be ties that another machine decides otherwise."""


def judge_heldout(run: Run, inspector: Inspector) -> list[Sample]:
    """The held-out samples as `inspector` judges them, in the order of run.samples."""
    raw = inspector.raw_outputs(run.heldout)
    return _joined(run, lambda rows: inspector.judge([output[rows] for output in raw]))


def judge_float(run: Run, outputs: Tensor) -> list[Sample]:
    """The held-out samples by the float network's outputs (N, K)."""
    spec = run.spec
    return _joined(run, lambda rows: judge(outputs[rows], spec.labels, spec.good, spec.scoring))


def float_samples(run: Run) -> list[Sample]:
    """predictions.csv, each score held against the threshold of spec.json."""
    return [
        Sample(
            one.row,
            one.path,
            one.label,
            one.predicted,
            one.score,
            str(decide(one.score, run.spec.scoring)[0]),
        )
        for one in run.samples
    ]


def refuse_other_model(run: Run, recomputed: list[Sample]) -> None:
    """predictions.csv must be what model.keras says; raises ConversionError."""
    apart = [
        abs(said.score - found.score) / max(1.0, abs(said.score))
        for said, found in zip(run.samples, recomputed, strict=True)
    ]
    worst = int(np.argmax(apart))
    if not apart[worst] <= 0.01:
        raise ConversionError(
            f"sample {run.samples[worst].row} scores {run.samples[worst].score:.4f} there, "
            f"{recomputed[worst].score:.4f} by model.keras",
            where=str(run.path / "predictions.csv"),
            cure=FIT_AGAIN,
        )
    renamed = sum(a.predicted != b.predicted for a, b in zip(run.samples, recomputed, strict=True))
    if renamed > TIES * len(recomputed):
        raise ConversionError(
            f"{renamed} of {len(recomputed)} labels are others there than by model.keras",
            where=str(run.path / "predictions.csv"),
            cure=FIT_AGAIN,
        )


def _joined(run: Run, judge_rows: Callable[[NDArray[np.intp]], Judgement]) -> list[Sample]:
    samples = []
    for one in run.samples:
        judgement = judge_rows(np.flatnonzero(run.heldout_row == one.row))
        verdict = str(judgement.verdict)
        samples.append(
            Sample(one.row, one.path, one.label, judgement.label, judgement.score, verdict)
        )
    return samples
