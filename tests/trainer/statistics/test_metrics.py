from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import norm

from trainer.evaluation.outcome import Outcome, figures
from trainer.statistics import metrics
from trainer.thresholds.choose import choose_threshold


@pytest.mark.parametrize(
    ("hits", "n", "low", "high"),
    [(0, 10, 0.0, 0.3085), (10, 10, 0.6915, 1.0), (8, 10, 0.4439, 0.9748), (1, 1, 0.025, 1.0)],
    ids=["none", "all", "most", "one"],
)
def test_exact_intervals_agree_with_published_tables(
    hits: int, n: int, low: float, high: float
) -> None:
    assert metrics.share(hits, n).ci95 == pytest.approx((low, high), abs=1e-4)


def test_wilson_interval_agrees_with_a_published_example() -> None:
    assert metrics.wilson(81, 263).ci95 == pytest.approx((0.2553, 0.3662), abs=1e-4)


@settings(deadline=None)
@given(st.integers(1, 400), st.floats(0, 1))
def test_intervals_hold_the_value(n: int, fraction: float) -> None:
    hits = round(n * fraction)
    for figure in (metrics.share(hits, n), metrics.wilson(hits, n)):
        assert 0 <= figure.ci95[0] <= figure.value + 1e-9
        assert figure.value - 1e-9 <= figure.ci95[1] <= 1


def test_bootstrap_over_groups_is_wider_than_over_samples() -> None:
    right = np.repeat([1.0, 0.0, 1.0, 1.0, 0.0, 1.0], 20)
    grouped = metrics.bootstrapped(
        lambda r: float(right[r].mean()), list(np.repeat(list("abcdef"), 20))
    )
    alone = metrics.bootstrapped(lambda r: float(right[r].mean()), [str(n) for n in range(120)])
    assert grouped.interval == "bootstrap over 6 groups"
    assert np.diff(grouped.ci95) > 2 * np.diff(alone.ci95)


def test_too_few_groups_are_not_drawn_from() -> None:
    figure = metrics.bootstrapped(lambda rows: float(len(rows)), ["a"] * 9)
    assert figure.interval == "bootstrap over 9 samples"


def test_three_defects_of_three_prove_no_more_than_three_can() -> None:
    flags, scores = np.arange(7) >= 4, np.arange(7.0)
    figure = metrics.recall_figure(flags, scores, list("abcdefg"), 0.01)
    assert figure.value == 1
    assert figure.ci95 == pytest.approx((0.2924, 1.0), abs=1e-4)
    assert figure.interval == "bootstrap over 7 groups; Clopper-Pearson for 3"


def test_recall_at_a_false_reject_rate_counts_only_what_lies_above() -> None:
    good, bad = np.arange(100) / 100, np.array([0.5, 0.985, 0.995, 1.0])
    scores = np.concatenate([good, bad])
    flags = np.arange(104) >= 100
    assert metrics.recall_at(flags, scores, 0.01) == 0.75
    assert metrics.recall_at(flags, scores, 0.0) == 0.5


def test_macro_f1_leaves_out_classes_that_do_not_occur() -> None:
    truth, said = np.array([0, 0, 1, 1]), np.array([0, 0, 1, 0])
    assert metrics.macro_f1(truth, said, 3) == pytest.approx((0.8 + 2 / 3) / 2)


def outcome(scores: np.ndarray, truth: np.ndarray, predicted: np.ndarray) -> Outcome:
    groups = [str(n) for n in range(len(truth))]
    return Outcome(["bad", "ok"], ["ok"], truth, predicted, scores, scores >= 0.5, groups)


def test_a_perfect_classifier_has_perfect_figures() -> None:
    truth = np.array([0, 1] * 10)
    found = figures(outcome(1.0 - truth, truth, truth))
    assert found["accuracy"].value == found["auroc"].value == found["detected"].value == 1.0
    assert found["false_reject"].value == 0.0
    assert found["false_reject"].n == 10


def test_a_detector_has_no_label_figures() -> None:
    truth = np.array([0, 1] * 10)
    found = figures(outcome(1.0 - truth, truth, np.full(20, -1)))
    assert "accuracy" not in found
    assert found["auroc"].value == 1.0


def test_a_sample_without_a_verdict_is_neither_right_nor_rejected() -> None:
    truth, scores = np.array([0, 0, 1, 1]), np.array([0.9, 0.9, 0.1, 0.9])
    undecided = np.array([False, True, False, True])
    asked = outcome(scores, truth, np.full(4, -1))
    found = figures(replace(asked, rejected=asked.rejected & ~undecided, undecided=undecided))
    names = ("verdict_accuracy", "detected", "false_reject", "undecided_bad", "undecided_good")
    assert [found[name].value for name in names] == [0.5, 0.5, 0.0, 0.5, 0.5]
    assert "undecided_bad" not in figures(asked), "of a model that decides on everything"


def test_without_good_samples_there_are_no_verdict_figures() -> None:
    truth = np.zeros(6, np.int64)
    assert "detected" not in figures(outcome(np.ones(6), truth, truth))


def test_the_threshold_lies_in_the_middle_of_the_widest_gap() -> None:
    scores = np.array([0.1, 0.2, 0.8, 0.9])
    cut, rule = choose_threshold(scores, scores > 0.5)
    assert cut == pytest.approx(0.5)
    assert rule == "best balanced accuracy, 1.000 over 4 validation samples"


def test_the_threshold_balances_both_errors_where_classes_are_uneven() -> None:
    scores = np.array([0.1] * 90 + [0.6] * 10 + [0.55] * 2 + [0.9] * 8)
    bad = np.arange(110) >= 100
    cut, _ = choose_threshold(scores, bad)
    assert 0.1 < cut < 0.55


