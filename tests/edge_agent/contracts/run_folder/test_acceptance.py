"""What is proven is checked against the rule of three and against scipy's own interval."""

from __future__ import annotations

import pytest
from scipy.stats import binom, binomtest

from edge_agent.contracts.image.input import ImageInput
from edge_agent.contracts.model.manifest import ModelSpec
from edge_agent.contracts.model.scoring import Scoring
from edge_agent.contracts.run_folder.acceptance import Requirement, assess, next_step
from edge_agent.contracts.run_folder.metrics import AcceptanceLimits
from edge_agent.contracts.run_folder.rows import Prediction


def upper_bound(errors: int, parts: int) -> float:
    test = binomtest(errors, parts, alternative="less")
    return float(test.proportion_ci(0.95, method="exact").high)


def spec_of(good: list[str]) -> ModelSpec:
    return ModelSpec(
        name="plates",
        task="image-class",
        architecture="cnn",
        labels=["bad", "ok"],
        good=good,
        input=ImageInput(width_px=8, height_px=8),
        scoring=Scoring(),
    )


def judged(label: str, verdict: str, count: int) -> list[Prediction]:
    return [Prediction(0, "p", label, label, 0.5, verdict)] * count


def assessed(
    rows: list[Prediction], limits: AcceptanceLimits | None = None
) -> tuple[Requirement, Requirement]:
    escapes, rejects = assess(spec_of(["ok"]), rows, limits or AcceptanceLimits(), upper_bound)
    return escapes, rejects


def test_299_parts_without_an_error_prove_one_per_cent_and_298_do_not() -> None:
    for parts, outcome in ((299, "PROVEN"), (298, "NOT PROVEN")):
        escapes, rejects = assessed(judged("bad", "FAIL", parts) + judged("ok", "PASS", 299))
        assert escapes.outcome == outcome
        assert rejects.outcome == "PROVEN"


@pytest.mark.parametrize("errors", [0, 1, 4])
def test_the_missing_parts_are_the_least_that_prove_the_limit(errors: int) -> None:
    rows = judged("bad", "PASS", errors) + judged("bad", "FAIL", 500 - errors)
    escapes, _ = assessed(rows, AcceptanceLimits(max_escape=0.01))
    needed = 500 + escapes.more
    # The bound holds the limit where so few errors have a chance below 5 % at the limit itself.
    assert binom.cdf(errors, needed, 0.01) <= 0.05
    if escapes.more:
        assert binom.cdf(errors, needed - 1, 0.01) > 0.05


def test_a_share_above_the_limit_is_not_mended_by_more_parts() -> None:
    escapes, _ = assessed(judged("bad", "PASS", 3) + judged("bad", "FAIL", 17))
    assert (escapes.outcome, escapes.exceeded, escapes.more) == ("NOT PROVEN", True, 0)
    assert escapes.reason == "15 % of the parts seen is above the limit"


def test_no_defective_part_is_unknown_and_not_zero() -> None:
    escapes, rejects = assessed(judged("ok", "PASS", 400))
    assert escapes.cells()[2:5] == ["none tested", "unknown", "NOT PROVEN"]
    assert "unknown" in escapes.reason
    assert rejects.outcome == "PROVEN"
    assert "299 more defective parts" in next_step([escapes, rejects], quantised=False)


def test_no_verdict_is_neither_escape_nor_false_reject() -> None:
    rows = judged("bad", "NO-VERDICT", 9) + judged("ok", "NO-VERDICT", 9)
    escapes, rejects = assessed(rows)
    assert (escapes.errors, rejects.errors) == (0, 0)


def test_without_a_good_label_nothing_is_required() -> None:
    assert assess(spec_of([]), judged("bad", "FAIL", 3), AcceptanceLimits(), upper_bound) == []


def test_the_next_step_leads_from_data_to_the_quantiser_to_the_signature() -> None:
    proven = assessed(judged("bad", "FAIL", 400) + judged("ok", "PASS", 400))
    assert "lineside-quantize convert" in next_step(proven, quantised=False)
    assert next_step(proven, quantised=True).startswith("Sign below")
    exceeded = assessed(judged("bad", "PASS", 400) + judged("ok", "PASS", 400))
    assert "above its limit" in next_step(exceeded, quantised=True)
    said = next_step([one for one in exceeded if one.exceeded] * 2, quantised=True)
    assert "are above their limits" in said
    assert "threshold" not in said, "one is bought with the other"
