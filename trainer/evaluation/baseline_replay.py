"""Evaluate as on a station: held-out readings of a new condition, after a baseline.

A detector that knows the training's conditions takes another speed or mounting for a fault, and so
a station is given a baseline (edge_agent.contracts.vibration.baseline). The first half of a new
condition's normal readings is that baseline here, which moves the features and may raise the
threshold; the rest is scored.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from edge_agent.contracts.core.types import Tensor
from edge_agent.contracts.vibration.baseline import (
    MIN_WINDOWS,
    judged_by_others,
    raised_threshold,
    raw_features,
    rebase,
)
from edge_agent.contracts.vibration.input import VibrationInput
from trainer.console.progress import SilentProgress
from trainer.data.prepare import prepare
from trainer.data.samples import Indices
from trainer.evaluation.held_out import HeldOut
from trainer.thresholds.alarm_rule_choice import Run, Runs, apart, runs_of
from trainer.training.predict import predict


@dataclass(frozen=True)
class Baseline:
    """What a condition is heard by: its input, windows spent on it, and the threshold's rise."""

    spec: VibrationInput
    spent: int = 0
    raised: float = 0.0


def held_out_runs(held_out: HeldOut) -> Runs:
    """The runs of the held-out samples; those of a vibration detector after a baseline."""
    spec, scoring = held_out.spec.input, held_out.spec.scoring
    dataset = held_out.split.dataset
    if not isinstance(spec, VibrationInput) or scoring.kind != "anomaly" or spec.standard is None:
        inputs, outputs = held_out.inputs, held_out.judged.outputs
        return runs_of(dataset, inputs, outputs, spec, scoring)
    groups, bad = np.array(dataset.groups()), dataset.is_bad()
    labels = np.array([sample.label for sample in dataset.samples])
    known = set(groups[held_out.split.train])
    runs = Runs([], [])
    for group in sorted(set(groups[held_out.split.test])):
        indices = held_out.split.test[groups[held_out.split.test] == group]
        baseline = Baseline(spec)
        if group not in known:
            baseline = _baseline(held_out, indices[~bad[indices]], spec)
        for label in sorted(set(labels[indices])):
            chosen = indices[labels[indices] == label]
            is_bad = bool(bad[chosen[0]])
            inputs = prepare(dataset, chosen, baseline.spec, SilentProgress(), "")
            left = slice(0 if is_bad else baseline.spent, None)
            scores = _scores(held_out, inputs.inputs)[left] - baseline.raised
            scores = scores[apart(inputs.sample[left], spec)]
            if len(scores):
                (runs.faulty if is_bad else runs.normal).append(scores)
    return runs


def _baseline(held_out: HeldOut, normal: Indices, spec: VibrationInput) -> Baseline:
    """Standing on the first half of the windows, as on a station; as it was where they are few."""
    if not len(normal):
        return Baseline(spec)
    raw = prepare(held_out.split.dataset, normal, raw_features(spec), SilentProgress(), "").inputs
    half = len(raw) // 2
    if half < MIN_WINDOWS:
        return Baseline(spec)
    threshold = held_out.spec.scoring.threshold
    raised = raised_threshold(_scores(held_out, judged_by_others(spec, raw[:half])), threshold)
    return Baseline(rebase(spec, raw[:half]), half, raised - threshold)


def _scores(held_out: HeldOut, inputs: Tensor) -> Run:
    scores: Run = predict(held_out.network, inputs)[:, 0].astype(np.float64)
    return scores
