"""Judging the held-out samples again, and predictions that another model made."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from edge_agent.contracts.core.errors import ConversionError
from edge_agent.contracts.run_folder.rows import Prediction
from edge_agent.contracts.run_folder.run import RunFolder, open_run
from quantize.prove.evaluate import float_samples, judge_float, refuse_other_model
from tests.run_folders import write_image_run


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    """40 held-out samples of the labels dent (bad) and ok, of which one dent escaped."""
    return open_run(write_image_run(tmp_path_factory.mktemp("run") / "plates"))


def logits(run: RunFolder) -> np.ndarray:
    return np.array([list((one.logits or {}).values()) for one in run.predictions], np.float32)


def test_float_outputs_give_the_predictions_of_the_run(run: RunFolder) -> None:
    judged = judge_float(run, logits(run))
    odds = np.exp(logits(run).astype(np.float64))
    bad = odds[:, 0] / odds.sum(axis=1)
    np.testing.assert_allclose([one.score for one in judged], bad, atol=1e-6)
    assert [one.verdict for one in judged] == [one.verdict for one in run.predictions]
    assert [one.label for one in judged] == [one.label for one in run.predictions]
    refuse_other_model(run, judged)


def test_the_threshold_of_the_specification_judges_the_listed_predictions(run: RunFolder) -> None:
    assert [one.verdict for one in float_samples(run)] == [one.verdict for one in run.predictions]


def changed(run: RunFolder, count: int, **values: object) -> list[Prediction]:
    head = [replace(one, **values) for one in run.predictions[:count]]  # type: ignore[arg-type]
    return [*head, *run.predictions[count:]]


@pytest.mark.parametrize("score", [0.5, float("nan")])
def test_another_score_names_the_sample_and_both_scores(run: RunFolder, score: float) -> None:
    with pytest.raises(ConversionError, match=r"sample 0 scores 0\.1200 there") as refused:
        refuse_other_model(run, changed(run, 1, score=score))
    assert Path(str(refused.value.where)).name == "predictions.csv"


def test_a_tie_in_a_hundred_may_fall_otherwise_and_more_may_not(run: RunFolder) -> None:
    refuse_other_model(run, changed(run, 0, predicted="else"))
    with pytest.raises(ConversionError, match="1 of 40 labels are others there"):
        refuse_other_model(run, changed(run, 1, predicted="else"))


def test_a_difference_of_rounding_is_allowed(run: RunFolder) -> None:
    refuse_other_model(run, changed(run, 1, score=run.predictions[0].score + 0.009))
