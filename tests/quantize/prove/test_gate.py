from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from edge_agent.contracts.core.errors import ConfigError, ConversionError, GateError
from edge_agent.contracts.image.cut_out import CutOut
from edge_agent.contracts.image.input import ImageInput
from edge_agent.contracts.model.manifest import ModelSpec
from edge_agent.contracts.model.scoring import Scoring
from edge_agent.contracts.run_folder.rows import Prediction
from edge_agent.contracts.run_folder.run import RunFolder, open_run
from quantize.__main__ import main
from quantize.convert.conversion_process import Converted, FloatOutputs
from quantize.convert.variants import LADDER
from quantize.prove.comparison_text import table
from quantize.prove.gate import (
    Comparison,
    Limits,
    auroc,
    binomial_tail,
    compare_samples,
    enforce,
    mcnemar,
)
from quantize.prove.page import with_comparison
from quantize.prove.threshold_margin import Lowered
from quantize.targets.all_targets import find_target
from quantize.workflow.variants import try_variants

NO_OUTPUTS = FloatOutputs(np.zeros((1, 2)), np.zeros((1, 2)))
SPEC = ModelSpec(
    name="gate",
    task="image-class",
    architecture="test",
    labels=["bad", "good"],
    good=["good"],
    input=ImageInput(width_px=32, height_px=32),
    scoring=Scoring(),
)


def judged(scores: np.ndarray, truth: np.ndarray) -> list[Prediction]:
    """Samples of the given bad-part scores; truth True is bad."""
    return [
        Prediction(
            row,
            f"{row}.png",
            "bad" if bad else "good",
            "bad" if score >= 0.5 else "good",
            float(score),
            "FAIL" if score >= 0.5 else "PASS",
        )
        for row, (score, bad) in enumerate(zip(scores, truth, strict=True))
    ]


def pair(n: int, worse: int = 0) -> tuple[list[Prediction], list[Prediction]]:
    """n samples judged rightly by float; the quantised network passes `worse` bad ones."""
    truth = np.arange(n) % 2 == 0
    scores = np.where(truth, 0.9, 0.1) + np.linspace(-0.05, 0.05, n)
    after = scores.copy()
    after[np.flatnonzero(truth)[:worse]] = 0.2
    return judged(scores, truth), judged(after, truth)


def status(comparison: Comparison) -> dict[str, str]:
    return {metric.name: metric.status for metric in comparison.metrics}


def test_equal_networks_hold_every_limit() -> None:
    comparison = compare_samples(SPEC, *pair(1000), Limits())
    assert set(status(comparison).values()) == {"held"}
    assert comparison.agreement == 1.0
    assert comparison.flips == []
    assert enforce(comparison, []) == []


def test_one_bad_part_newly_passed_breaks_the_gate() -> None:
    comparison = compare_samples(SPEC, *pair(1000, worse=1), Limits())
    with pytest.raises(GateError, match="1 bad parts newly passed, 0 allowed") as caught:
        enforce(comparison, [])
    assert caught.value.exit_code == 1
    assert [flip.kind for flip in comparison.flips] == ["new escape"]


def cutting() -> ModelSpec:
    """SPEC, of parts that are cut out of their frames."""
    limits = {"least_area": 0.01, "most_area": 0.1, "least_contrast": 9.0}
    box = CutOut(along=0.5, across=0.5, turned=False, **limits)
    return SPEC.model_copy(update={"input": SPEC.input.model_copy(update={"cut_out": box})})


def withheld(samples: list[Prediction]) -> list[Prediction]:
    """The same, as of frames without a part."""
    return [replace(one, verdict="NO-VERDICT", needs_baseline="always") for one in samples]


def test_frames_without_the_part_that_is_cut_out_are_not_ranked() -> None:
    before, after = pair(20)
    lost = withheld(before[:4])
    black = [replace(one, score=0.5) for one in lost]
    for spec, loss in ((SPEC, True), (cutting(), False)):
        told = compare_samples(spec, [*lost, *before[4:]], [*black, *after[4:]], Limits())
        found = next(metric for metric in told.metrics if metric.name == "auroc")
        assert (found.loss > 0) is loss


@pytest.mark.parametrize("good", [["good"], []], ids=["verdicts", "labels alone"])
def test_black_frames_that_int8_names_otherwise_break_nothing(good: list[str]) -> None:
    """A classifier of 95 parts, and five frames without one."""
    before, after = pair(100)
    lost = withheld(before[:5])
    other = [replace(one, predicted="bad" if one.predicted == "good" else "good") for one in lost]
    sides = [*lost, *before[5:]], [*other, *after[5:]]
    told = compare_samples(cutting().model_copy(update={"good": good}), *sides, Limits())
    assert (told.broken, told.flips, told.n) == ([], [], 95)
    assert told.agreement == next(one for one in told.metrics if one.name == "accuracy").after == 1
    whole = compare_samples(SPEC.model_copy(update={"good": good}), *sides, Limits())
    assert "accuracy" in whole.broken
    assert len(whole.flips) == 5


