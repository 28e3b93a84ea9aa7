"""One odd recording among good ones: what it does to a threshold of windows, and what is said."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest

from trainer.thresholds.choose import good_quantile
from trainer.thresholds.good_only import GoodOnlyCut
from trainer.thresholds.odd_group import cut_by_others

USUAL = partial(good_quantile, false_reject=0.01)


def cut(scores: np.ndarray, names: np.ndarray) -> GoodOnlyCut:
    return cut_by_others(scores, 0.01, names.tolist(), USUAL, "recordings")


def recordings(count: int, windows: int = 40, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Scores of windows, and the recording of each."""
    rng = np.random.default_rng(seed)
    return rng.gumbel(1.0, 0.1, count * windows), np.repeat(np.arange(count).astype(str), windows)


@pytest.mark.parametrize("count", [3, 4, 7, 12, 30])
def test_an_odd_recording_hardly_moves_the_threshold(count: int) -> None:
    scores, names = recordings(count)
    odd = np.where(names == "1", scores + 20, scores)
    assert USUAL(odd)[0] > 20, "one reading in a hundred of all is one of the odd ones"
    before, after = cut(scores, names), cut(odd, names)
    assert before.threshold < after.threshold < before.threshold + 0.6
    assert set(after.extreme) == set(np.flatnonzero(names == "1"))
    assert after.with_all > 20
    assert after.rule.startswith(f"1.0% of good readings by {count} recordings without the most")


def test_where_no_recording_is_odd_the_usual_rule_stays() -> None:
    scores, names = recordings(12)
    found = cut(scores, names)
    assert found.threshold == found.with_all == USUAL(scores)[0]
    assert found.extreme == ()
    assert found.rule.startswith(USUAL(scores)[1])


def test_a_spell_of_an_odd_recording_is_left_out_and_the_rest_of_it_stays() -> None:
    scores, names = recordings(12)
    scores[40:48] += 20
    found = cut(scores, names)
    assert set(found.extreme) == set(range(40, 48))
    assert found.threshold < 3


def test_what_two_recordings_show_is_no_accident() -> None:
    scores, names = recordings(12)
    scores[40:120] += 20
    assert cut(scores, names).threshold > 20


def test_of_two_recordings_none_is_called_odd() -> None:
    scores, names = recordings(2)
    odd = np.where(names == "1", scores + 20, scores)
    assert cut(odd, names).threshold == USUAL(odd)[0]


def test_recordings_of_one_window_each_are_the_end_of_the_tail() -> None:
    """As of pictures: the highest one is left out of the estimate and not out of the count."""
    scores, names = recordings(40, windows=1)
    scores[7] = 30.0
    found = cut(scores, names)
    assert found.extreme == (7,)
    assert np.sort(scores)[-2] < found.threshold < 3


@pytest.mark.parametrize("count", [3, 8, 20])
def test_new_recordings_alarm_no_more_often_than_the_ranks_say(count: int) -> None:
    """Recordings differ: each has a level of its own, as the ranks of windows would not know."""
    rng, shares, bounds = np.random.default_rng(4), [], []
    names = np.repeat(np.arange(count).astype(str), 30)
    for _ in range(300):
        known = rng.normal(0, 1, (count, 1)) + 0.3 * rng.normal(size=(count, 30))
        found = cut(known.ravel(), names)
        new = rng.normal(0, 1, (50, 1)) + 0.3 * rng.normal(size=(50, 30))
        shares.append(float((new >= found.threshold).mean()))
        bounds.append(found.bound)
    assert np.mean(shares) <= np.mean(bounds)
    assert np.mean(shares) > 0.01, "a hundredth of windows is not a hundredth of new recordings"


def test_the_bound_counts_recordings_and_is_said() -> None:
    scores, names = recordings(19)
    found = cut(scores, names)
    assert found.bound == pytest.approx((19 * 0.01 + 1) / 20, abs=0.003)
    assert f"about {found.bound:.1%} at most by the ranks of 19 (conformal)" in found.rule
