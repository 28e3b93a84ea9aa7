"""A trained network beside the held-out samples that it judged: evaluations start from it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from edge_agent.contracts.model.manifest import ModelSpec
from edge_agent.contracts.model.needs_baseline import NeedsBaseline
from trainer.data.prepare import Prepared
from trainer.data.samples import Indices
from trainer.data.split import Split
from trainer.evaluation.outcome import Outcome, numbered
from trainer.evaluation.predictions import Judged, judge_all
from trainer.evaluation.withheld import without_part
from trainer.training.predict import predict

if TYPE_CHECKING:
    import keras


@dataclass(frozen=True)
class HeldOut:
    """The float network, its contract, and its judgements of split.test from `inputs`."""

    network: keras.Model
    spec: ModelSpec
    split: Split
    inputs: Prepared
    judged: Judged

    def judge(self, prepared: Prepared, indices: Indices) -> Judged:
        """Judge other inputs of the samples at `indices` with the same network."""
        outputs, spec = predict(self.network, prepared.inputs), self.spec
        needs = without_part(prepared, indices, spec)
        return judge_all(outputs, prepared, indices, spec.scoring, spec.labels, spec.good, needs)


def outcome_of(split: Split, spec: ModelSpec, judged: Judged) -> Outcome:
    """The truth of the samples of `judged` beside the judgements.

    Labels that the network never learnt (an anomaly model's defects) come after its own.
    """
    samples, groups = split.dataset.samples, split.dataset.groups()
    indices = [int(index) for index in judged.indices]
    truth = [samples[index].label for index in indices]
    classifies = spec.scoring.kind == "logits"
    return Outcome(
        **numbered(spec.labels, truth, judged.predicted, classifies=classifies)._asdict(),
        good=spec.good,
        scores=judged.scores,
        rejected=np.array([verdict == "FAIL" for verdict in judged.verdicts]),
        undecided=undecided_of(spec, judged.verdicts),
        unseen=unseen_of(spec, judged.needs),
        groups=[groups[index] for index in indices],
        values=split.dataset.values()[indices] if spec.scoring.kind == "value" else None,
        ends=_ends(judged) if spec.scoring.kind == "value" else None,
    )


def undecided_of(spec: ModelSpec, verdicts: Sequence[str]) -> NDArray[np.bool_] | None:
    """Which samples got NO-VERDICT; None of a model that decides on everything."""
    if spec.conditions is None and spec.scoring.unsure_low is None and not spec.cuts_out:
        return None
    return np.array([verdict == "NO-VERDICT" for verdict in verdicts], bool)


def unseen_of(spec: ModelSpec, needs: Sequence[NeedsBaseline]) -> NDArray[np.bool_] | None:
    """Which samples show no part that could be cut out; None where all do."""
    unseen = np.array([spec.saw_no_part(one) for one in needs], np.bool_)
    return unseen if unseen.any() else None


def _ends(judged: Judged) -> np.ndarray | None:
    """(M, 2): the interval of every sample; None for a model without."""
    intervals = [judgement.interval for judgement in judged.judgements]
    return None if None in intervals else np.array(intervals, np.float64)