def test_good_only_thresholds_reject_no_more_than_one_in_a_hundred() -> None:
    scores = np.random.default_rng(1).normal(size=500)
    cut, rule = choose_threshold(scores, np.zeros(500, bool))
    assert (scores >= cut).mean() <= 0.01
    assert "500 good validation samples" in rule


def test_without_good_samples_the_threshold_is_the_default() -> None:
    cut, rule = choose_threshold(np.array([0.3, 0.9]), np.ones(2, bool))
    assert cut == 0.5
    assert "default" in rule


@settings(deadline=None)
@given(st.lists(st.tuples(st.booleans(), st.integers(0, 12)), min_size=2, max_size=60))
def test_rankings_agree_with_scikit_learn_ties_included(pairs: list[tuple[bool, int]]) -> None:
    from sklearn.metrics import average_precision_score, roc_auc_score

    bad = np.array([flag for flag, _ in pairs])
    scores = np.array([score / 12 for _, score in pairs])
    if bad.all() or not bad.any():
        assert np.isnan(metrics.auroc(bad, scores))
        assert np.isnan(metrics.average_precision(bad, scores))
        return
    assert metrics.auroc(bad, scores) == pytest.approx(roc_auc_score(bad, scores))
    expected = average_precision_score(bad, scores)
    assert metrics.average_precision(bad, scores) == pytest.approx(expected)


@pytest.mark.parametrize("sides", [(5, 15), (10, 10), (10, 40), (40, 40)], ids=str)
@pytest.mark.parametrize("area", [0.7, 0.9, 0.95, 0.98, 0.995])
def test_the_auroc_interval_holds_the_truth_in_95_of_100_studies(
    area: float, sides: tuple[int, int]
) -> None:
    """Two normal distributions whose AUROC is known: P(defect > good) = area."""
    bad, good = sides
    apart = np.sqrt(2) * norm.ppf(area)
    rng = np.random.default_rng(0)
    held = 0
    for _ in range(500):
        defects, parts = rng.normal(size=bad) + apart, rng.normal(size=good)
        seen = float((defects[:, None] > parts).mean())
        low, high = metrics.auroc_interval(seen, bad, good)
        held += low <= area <= high
    assert held / 500 >= 0.93


def test_a_perfect_ranking_of_twenty_photos_is_no_certainty() -> None:
    bad = np.arange(20) >= 10
    figure = metrics.auroc_figure(bad, np.arange(20.0), [str(n) for n in range(20)])
    assert figure.value == 1.0
    assert figure.ci95 == (pytest.approx(0.80, abs=0.005), 1.0)
    views = metrics.auroc_figure(bad, np.arange(20.0), [str(n // 2) for n in range(20)])
    assert views.ci95[0] < 0.7


@pytest.mark.parametrize(
    ("groups", "low"),
    [([str(n) for n in range(20)], 0.6915), ([str(n // 2) for n in range(20)], 0.4782)],
    ids=["ten", "five-of-two-views"],  # Clopper-Pearson of 10 of 10, and of 5 of 5: 0.025^(1/n)
)
def test_a_perfect_precision_is_no_certainty(groups: list[str], low: float) -> None:
    bad = np.arange(20) >= 10
    figure = metrics.precision_figure(bad, np.arange(20.0), groups)
    assert figure.value == pytest.approx(1.0)
    assert figure.ci95 == (pytest.approx(low, abs=1e-4), 1.0)


def test_a_share_without_a_mistake_is_no_certainty_and_any_other_is_as_drawn() -> None:
    groups = [str(n) for n in range(30)]
    right = np.ones(30)

    def mean(rows: np.ndarray) -> float:
        return float(right[rows].mean())

    perfect = metrics.bootstrapped_share(mean, groups)
    assert perfect.ci95 == (pytest.approx(0.8843, abs=1e-4), 1.0)
    right[:3] = 0
    assert metrics.bootstrapped_share(mean, groups) == metrics.bootstrapped(mean, groups)


def test_a_share_that_is_not_a_number_has_no_interval() -> None:
    all_good = np.zeros(20, np.bool_)
    figure = metrics.precision_figure(all_good, np.arange(20.0), [str(n) for n in range(20)])
    assert np.isnan([figure.value, *figure.ci95]).all()


def test_the_auroc_interval_is_the_same_for_a_ranking_turned_round() -> None:
    low, high = metrics.auroc_interval(0.9, 40, 40)
    assert low < 0.9 < high
    mirrored = metrics.auroc_interval(0.1, 40, 40)
    assert mirrored == (pytest.approx(1 - high), pytest.approx(1 - low))


def test_the_interval_of_an_auroc_holds_that_of_ranked_resamples_with_ties() -> None:
    rng = np.random.default_rng(3)
    bad = rng.random(60) < 0.4
    scores = np.round(rng.random(60) + 0.3 * bad, 1)
    groups = [f"part {n // 3}" for n in range(60)]
    figure = metrics.auroc_figure(bad, scores, groups)
    drawn = metrics.bootstrapped(lambda rows: metrics.auroc(bad[rows], scores[rows]), groups)
    parts = np.array(groups)
    below, above = metrics.auroc_interval(drawn.value, len(set(parts[bad])), len(set(parts[~bad])))
    assert figure.value == drawn.value
    assert figure.ci95 == (min(below, drawn.ci95[0]), max(above, drawn.ci95[1]))


def test_a_score_that_is_no_number_has_no_auroc() -> None:
    figure = metrics.auroc_figure(np.array([True, False]), np.array([0.5, np.nan]), ["a", "b"])
    assert np.isnan(figure.value)
