"""Limits of a healthy line: no part alone decides, a swing is not taken for a fault."""

from __future__ import annotations

from math import nan

import numpy as np
import pytest

from edge_agent.health.limits import (
    LASTS,
    LEAST_PARTS,
    WINDOW,
    Limit,
    LimitWatch,
    NewestWatch,
    is_correlated,
    learn_limit,
    rolling_medians,
    stated_rate,
)


def normal(seed: int, size: int) -> list[float]:
    return np.random.default_rng(seed).normal(size=size).tolist()


def swing(start: int, size: int) -> list[float]:
    steps = np.arange(start, start + size)
    noise = np.random.default_rng(start).normal(size=size)
    return (np.sin(steps * 2 * np.pi / 170) + 0.2 * noise).tolist()


def worst(watch: LimitWatch, values: list[float]) -> float:
    return max(abs(watch.add(value)) for value in values)


def test_a_healthy_line_stays_within_its_limits() -> None:
    assert worst(LimitWatch(learn_limit(normal(3, 300), 0.01)), normal(2, 20_000)) < 1


def test_a_swing_stays_within_its_limits_and_a_step_in_it_does_not() -> None:
    watch = LimitWatch(learn_limit(swing(0, 500), 0.01))
    assert is_correlated(np.array(swing(0, 500)))
    assert not is_correlated(np.array(normal(1, 500)))
    assert worst(watch, swing(500, 2000)) <= 1
    assert worst(watch, [value + 1.8 for value in swing(2500, 20)]) > 1


def test_one_part_alone_and_three_of_eight_are_no_fault() -> None:
    watch = LimitWatch(learn_limit(normal(1, 300), 0.01))
    values = normal(3, 100)
    values[40], values[60], values[62], values[64] = 50.0, 50.0, 50.0, 50.0
    assert worst(watch, values) < 1.2


def test_a_marginal_step_must_last_and_never_holds_on() -> None:
    limit = Limit(level=0.0, reach=100.0, step=1.0)
    watch = LimitWatch(limit)
    worst(watch, [0.0] * 20)
    found = [watch.add(value) for value in [1.2] * 40]
    assert max(found) == 1.0, "a swing makes such a step too"
    assert found[-1] == pytest.approx(0.012)
    watch = LimitWatch(limit)
    worst(watch, [0.0] * 20)
    assert [watch.add(1.5) for _ in range(40)][-1] == pytest.approx(1.5)


def test_a_marginal_level_must_last_until_no_part_of_its_first_window_is_left() -> None:
    limit = Limit(level=0.0, reach=1.0, step=100.0)
    watch = LimitWatch(limit)
    worst(watch, [0.0] * 20)
    found = [watch.add(1.2) for _ in range(20)]
    first = next(place for place, off in enumerate(found) if off > 1)
    assert first == 4 + LASTS - 1, "five of eight are beyond, and so for LASTS values"
    watch = LimitWatch(limit)
    worst(watch, [0.0] * 20)
    found = [watch.add(1.5) for _ in range(20)]
    assert next(place for place, off in enumerate(found) if off > 1) == 4, "what is clear waits not"


def test_the_newest_values_say_soon_how_far_they_are_off() -> None:
    watch = LimitWatch(Limit(level=1.0, reach=1.0, step=100.0))
    assert watch.newest == 0.0
    worst(watch, [1.0] * 20)
    assert [watch.add(5.0) or watch.newest for _ in range(2)] == [0.0, 4.0]
    assert not watch.is_off
    worst(watch, [5.0] * 3)
    assert watch.is_off


@pytest.mark.parametrize("by", [-4.0, 4.0])
def test_a_step_is_found_within_a_window_and_its_sign_is_told(by: float) -> None:
    watch = LimitWatch(learn_limit(normal(1, 300), 0.01))
    worst(watch, normal(2, 100))
    found = [watch.add(value + by) for value in normal(3, WINDOW)]
    assert abs(found[-1]) > 1
    assert np.sign(found[-1]) == np.sign(by)
    assert worst(watch, normal(4, 3)) > 1
    assert abs([watch.add(value) for value in normal(5, 60)][-1]) < 1


def test_the_newest_of_a_smooth_value_counts_and_must_last_where_it_is_marginal() -> None:
    watch = NewestWatch(Limit(level=1.0, reach=0.5, step=9.0))
    assert [watch.add(value) for value in (1.0, 1.6, 1.6, 1.0)] == pytest.approx([0, 1, 1.2, 0])
    assert watch.add(0.0) == pytest.approx(-2.0)
    assert watch.deviation == pytest.approx(-1.0)


def test_one_part_alone_may_stray_far_further_than_a_median() -> None:
    limit = learn_limit(normal(1, 300), 0.01, least_of_one=0.1)
    assert limit.single is not None
    assert limit.single > 2 * limit.reach
    assert learn_limit(normal(1, 300), 0.01, least_of_one=50.0).single == 50.0
    assert learn_limit(normal(1, 300), 0.01).single is None


def test_what_could_not_be_measured_is_left_out_and_too_little_is_refused() -> None:
    limit = learn_limit([*normal(1, 100), nan, nan], 5.0)
    assert limit.reach == 5.0
    assert LimitWatch(limit).add(nan) == 0
    with pytest.raises(ValueError, match="60 are needed"):
        learn_limit([nan] * 100 + normal(1, LEAST_PARTS - 1), 0.1)


def test_the_stated_rate_is_the_rule_of_three() -> None:
    assert stated_rate(300) == pytest.approx(0.01)
    assert stated_rate(1) == 1.0


def test_rolling_medians_are_those_of_numpy() -> None:
    values = np.array(normal(1, 30))
    found = rolling_medians(values, 8)
    assert found[5] == np.median(values[5:13])
    assert len(found) == 23
