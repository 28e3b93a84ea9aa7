"""What a float model says of whole samples: the contracts' scoring over all inputs of each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from edge_agent.contracts.core.types import Judgement, Verdict
from edge_agent.contracts.model.needs_baseline import NeedsBaseline, withheld
from edge_agent.contracts.model.scoring import Scoring, judge
from trainer.data.prepare import Prepared
from trainer.data.samples import Indices


@dataclass(frozen=True)
class Judged:
    """Samples in the order of `indices` with what the model says of each.

    outputs: (N, K) of the inputs; logits: (M, K) of the samples, whose softmax is the joined
    probability (detectors: (M, 1), the score itself); scores: (M,), higher is worse.
    needs: which verdicts of each a station withholds; empty: none of any.
    """

    indices: Indices
    outputs: NDArray[np.float32]
    rows: NDArray[np.int64]
    judgements: list[Judgement]
    logits: NDArray[np.float64]
    needs: Sequence[NeedsBaseline] = ()

    @property
    def scores(self) -> NDArray[np.float64]:
        """(M,): higher is worse."""
        return np.array([judgement.score for judgement in self.judgements])

    @property
    def predicted(self) -> list[str]:
        """The likeliest label of every sample."""
        return [judgement.label for judgement in self.judgements]

    @property
    def verdicts(self) -> list[str]:
        """PASS, FAIL or NO-VERDICT of every sample."""
        return [judgement.verdict.value for judgement in self.judgements]


def judge_all(
    outputs: NDArray[np.float32],
    prepared: Prepared,
    indices: Indices,
    scoring: Scoring,
    labels: list[str],
    good: list[str],
    needs: Sequence[NeedsBaseline] = (),
) -> Judged:
    """Judge each sample from the outputs of its inputs; needs: as Judged has it."""
    rows = prepared.rows(indices)
    judgements, logits = [], []
    for row in range(len(indices)):
        of_row = outputs[rows == row]
        judgement = judge(of_row, labels, good, scoring)
        if needs and withheld(judgement.verdict, needs[row]):
            judgement = replace(judgement, verdict=Verdict.NO_VERDICT)
        judgements.append(judgement)
        logits.append(_logits(of_row, judgement))
    return Judged(indices, outputs, rows, judgements, np.array(logits), needs)


def _logits(outputs: NDArray[np.float32], judgement: Judgement) -> NDArray[np.float64]:
    if not judgement.probabilities:
        return np.array([judgement.score])
    if len(outputs) == 1:
        return np.asarray(outputs[0], np.float64)
    return np.asarray(np.log(np.maximum(np.array(judgement.probabilities), 1e-12)))
