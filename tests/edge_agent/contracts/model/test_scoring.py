from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_agent.contracts.core.types import Verdict
from edge_agent.contracts.model.scoring import Scoring, decide, dequantise, judge, quantise, softmax

LABELS = ["good", "scratch", "pit"]


def logits(*values: float) -> np.ndarray:
    return np.array(values, np.float32)


def test_likely_good_part_passes() -> None:
    judgement = judge(logits(5, 0, 0), LABELS, ["good"], Scoring())
    assert judgement.verdict is Verdict.PASS
    assert judgement.label == "good"
    assert judgement.score == pytest.approx(1 - softmax(logits(5, 0, 0))[0])


def test_defects_add_up_although_good_is_likeliest_and_the_likeliest_defect_is_named() -> None:
    judgement = judge(logits(1.0, 0.7, 0.8), LABELS, ["good"], Scoring())
    assert judgement.verdict is Verdict.FAIL
    assert judgement.label == "pit"


def test_a_pass_names_a_good_label_although_a_defect_is_likeliest() -> None:
    judgement = judge(logits(0.0, 1.0, -9.0), LABELS, ["good"], Scoring(threshold=0.9))
    assert judgement.verdict is Verdict.PASS
    assert judgement.label == "good"


def test_an_unsure_part_is_named_by_its_likeliest_label() -> None:
    scoring = Scoring(threshold=0.5, unsure_low=0.1, unsure_high=0.95)
    assert judge(logits(1.0, 0.7, 0.8), LABELS, ["good"], scoring).label == "good"


def test_without_a_good_label_every_part_fails() -> None:
    assert judge(logits(9, 0, 0), LABELS, [], Scoring()).score == pytest.approx(1.0)


def test_score_at_the_threshold_fails() -> None:
    assert decide(0.5, Scoring(threshold=0.5))[0] is Verdict.FAIL
    assert decide(np.nextafter(0.5, 0), Scoring(threshold=0.5))[0] is Verdict.PASS


def test_unsure_score_gets_no_verdict_and_a_reason() -> None:
    verdict, reason = decide(0.4, Scoring(threshold=0.5, unsure_low=0.3, unsure_high=0.6))
    assert verdict is Verdict.NO_VERDICT
    assert "unsure" in reason


def test_score_that_is_not_a_number_gets_no_verdict() -> None:
    judgement = judge(logits(np.nan, 0, 0), LABELS, ["good"], Scoring())
    assert judgement.verdict is Verdict.NO_VERDICT


@pytest.mark.parametrize(("windows", "score"), [("mean", 2.0), ("max", 3.0)])
def test_windows_of_a_detector_are_joined(windows: str, score: float) -> None:
    scoring = Scoring(kind="anomaly", windows=windows, threshold=2.5)
    judgement = judge(np.array([[1.0], [3.0]], np.float32), ["normal"], ["normal"], scoring)
    assert judgement.score == score
    assert judgement.label == ("anomaly" if score >= 2.5 else "normal")


@pytest.mark.parametrize("bounds", [(0.3, None), (0.6, 0.3)])
def test_wrong_band_is_refused(bounds: tuple[float, float | None]) -> None:
    with pytest.raises(ValueError, match="unsure_"):
        Scoring(unsure_low=bounds[0], unsure_high=bounds[1])


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        ({"threshold": 1.2}, "threshold 1.2 of a classifier is no probability"),
        ({"threshold": -0.1}, "threshold -0.1 of a classifier is no probability"),
        ({"threshold": float("nan")}, "finite number"),
        ({"unsure_low": -1, "unsure_high": 0.5}, "unsure_low -1.0 of a classifier"),
        ({"worse": "low"}, 'worse = "low" is for a value'),
        ({"kind": "anomaly", "worse": "low"}, 'worse = "low" is for a value'),
    ],
    ids=str,
)
def test_scoring_that_would_pass_every_part_is_refused(keys: dict[str, object], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        Scoring.model_validate(keys)


def test_threshold_of_a_detector_may_lie_anywhere() -> None:
    assert Scoring(kind="anomaly", threshold=7).threshold == 7
    assert Scoring(kind="value", threshold=-7).threshold == -7


def test_threshold_chosen_just_above_every_probability_becomes_one() -> None:
    above = float(np.nextafter(1.0, 2))
    assert Scoring().with_threshold(above, "rule") == Scoring(threshold=1, chosen_by="rule")
    assert Scoring(kind="anomaly").with_threshold(1.5, "rule").threshold == 1.5


@given(
    value=st.floats(-1e3, 1e3),
    scale=st.floats(1e-4, 10),
    zero_point=st.integers(-128, 127),
)
def test_quantising_errs_by_half_a_quantum_at_most(
    value: float, scale: float, zero_point: int
) -> None:
    q = quantise(np.array([value]), scale, zero_point, "int8")
    back = float(dequantise(q, scale, zero_point)[0])
    low, high = (-128 - zero_point) * scale, (127 - zero_point) * scale
    assert abs(back - np.clip(value, low, high)) <= scale * 0.5001 + 1e-4 * abs(value)


def test_quantising_rounds_and_does_not_truncate() -> None:
    assert quantise(np.array([0.99, -0.99]), 1.0, 0, "int8").tolist() == [1, -1]


def test_remaining_life_fails_downwards_and_carries_its_interval() -> None:
    scoring = Scoring(kind="value", worse="low", threshold=20, full_scale=125, margin=3)
    rows = np.array([[0.5, 0.6, 0.7], [0.1, 0.16, 0.2]], np.float32)
    judgement = judge(rows, ["RUL"], [], scoring)
    assert judgement.verdict is Verdict.FAIL
    assert judgement.score == pytest.approx(20.0)
    assert judgement.interval == pytest.approx((9.5, 28.0))
    assert judge(rows[:1], ["RUL"], [], scoring).verdict is Verdict.PASS


def test_single_value_fails_upwards_without_an_interval() -> None:
    scoring = Scoring(kind="value", threshold=0.3)
    judgement = judge(np.array([[0.31]], np.float32), ["roughness"], [], scoring)
    assert (judgement.verdict, judgement.interval) == (Verdict.FAIL, None)
