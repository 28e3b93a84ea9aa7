from __future__ import annotations

import numpy as np
import pytest

from edge_agent.contracts.core.errors import ConfigError
from trainer.thresholds.policy import (
    Costs,
    cheapest,
    for_escape_ppm,
    for_false_reject,
    parts_needed,
    point_at,
    unsure_band,
    upper_bound,
)

SCORES = np.array([0.1, 0.2, 0.3, 0.4, 0.35, 0.7, 0.8, 0.9])
BAD = np.array([0, 0, 0, 0, 1, 1, 1, 1], bool)


def test_dear_escapes_lower_the_cut_and_dear_rejects_raise_it() -> None:
    careful = cheapest(SCORES, BAD, Costs(escape=1000, reject=1, defect_rate=0.5)).point
    thrifty = cheapest(SCORES, BAD, Costs(escape=1, reject=1000, defect_rate=0.5)).point
    assert (careful.escapes, careful.rejects) == (0, 1)
    assert (thrifty.escapes, thrifty.rejects) == (1, 0)
    assert thrifty.cut == pytest.approx(0.55)


def test_the_cost_of_1000_parts_is_counted_by_hand() -> None:
    point = point_at(SCORES, BAD, 0.55)
    costs = Costs(escape=40, reject=1.5, defect_rate=0.01)
    assert point.cost_per_1000(costs) == pytest.approx(10 * 0.25 * 40)
    assert point.cost_bound_per_1000(costs) > point.cost_per_1000(costs)


def test_no_error_in_59_parts_proves_five_per_cent() -> None:
    assert upper_bound(0, 59) <= 0.05 < upper_bound(0, 58)
    assert parts_needed(0, 0.05) == 59
    assert parts_needed(1, 0.05) == 93


def test_a_promise_too_big_for_the_data_says_how_many_parts_it_needs() -> None:
    choice = for_escape_ppm(SCORES, BAD, ppm=500, defect_rate=0.01)
    assert not choice.proven
    assert choice.point.escapes == 0
    assert choice.more_bad == parts_needed(0, 0.05) - 4


def test_a_small_promise_is_kept_with_the_fewest_rejects() -> None:
    scores = np.concatenate([np.linspace(0, 0.6, 100), np.linspace(0.5, 1, 200)])
    bad = np.arange(300) >= 100
    choice = for_escape_ppm(scores, bad, ppm=500, defect_rate=0.01)
    assert choice.proven
    assert choice.point.miss_bound <= 0.05
    higher = point_at(scores, bad, choice.point.cut + 0.01)
    assert higher.miss_bound > 0.05


def test_too_few_good_parts_are_promised_what_their_ranks_hold() -> None:
    choice = for_false_reject(np.array([0.1, 0.2]), np.zeros(2, bool), 0.01)
    assert choice.rule == (
        "at most 33.3% of good parts rejected (conformal on 2 good parts); asked is 1.000%, for "
        "which they are too few: just above all of them"
    )
    assert (choice.proven, choice.more_good) == (False, 97)


def test_good_parts_alone_give_a_conformal_cut() -> None:
    rng = np.random.default_rng(3)
    shares = []
    for _ in range(300):
        known, new = rng.normal(size=99), rng.normal(size=200)
        choice = for_false_reject(known, np.zeros(99, bool), 0.05)
        assert choice.proven
        shares.append(float((new >= choice.point.cut).mean()))
    assert 0.04 < np.mean(shares) < 0.055


def test_too_few_good_parts_for_a_promise_are_counted() -> None:
    choice = for_false_reject(np.arange(49.0), np.zeros(49, bool), 0.005)
    assert (choice.proven, choice.more_good, choice.point.rejects) == (False, 150, 0)


def test_costs_without_bad_parts_are_refused() -> None:
    with pytest.raises(ConfigError, match="need good and bad parts"):
        cheapest(SCORES[:4], BAD[:4], Costs(1, 1, 0.1))


def test_the_unsure_band_holds_the_asked_share_around_the_cut() -> None:
    scores = np.linspace(0, 1, 101)
    low, high = unsure_band(scores, 0.505, 0.1)
    inside = (scores >= low) & (scores < high)
    assert inside.sum() == 10
    assert low < 0.505 < high