def test_a_gate_without_any_part_is_not_passed() -> None:
    before, after = (withheld(side) for side in pair(4))
    with pytest.raises(GateError, match="4 held-out samples: none shows a part"):
        compare_samples(cutting(), before, after, Limits())


def test_what_is_waived_is_named_for_the_manifest() -> None:
    comparison = compare_samples(SPEC, *pair(1000, worse=1), Limits())
    (waived,) = enforce(comparison, ["escapes"])
    assert waived.startswith("escapes: 1 bad parts newly passed")
    with pytest.raises(ConfigError, match="no limit 'recall'"):
        enforce(comparison, ["recall"])


def test_accuracy_above_the_limit_breaks_the_gate() -> None:
    comparison = compare_samples(SPEC, *pair(1000, worse=20), Limits(escapes=100))
    assert comparison.broken == ["accuracy", "agreement"]
    with pytest.raises(GateError, match=r"accuracy fell from 1\.0000 to 0\.9800"):
        enforce(comparison, [])


def test_too_few_samples_are_not_resolved() -> None:
    before, after = pair(20, worse=1)
    comparison = compare_samples(SPEC, before, after, Limits(escapes=1))
    assert status(comparison)["accuracy"] == "not resolved"
    assert "not resolved" in table(comparison)


def test_a_large_loss_is_broken_even_on_few_samples() -> None:
    comparison = compare_samples(SPEC, *pair(20, worse=6), Limits(escapes=10))
    assert status(comparison)["accuracy"] == "broken"


def test_labels_without_a_good_one_are_held_to_accuracy_and_agreement() -> None:
    spec = SPEC.model_copy(update={"good": []})
    comparison = compare_samples(spec, *pair(100, worse=1), Limits())
    assert status(comparison) == {"accuracy": "not resolved", "agreement": "not resolved"}
    assert comparison.flips[0].kind == "verdict changed"


def swayed(n: int, flips: int) -> tuple[list[Prediction], list[Prediction]]:
    """n good samples; the quantised network fails `flips` that float passed."""
    truth = np.arange(n) >= n // 2
    scores = np.where(truth, 0.9, 0.1)
    after = np.where(np.arange(n) < flips, 0.6, scores)
    return judged(scores, truth), judged(after, truth)


@pytest.mark.parametrize(
    ("n", "flips", "expected"),
    [
        (400, 2, "held"),
        (400, 3, "not resolved"),
        (400, 6, "broken"),
        (40, 1, "not resolved"),
        (40, 3, "broken"),
    ],
)
def test_verdicts_may_differ_on_one_sample_in_200(n: int, flips: int, expected: str) -> None:
    comparison = compare_samples(SPEC, *swayed(n, flips), Limits(accuracy=1.0))
    assert status(comparison)["agreement"] == expected
    assert comparison.agreement == pytest.approx(1 - flips / n)


def test_verdicts_that_differ_are_refused_even_where_they_are_better() -> None:
    before, after = swayed(400, 12)
    comparison = compare_samples(SPEC, after, before, Limits())
    assert comparison.broken == ["agreement"]
    with pytest.raises(
        GateError, match=r"3\.0% of the samples are judged otherwise, 0\.5% allowed"
    ):
        enforce(comparison, [])
    assert enforce(comparison, ["agreement"])[0].startswith("agreement: 3.0%")


@pytest.mark.parametrize(("least", "n", "rate", "tail"), [(1, 10, 0.5, 1 - 2**-10), (0, 5, 0.1, 1)])
def test_the_binomial_tail_is_exact(least: int, n: int, rate: float, tail: float) -> None:
    assert binomial_tail(least, n, rate) == pytest.approx(tail)
    assert binomial_tail(2, 3, 0.1) == pytest.approx(3 * 0.01 * 0.9 + 0.001)


def test_auroc_is_the_share_of_pairs_in_order() -> None:
    bad = np.array([True, True, False, False])
    assert auroc(bad, np.array([0.9, 0.4, 0.5, 0.1])) == pytest.approx(0.75)
    assert auroc(bad, np.array([0.5, 0.5, 0.5, 0.5])) == pytest.approx(0.5)


