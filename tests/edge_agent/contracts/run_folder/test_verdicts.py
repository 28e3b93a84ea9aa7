from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_agent.contracts.image.input import ImageInput
from edge_agent.contracts.model.manifest import ModelSpec
from edge_agent.contracts.model.needs_baseline import NeedsBaseline
from edge_agent.contracts.model.scoring import Scoring, judge
from edge_agent.contracts.run_folder.rows import Prediction
from edge_agent.contracts.run_folder.verdicts import judged_by

LABELS = ["good", "scratch", "pit"]


def spec_of(scoring: Scoring) -> ModelSpec:
    return ModelSpec(
        name="plates",
        task="image-class" if scoring.kind == "logits" else "image-anomaly",
        architecture="cnn",
        labels=LABELS,
        good=["good"],
        input=ImageInput(width_px=8, height_px=8),
        scoring=scoring,
    )


@given(st.lists(st.floats(-4, 4), min_size=3, max_size=3), st.floats(0.05, 0.95))
def test_judging_again_is_judging_with_the_new_threshold(
    values: list[float], threshold: float
) -> None:
    spec = spec_of(Scoring(threshold=threshold))
    logits = np.array(values)
    first = judge(logits, LABELS, ["good"], Scoring())
    one = Prediction(
        0,
        "p",
        "pit",
        first.label,
        first.score,
        str(first.verdict),
        dict(zip(LABELS, values, strict=True)),
    )
    fresh, again = judge(logits, LABELS, ["good"], spec.scoring), judged_by(spec, one)
    assert (again.verdict, again.predicted) == (str(fresh.verdict), fresh.label)


def test_a_detector_names_anomaly_and_normal() -> None:
    spec = spec_of(Scoring(kind="anomaly", threshold=3.0))
    one = Prediction(0, "p", "pit", "normal", 3.5, "PASS", {"score": 3.5})
    assert (judged_by(spec, one).verdict, judged_by(spec, one).predicted) == ("FAIL", "anomaly")


@pytest.mark.parametrize(
    ("needs", "score", "verdict"),
    [
        ("", 3.5, "FAIL"),
        ("alarm", 3.5, "NO-VERDICT"),
        ("alarm", 2.5, "PASS"),
        ("always", 2.5, "NO-VERDICT"),
    ],
)
def test_a_new_threshold_gives_no_verdict_that_a_station_withholds(
    needs: NeedsBaseline, score: float, verdict: str
) -> None:
    spec = spec_of(Scoring(kind="anomaly", threshold=3.0))
    one = Prediction(0, "p", "pit", "anomaly", score, "FAIL", needs_baseline=needs)
    assert judged_by(spec, one).verdict == verdict
