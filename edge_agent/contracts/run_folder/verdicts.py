"""A prediction judged again by another threshold: its verdict, and the label that goes with it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from edge_agent.contracts.core.types import Verdict
from edge_agent.contracts.model.manifest import ModelSpec
from edge_agent.contracts.model.needs_baseline import withheld
from edge_agent.contracts.model.scoring import decide, label_of, softmax
from edge_agent.contracts.run_folder.rows import Prediction


def judged_by(spec: ModelSpec, one: Prediction) -> Prediction:
    """`one` with the verdict and the label that spec.scoring gives its score."""
    scoring = spec.scoring
    verdict = decide(one.score, scoring)[0]
    if withheld(verdict, one.needs_baseline):
        verdict = Verdict.NO_VERDICT
    again = replace(one, verdict=verdict.value)
    if scoring.kind == "anomaly":
        return replace(again, predicted="anomaly" if one.score >= scoring.threshold else "normal")
    if scoring.kind == "value" or one.logits.keys() != set(spec.labels):
        return again
    weights = softmax(np.array([one.logits[label] for label in spec.labels]))
    return replace(again, predicted=label_of(weights, spec.labels, spec.good, verdict))
