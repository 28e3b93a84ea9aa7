"""A threshold from good parts: how many new ones it rejects, and what an odd part does to it."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from trainer.thresholds.good_only import good_only_cut

DRAWS = 400
DISTRIBUTIONS = {
    "gumbel": stats.gumbel_r(),
    "normal": stats.norm(),
    "exponential": stats.expon(),
    "heavy tail": stats.t(4),
    "skewed": stats.lognorm(1),
}


def rejected(distribution: object, count: int) -> tuple[float, float]:
    """The mean share of new good parts above the cut over many draws, and the bound it states."""
    random = np.random.default_rng(11)
    drawn = distribution.rvs((DRAWS, count), random_state=random)  # type: ignore[attr-defined]
    cuts = [good_only_cut(np.asarray(one, np.float64), 0.01) for one in drawn]
    above = distribution.sf([one.threshold for one in cuts])  # type: ignore[attr-defined]
    return float(np.mean(above)), cuts[0].bound


@pytest.mark.parametrize("count", [9, 31, 120, 400])
@pytest.mark.parametrize("name", DISTRIBUTIONS)
def test_no_more_good_parts_are_rejected_than_stated(name: str, count: int) -> None:
    share, bound = rejected(DISTRIBUTIONS[name], count)
    assert share <= bound * 1.1, "a tenth for the mean of 400 draws"


@pytest.mark.parametrize("name", ["gumbel", "normal", "heavy tail"])
def test_thirty_one_parts_reject_about_what_is_asked(name: str) -> None:
    share, _ = rejected(DISTRIBUTIONS[name], 31)
    assert 0.004 < share < 0.025


def test_one_odd_part_hardly_moves_the_cut() -> None:
    scores = np.random.default_rng(0).gumbel(0, 1, 31)
    odd = scores.copy()
    odd[7] = 40.0
    first, second = good_only_cut(scores, 0.01), good_only_cut(odd, 0.01)
    assert second.extreme == (7,)
    assert second.threshold < first.threshold + 3
    assert second.with_all > 30


def test_two_odd_parts_of_thirty_are_no_accident_and_move_it() -> None:
    scores = np.random.default_rng(0).gumbel(0, 1, 31)
    scores[[7, 9]] = 40.0
    assert good_only_cut(scores, 0.01).threshold >= 40


def test_exposures_of_one_part_count_as_one_part() -> None:
    scores = np.random.default_rng(0).gumbel(0, 1, 30)
    often = np.concatenate([scores, np.full(5, 40.0)])
    names = [str(number) for number in range(30)] + ["odd"] * 5
    alone = good_only_cut(often, 0.01, names)
    assert set(alone.extreme) == {30, 31, 32, 33, 34}
    assert alone.threshold < 15
    assert good_only_cut(often, 0.01).threshold >= 40
    assert alone.bound == pytest.approx(2 / 32)


def test_what_several_groups_show_is_no_accident_and_moves_it() -> None:
    """Fifteen lots of fourteen parts; one part in five of the lots has a glare."""
    random = np.random.default_rng(0)
    scores, names = random.gumbel(0, 1, 210), [f"lot {number // 14}" for number in range(210)]
    glaring = np.array([3, 17, 59, 101, 143])
    scores[glaring] = [40.0, 39.0, 38.0, 37.0, 36.0]
    cut = good_only_cut(scores, 0.01, names)
    assert cut.extreme == (3,)
    assert cut.threshold >= 39


def test_an_odd_lot_is_left_out_whole() -> None:
    scores = np.random.default_rng(0).gumbel(0, 1, 210)
    names = [f"lot {number // 14}" for number in range(210)]
    scores[14:28] += 40
    cut = good_only_cut(scores, 0.01, names)
    assert set(cut.extreme) == set(range(14, 28))
    assert cut.threshold < 15


def test_the_rule_states_parts_and_bound() -> None:
    few = good_only_cut(np.random.default_rng(0).gumbel(0, 1, 31), 0.01)
    assert "1.0% of good parts by the tail of 31 good validation samples" in few.rule
    assert "without the 1 most extreme" in few.rule
    assert "at most 6.2% whatever their distribution" in few.rule
    many = good_only_cut(np.random.default_rng(0).gumbel(0, 1, 400), 0.01)
    assert many.rule == "at most 1.0% of 400 good validation samples rejected"
    assert many.bound <= 0.01


@pytest.mark.parametrize("count", [1, 2, 7])
def test_very_few_parts_lie_all_below_the_cut(count: int) -> None:
    scores = np.random.default_rng(0).gumbel(0, 1, count)
    cut = good_only_cut(scores, 0.01)
    assert cut.extreme == ()
    assert cut.threshold > scores.max()


def test_equal_scores_lie_below_the_cut() -> None:
    cut = good_only_cut(np.full(31, 0.5), 0.01)
    assert cut.threshold == pytest.approx(0.5)
    assert cut.threshold > 0.5
