"""A threshold lowered by the largest score loss that rounding causes near it.

Among many defects some score just above the threshold, and the least rounding passes one of them.
Where that is all that the gate finds, the threshold of the bundle is lowered by the most that
rounding took from the training samples whose scores lie nearest to it. What it costs, parts newly
rejected, the gate then counts on held-out samples.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from edge_agent.contracts.core.types import Tensor
from edge_agent.contracts.model.scoring import judge
from edge_agent.contracts.run_folder.run import RunFolder
from quantize.convert.conversion_process import Converted, spread
from quantize.pack.bundle import Draft
from quantize.prove.gate import Comparison

NEAREST = 40
"""Training samples by which the rounding at the threshold is judged."""


@dataclass(frozen=True)
class Lowered:
    """A draft whose threshold was lowered by so much, and how it compares."""

    ready: Draft
    comparison: Comparison
    lowered: float


def lower_threshold(
    run: RunFolder, converted: Converted, ready: Draft, samples: int
) -> tuple[Draft, float] | None:
    """`ready` with a lowered threshold, and by how much; None where nothing can be lowered.

    samples: the calibration samples of the conversion, whose float outputs it holds.
    """
    scoring = run.spec.scoring
    if scoring.kind == "value" or scoring.unsure_low is not None:
        return None
    before, after = _scores(run, converted, ready, samples)
    near = np.argsort(np.abs(before - scoring.threshold), kind="stable")[:NEAREST]
    lowered = float(np.max(before[near] - after[near]))
    threshold = scoring.threshold - lowered
    if lowered <= 0 or (scoring.kind == "logits" and threshold <= 0):
        return None
    why = f"lowered by {lowered:.4f}, the most that rounding took from {len(near)} training samples"
    lower = scoring.with_threshold(threshold, f"{scoring.chosen_by}; {why}")
    spec = ready.manifest.spec.model_copy(update={"scoring": lower})
    return replace(ready, manifest=ready.manifest.model_copy(update={"spec": spec})), lowered


def _scores(
    run: RunFolder, converted: Converted, ready: Draft, samples: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """(N,) of the calibration inputs, by the float network and by the converted one."""
    inspector = ready.inspector()
    try:
        after = inspector.dequantised(inspector.raw_outputs(spread(run.calibration, samples)))
    finally:
        inspector.close()
    return _scored(run, converted.float_outputs.calibration), _scored(run, after)


def _scored(run: RunFolder, outputs: Tensor) -> NDArray[np.float64]:
    """(N,) of outputs (N, K), each judged alone."""
    spec = run.spec
    rows = [judge(one[None], spec.labels, spec.good, spec.scoring) for one in outputs]
    return np.array([one.score for one in rows], np.float64)