def test_auroc_is_that_of_scikit_learn() -> None:
    random = np.random.default_rng(3)
    bad = random.random(400) < 0.3
    scores = np.round(random.standard_normal(400) + bad, 1)  # rounded: with ties
    assert auroc(bad, scores) == pytest.approx(roc_auc_score(bad, scores), abs=1e-12)


@pytest.mark.parametrize(("lost", "won", "p"), [(0, 0, 1.0), (5, 0, 0.0625), (1, 9, 0.021484375)])
def test_mcnemar_is_the_exact_binomial_test(lost: int, won: int, p: float) -> None:
    assert mcnemar(lost, won) == pytest.approx(p)


def fake_attempt(broken: int) -> object:
    """Attempts whose first `broken` variants lose a bad part."""
    calls: list[str] = []

    def attempt(variant: str) -> tuple[Converted, None, Comparison]:
        calls.append(variant)
        worse = 1 if len(calls) <= broken else 0
        comparison = compare_samples(SPEC, *pair(1000, worse), Limits())
        model = Converted(bytes(10), NO_OUTPUTS, "int8", 1.0, 100)
        return model, None, comparison

    return attempt


def test_the_first_variant_that_holds_is_taken() -> None:
    said: list[str] = []
    done = try_variants(LADDER, [], fake_attempt(2), said.append)
    assert [trial.variant for trial in done.trials] == ["int8", "mixed", "float16"]
    assert [bool(trial.fault) for trial in done.trials] == [True, True, False]
    assert any("int8: 1 bad parts newly passed" in line for line in said)


def test_each_trial_has_the_time_that_is_predicted_of_it() -> None:
    done = try_variants(LADDER, [], fake_attempt(1), lambda text: None, predict=len)
    assert [trial.predicted_ms for trial in done.trials] == [10, 10]


def test_the_last_variants_error_is_raised() -> None:
    with pytest.raises(GateError, match="newly passed"):
        try_variants(LADDER, [], fake_attempt(9), lambda text: None)


def test_a_variant_that_only_passes_bad_parts_is_tried_with_a_lower_threshold() -> None:
    comparison = compare_samples(SPEC, *pair(1000), Limits())
    said: list[str] = []

    def lower(converted: Converted, ready: object) -> Lowered:
        return Lowered(ready, comparison, 0.0123)  # type: ignore[arg-type]

    done = try_variants(LADDER, [], fake_attempt(9), said.append, lower)
    assert [(trial.variant, trial.lowered) for trial in done.trials] == [("int8", 0.0123)]
    assert done.comparison is comparison
    assert "int8: held with the threshold lowered by 0.0123 for rounding" in said


def test_a_lower_threshold_that_does_not_help_is_not_taken() -> None:
    worse = compare_samples(SPEC, *pair(1000, 1), Limits())

    def lower(converted: Converted, ready: object) -> Lowered:
        return Lowered(ready, worse, 0.5)  # type: ignore[arg-type]

    attempt = fake_attempt(1)
    done = try_variants(LADDER, [], attempt, lambda text: None, lower)
    assert [(trial.variant, trial.lowered) for trial in done.trials] == [("int8", 0), ("mixed", 0)]


def test_the_edge_tpu_has_no_variant_but_int8() -> None:
    assert find_target("coral-usb").variants == ("int8",)


def test_a_network_that_cannot_be_converted_ends_the_trials_at_once() -> None:
    def attempt(variant: str) -> tuple[Converted, None, Comparison]:
        raise ConversionError(f"no {variant}")

    with pytest.raises(ConversionError, match="no int8"):
        try_variants(LADDER, [], attempt, lambda text: None)


def flipped(run: RunFolder) -> Comparison:
    after = [
        Prediction(one.row, one.path, one.label, "bad", 0.99, "FAIL") if one.row < 3 else one
        for one in run.predictions
    ]
    return compare_samples(run.spec, run.predictions, after, Limits())


def test_flipped_images_are_shown_as_pictures(image_run: Path) -> None:
    run = open_run(image_run)
    page = with_comparison(run.text("report.html"), run, flipped(run), [], [])
    assert page.count("data:image/jpeg;base64") == page.count("<figure>") >= 1
    assert page.index("Report") < page.index("Float beside") < page.index("</body>")


def test_flipped_recordings_are_shown_as_spectra(vibration_run: Path) -> None:
    run = open_run(vibration_run)
    page = with_comparison("", run, flipped(run), [], [])
    assert page.count('aria-label="spectrum"') == page.count("<figure>") >= 1


def test_unknown_waiver_is_refused_before_anything_is_converted(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["convert", str(tmp_path / "no run"), "--out", "x.bundle", "--allow", "acuracy"]
    assert main(words) == 2
    assert "no limit 'acuracy': name one of accuracy, " in capsys.readouterr().err
