"""Judgements beside the truth, counted by hand."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy.special import softmax

from edge_agent.contracts.image.input import ImageInput
from edge_agent.contracts.model.manifest import ModelSpec
from edge_agent.contracts.model.scoring import Scoring
from trainer.data.dataset_toml import DatasetConfig
from trainer.data.prepare import Prepared
from trainer.data.samples import Dataset, Sample
from trainer.data.split import Split
from trainer.evaluation.held_out import outcome_of
from trainer.evaluation.predictions import judge_all

LABELS, GOOD = ["bad", "ok"], ["ok"]
OUTPUTS = np.array([[3.0, 0.0], [0.0, 2.0], [1.0, 0.0], [-4.0, 0.0]], np.float32)


def prepared(*samples: int) -> Prepared:
    return Prepared(np.zeros((len(samples), 1), np.float32), np.array(samples))


def test_the_score_is_the_softmax_of_the_bad_label() -> None:
    indices = np.array([4, 5, 6, 7])
    judged = judge_all(OUTPUTS, prepared(4, 5, 6, 7), indices, Scoring(), LABELS, GOOD)
    assert judged.scores == pytest.approx(softmax(OUTPUTS.astype(float), axis=1)[:, 0], abs=1e-6)
    assert judged.predicted == ["bad", "ok", "bad", "ok"]
    assert judged.verdicts == ["FAIL", "PASS", "FAIL", "PASS"]
    assert np.allclose(judged.logits, OUTPUTS)


def test_windows_of_one_recording_are_judged_together() -> None:
    judged = judge_all(OUTPUTS, prepared(9, 2, 9, 2), np.array([2, 9]), Scoring(), LABELS, GOOD)
    assert judged.rows.tolist() == [1, 0, 1, 0]
    assert judged.predicted == ["ok", "bad"]
    assert softmax(judged.logits, axis=1).sum(axis=1) == pytest.approx([1, 1])


def test_a_defect_that_the_network_never_learnt_comes_after_its_labels() -> None:
    config = DatasetConfig(task="image-class", good=["ok"])
    names = ["ok", "bad", "crack"]
    samples = tuple(Sample(f"{n}.png", label, group=label) for n, label in enumerate(names))
    none = np.array([], np.intp)
    split = Split(Dataset(Path(), config, samples), none, none, np.arange(3), "by hand")
    spec = ModelSpec(
        name="caps",
        task="image-class",
        architecture="cnn",
        labels=LABELS,
        good=GOOD,
        input=ImageInput(width_px=16, height_px=16),
        scoring=Scoring(),
    )
    judged = judge_all(OUTPUTS[:3], prepared(0, 1, 2), np.arange(3), Scoring(), LABELS, GOOD)
    outcome = outcome_of(split, spec, judged)
    assert outcome.labels == ["bad", "ok", "crack"]
    assert outcome.truth.tolist() == [1, 0, 2]
    assert outcome.rejected.tolist() == [True, False, True]
    assert outcome.groups == ["ok", "bad", "crack"]
