from __future__ import annotations

import pytest

from edge_agent.contracts.image.input import ImageInput
from edge_agent.contracts.model.manifest import ModelSpec
from edge_agent.contracts.model.scoring import Scoring
from edge_agent.contracts.run_folder.metrics import (
    BaselineMetrics,
    BudgetMetrics,
    HeldOutMetrics,
    Metric,
)
from edge_agent.contracts.vibration.conditions import KnownConditions
from trainer.report.words import (
    as_sentence,
    baseline_warning,
    budget_warning,
    interval_text,
    outcome_sentence,
    value_text,
)


def metric(value: float, n: int) -> Metric:
    return Metric(value, (0.5, 1.0), n, "by hand")


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


def test_the_result_is_given_in_counts() -> None:
    held = HeldOutMetrics(detected=metric(0.98, 100), false_reject=metric(1.0, 1))
    assert outcome_sentence(held, spec_of(["ok"]), ["bad"] * 100 + ["ok"]) == (
        "Of 100 defective samples not seen in training, 98 were found and 2 escaped. "
        "Of 1 good one, 1 was rejected."
    )


def test_the_result_tells_samples_without_a_verdict_from_escapes() -> None:
    held = HeldOutMetrics(
        detected=metric(0.5, 40),
        false_reject=metric(0.0, 30),
        undecided_bad=metric(0.25, 40),
        undecided_good=metric(1 / 3, 30),
    )
    spec = spec_of(["ok"])
    assert outcome_sentence(held, spec, ["bad"] * 40 + ["ok"] * 30) == (
        "Of 40 defective samples not seen in training, 20 were found, 10 got no verdict and "
        "10 escaped. Of 30 good ones, 0 were rejected and 10 got no verdict."
    )
    conditions = KnownConditions(spread=[1.0], far=2.0, chosen_by="by hand")
    detector = spec.model_copy(update={"conditions": conditions})
    only_good = HeldOutMetrics(undecided_good=metric(1.0, 30))
    assert outcome_sentence(only_good, detector, ["ok"] * 30) == (
        "Of 30 samples not seen in training, 30 were told to need a baseline. "
        "No defective sample was held out: escapes are unknown."
    )


def test_a_detector_that_met_good_parts_alone_is_told_what_it_rejects() -> None:
    held = HeldOutMetrics(false_reject=metric(0.0, 3), undecided_good=metric(1 / 3, 3))
    assert outcome_sentence(held, spec_of(["ok"]), ["ok"] * 3) == (
        "Of 3 good samples not seen in training, 0 were rejected and 1 got no verdict. "
        "No defective sample was held out: escapes are unknown."
    )


def test_a_network_over_its_budget_is_told_before_the_figures() -> None:
    found = BudgetMetrics(
        target="rpi4",
        budget_ms=40,
        predicted_ms=52.4,
        within=2,
        source="measured",
        merit_name="",
        points=[],
    )
    assert "52.4 ms on rpi4, of 40 ms" in budget_warning(found)
    assert budget_warning(found.model_copy(update={"budget_ms": 52.4})) == ""
    assert budget_warning(None) == ""


def test_without_good_labels_right_labels_are_counted() -> None:
    text = outcome_sentence(HeldOutMetrics(accuracy=metric(0.9, 20)), spec_of([]), ["bad"] * 20)
    assert text == "18 of 20 samples not seen in training got the right label."


@pytest.mark.parametrize(
    ("truth", "unknown"),
    [
        (["ok"] * 3, "No defective sample was held out: escapes are unknown."),
        (["bad"] * 3, "No good sample was held out: false rejects are unknown."),
    ],
    ids=["only good", "only defects"],
)
def test_what_one_sided_samples_leave_unknown_is_stated(truth: list[str], unknown: str) -> None:
    text = outcome_sentence(HeldOutMetrics(accuracy=metric(1.0, 3)), spec_of(["ok"]), truth)
    assert text == f"3 of 3 samples not seen in training got the right label. {unknown}"


@pytest.mark.parametrize(
    ("name", "value", "text"),
    [("accuracy", 0.98765, "98.8 %"), ("auroc", 0.98765, "0.9877"), ("auroc", float("nan"), "-")],
)
def test_figures_carry_their_unit(name: str, value: float, text: str) -> None:
    assert value_text(name, value) == text


def test_intervals_of_shares_are_per_cent() -> None:
    assert interval_text("accuracy", metric(0.7, 9)) == "50.0 – 100.0 %"


@pytest.mark.parametrize(
    ("note", "text"),
    [("taught by a forest", "Taught by a forest."), ("Enough.", "Enough.")],
)
def test_notes_become_sentences(note: str, text: str) -> None:
    assert as_sentence(note) == text


def test_a_rule_that_does_as_well_is_named_with_both_figures() -> None:
    rules = {
        "majority": BaselineMetrics(accuracy=metric(0.5, 40)),
        "brightness, nearest": BaselineMetrics(accuracy=metric(0.2, 40)),
    }
    held = HeldOutMetrics(accuracy=metric(0.5, 40), auroc=metric(0.6, 40))
    text = baseline_warning(held, rules)
    assert "'majority', which needs no network, does as well" in text
    assert "(Right label 50.0 %, the network 50.0 %)" in text
    assert baseline_warning(HeldOutMetrics(accuracy=metric(0.51, 40)), rules) == ""


def test_a_network_without_a_mistake_is_not_told_that_it_has_learnt_nothing() -> None:
    rules = {"majority": BaselineMetrics(accuracy=metric(1.0, 40))}
    text = baseline_warning(HeldOutMetrics(accuracy=metric(1.0, 40)), rules)
    assert text.endswith("the network 100.0 %): the data are easier than they look.")


def test_a_detector_is_compared_with_distances() -> None:
    rules = {"thumbnail, distance to good": BaselineMetrics(auroc=metric(0.93, 40))}
    held = HeldOutMetrics(auroc=metric(0.9, 40), accuracy=metric(0.4, 40))
    assert "does better (AUROC 0.9300, the network 0.9000)" in baseline_warning(held, rules)
    better = HeldOutMetrics(auroc=metric(0.95, 40), accuracy=metric(0.4, 40))
    assert baseline_warning(better, rules) == ""
    assert baseline_warning(held, {}) == ""
