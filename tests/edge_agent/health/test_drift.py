"""A moved distribution is found in time, and a healthy one raises no alarm."""

from __future__ import annotations

import numpy as np
import pytest

from edge_agent.health.drift import (
    ALLOWANCES,
    GOOD_REFERENCE,
    DriftTest,
    Reference,
    Values,
    chi_squared_limit,
    cusum_limit,
    learn_reference,
    parts_to_detect,
    population_stability,
)


def normal(seed: int, size: int = GOOD_REFERENCE) -> Values:
    return np.random.default_rng(seed).normal(size=size)


def alarm_after(reference: Reference, values: Values) -> int:
    test = DriftTest(reference)
    return next((k + 1 for k, value in enumerate(values.tolist()) if test.add(value)), 10**9)


@pytest.mark.parametrize(("shift", "parts"), [(0.3, 500), (0.5, 200), (1.0, 60)])
def test_a_shift_is_found_in_time(shift: float, parts: int) -> None:
    reference = learn_reference(normal(1))
    found = [alarm_after(reference, normal(k, 600) + shift) for k in range(2, 32)]
    found += [alarm_after(reference, normal(k, 600) - shift) for k in range(32, 62)]
    assert np.mean(np.array(found) <= parts) >= 0.9
    assert parts_to_detect(reference, shift) <= parts


def test_a_healthy_line_raises_no_alarm() -> None:
    reference = learn_reference(normal(1))
    assert alarm_after(reference, normal(99, 20_000)) == 10**9


@pytest.mark.parametrize("name", ["lognormal", "exponential", "ties", "bimodal"])
def test_the_rate_holds_for_any_shape(name: str) -> None:
    shapes = {
        "lognormal": np.exp,
        "exponential": np.abs,
        "ties": lambda values: np.round(2 * values) / 256,
        "bimodal": lambda values: np.sign(values) * 5 + values,
    }
    shape = shapes[name]
    reference = learn_reference(shape(normal(1)))
    assert alarm_after(reference, shape(normal(98, 10_000))) == 10**9
    assert alarm_after(reference, shape(normal(3, 600) + 1)) <= 120


def test_one_value_all_the_time_is_no_drift_and_another_one_is() -> None:
    reference = learn_reference([0.0] * 300)
    assert alarm_after(reference, np.zeros(5000)) == 10**9
    assert alarm_after(reference, np.ones(200)) < 10**9


def test_the_alarm_ends_after_its_cause_and_names_its_direction() -> None:
    test = DriftTest(learn_reference(normal(1)))
    directions = [test.add(value) for value in normal(2, 200) - 2]
    assert directions[-1] == -1
    assert [test.add(value) for value in normal(3, 1000)][-1] == 0


def test_neighbours_that_resemble_each_other_widen_the_limits() -> None:
    wave = np.sin(np.arange(2000) * 2 * np.pi / 170) + 0.3 * normal(1)
    assert learn_reference(wave).limits[0] > learn_reference(normal(1)).limits[0]
    later = np.sin(np.arange(2000, 12_000) * 2 * np.pi / 170) + 0.3 * normal(2, 10_000)
    assert alarm_after(learn_reference(wave), later) == 10**9


def test_a_short_reference_makes_the_test_slower_and_none_is_refused() -> None:
    slow, quick = cusum_limit(ALLOWANCES[0], 1e-5, 300), cusum_limit(ALLOWANCES[0], 1e-5, 5000)
    assert slow > quick
    with pytest.raises(ValueError, match="100 finite values, 99 came"):
        learn_reference([0.0] * 99)


def test_normal_scores_of_one_and_of_many_are_the_same() -> None:
    for values in (normal(1), np.round(normal(1))):
        reference = learn_reference(values)
        given = np.concatenate([values[:200], [-9.0, 9.0], reference.quantiles[:5]])
        one = [reference.normal_score(value) for value in given.tolist()]
        np.testing.assert_allclose(one, reference.normal_scores(given), atol=1e-9)


def test_population_stability_tells_a_wider_distribution_from_the_same_one() -> None:
    reference = learn_reference(normal(1))
    index, limit = population_stability(reference, normal(5, 1000))
    assert index < limit
    index, limit = population_stability(reference, 1.6 * normal(5, 1000))
    assert index > 2 * limit


def test_chi_squared_limit_is_that_of_the_tables() -> None:
    # 27.88: the 0.999 quantile of 9 degrees (NIST handbook, table 1.3.6.7.4).
    assert chi_squared_limit(9) == pytest.approx(27.88, rel=0.01)
