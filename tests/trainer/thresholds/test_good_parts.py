"""What the most extreme good parts do to a threshold is said by leaving them out for real."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest

from trainer.thresholds.choose import good_quantile
from trainer.thresholds.good_only import GoodOnlyCut, good_only_cut
from trainer.thresholds.good_parts import good_parts, good_readings
from trainer.thresholds.odd_group import cut_by_others

USUAL = np.random.default_rng(0).gumbel(0, 0.1, 31)


def names(count: int) -> list[str]:
    return [str(number) for number in range(count)]


def test_an_odd_part_is_named_and_its_effect_is_what_the_rule_gives_without_it() -> None:
    odd = np.append(USUAL, 5.0)
    found, rule = good_parts(np.arange(100, 132), odd, 0.01, names(32))
    assert found.extreme == (31,)
    assert found.samples[31] == 131
    assert found.left_out == 1
    assert found.with_all > 5 > 1 > found.threshold
    assert found.without_extreme == good_only_cut(USUAL, 0.01, names(31)).threshold
    assert "31 most extreme" not in rule


def test_where_too_few_groups_are_there_to_leave_one_out_the_highest_group_is_shown() -> None:
    groups = [*("abcdef" * 2), "odd", "odd"]
    scores = np.append(USUAL[:12], [3.0, 2.0])
    found, _ = good_parts(np.arange(14), scores, 0.01, groups)
    assert found.left_out == 0
    assert found.extreme == (12, 13)
    assert found.threshold == found.with_all > 3
    assert found.without_extreme == pytest.approx(
        good_only_cut(scores[:12], 0.01, groups[:12]).threshold
    )


def test_nothing_is_said_of_a_threshold_of_hardly_any_part() -> None:
    found, _ = good_parts(np.arange(6), USUAL[:6], 0.01, names(6))
    assert found.without_extreme is None


def cut_of_windows(scores: np.ndarray, recordings: list[str]) -> GoodOnlyCut:
    usual = partial(good_quantile, false_reject=0.01)
    return cut_by_others(scores, 0.01, recordings, usual, "recordings")


def test_five_windows_are_taken_out_together_where_the_rule_leaves_none_out() -> None:
    scores = np.append(USUAL, [4.0, 5.0, 3.0])
    found, _ = good_readings(
        np.arange(34), scores, ["a"] * 17 + ["b"] * 17, cut_of_windows, np.arange(34) * 0.5
    )
    assert found.extreme[:3] == (32, 31, 33)
    assert len(found.extreme) == 5
    assert found.left_out == 0
    assert found.threshold == good_quantile(scores, 0.01)[0]
    left = np.sort(scores)[:-5]
    assert found.without_extreme == pytest.approx(good_quantile(left, 0.01)[0])


def test_the_windows_of_an_odd_recording_are_named_and_left_out() -> None:
    scores, recordings = np.append(USUAL, [4.0, 5.0, 3.0]), [*"abcd" * 7, *"abc", *"odd"]
    recordings[-3:] = ["odd"] * 3
    found, rule = good_readings(np.arange(34), scores, recordings, cut_of_windows)
    assert found.extreme == (32, 31, 33)
    assert found.left_out == 3
    assert found.threshold < 2 < found.with_all
    assert "5 recordings without the most extreme one" in rule
    assert found.starts_s is None
