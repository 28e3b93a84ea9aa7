"""Good-only thresholds keep their promise with few samples as with many."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import norm

from trainer.thresholds.choose import choose_threshold, good_quantile, gumbel_quantile


def _false_reject(samples: int, turns: int = 300) -> float:
    """Mean share of new good parts above a threshold of 1 % set on `samples` of them."""
    rng = np.random.default_rng(3)
    cuts = [good_quantile(rng.gumbel(2.0, 0.5, samples), 0.01)[0] for _ in range(turns)]
    return float(np.mean([1 - np.exp(-np.exp(-(cut - 2.0) / 0.5)) for cut in cuts]))


@pytest.mark.parametrize("samples", [12, 26, 60])
def test_few_samples_are_extrapolated_to_nearly_the_promised_share(samples: int) -> None:
    assert _false_reject(samples) < 0.025
    assert _false_reject(samples) < 0.5 / (samples + 1) + 0.005


def test_many_samples_are_counted() -> None:
    scores = np.linspace(0, 1, 1001)
    cut, rule = good_quantile(scores, 0.01)
    assert (scores >= cut).mean() == pytest.approx(0.01, abs=0.001)
    assert rule.startswith("at most 1.0%")


def test_the_rule_says_that_it_extrapolates() -> None:
    scores = np.random.default_rng(0).gumbel(0, 1, 30)
    cut, rule = choose_threshold(scores, np.zeros(30, bool))
    assert cut > scores.max()
    assert "by the tail of 30 good" in rule


def test_good_parts_of_one_group_are_one_witness() -> None:
    """The truth is drawn: groups differ by 1, the 20 parts of one by 0.1."""
    dice = np.random.default_rng(5)
    names = np.arange(20).repeat(20).astype(str).tolist()
    shares: list[list[float]] = []
    for _ in range(60):
        scores = (dice.normal(0, 1, (20, 1)) + dice.normal(0, 0.1, (20, 20))).ravel()
        cuts = [choose_threshold(scores, np.zeros(400, bool), None, of)[0] for of in (None, names)]
        shares.append([norm.sf(cut / np.hypot(1, 0.1)) for cut in cuts])
    alone, grouped = np.mean(shares, axis=0)
    assert alone > 0.025
    assert grouped < 0.02


def test_the_gumbel_quantile_of_many_draws_is_the_true_one() -> None:
    scores = np.random.default_rng(0).gumbel(1.0, 2.0, 200_000)
    assert gumbel_quantile(scores, 0.99) == pytest.approx(1 - 2 * np.log(-np.log(0.99)), rel=0.02)


def test_one_sample_is_its_own_threshold() -> None:
    cut, _ = good_quantile(np.array([0.4]), 0.01)
    assert cut == pytest.approx(0.4, abs=1e-6)


def test_a_probability_stays_undecided_at_a_half_unless_samples_speak_clearly() -> None:
    rng = np.random.default_rng(1)
    bad = np.repeat([False, True], [50, 130])
    apart = np.where(bad, rng.uniform(0.6, 1.0, 180), rng.uniform(0, 0.04, 180))
    apart[bad.argmax()] = 0.28
    assert choose_threshold(apart, bad)[0] < 0.2
    cut, rule = choose_threshold(apart, bad, 0.5)
    assert cut == 0.5
    assert "within a standard error" in rule
    shy = np.where(bad, rng.uniform(0.1, 0.3, 180), rng.uniform(0, 0.05, 180))
    assert choose_threshold(shy, bad, 0.5)[0] < 0.15
