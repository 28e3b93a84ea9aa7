"""A value that jumps from part to part is told from one that steps or drifts."""

from __future__ import annotations

from math import isnan, nan

import numpy as np
import pytest

from edge_agent.health.unrest import AVERAGED, SOON, Unsettled, mean_series, unrest_series


def test_a_value_that_jumps_is_restless_and_a_step_and_an_odd_part_are_not() -> None:
    calm = [0.0] * 30
    assert unrest_series([*calm, *[1.0, 0.0] * 3])[-1] == 1.0
    assert unrest_series([*calm, *[1.0] * 10])[-1] == 0.0
    assert unrest_series([*calm, 1.0, *calm[:5]])[-1] == 0.0


def test_a_drift_is_as_restless_as_its_speed() -> None:
    drift = (np.arange(40) * 0.01).tolist()
    assert unrest_series(drift)[-1] == pytest.approx(0.01)


def test_the_mean_tells_flicker_from_noise_and_knows_neither_steps_nor_odd_parts() -> None:
    noise = np.random.default_rng(1).normal(0, 0.02, 60)
    flicker = np.random.default_rng(2).normal(0, 0.12, AVERAGED)
    healthy = mean_series(noise.tolist())
    assert all(isnan(value) for value in healthy[:AVERAGED])
    usual = max(healthy[AVERAGED:])
    assert mean_series([*noise, *flicker])[-1] > 3 * usual
    stepped = [*noise[:40], *(noise[40:] - 1)]
    stepped[50] = 5.0
    assert max(mean_series(stepped)[AVERAGED:]) < 1.5 * usual


def test_what_is_unsettled_is_said_sooner_and_of_no_step() -> None:
    unsettled = Unsettled()
    assert [unsettled.add(value) for value in [0.0] * SOON] == [0.0] * SOON
    assert [unsettled.add(1.0) for _ in range(10)] == [0.0] * 10
    assert [unsettled.add(k % 2) for k in range(SOON)][-1] > 1


def test_what_was_not_measured_is_left_out() -> None:
    found = unrest_series([0.0, 1.0, nan, 0.0, 1.0])
    assert isnan(found[2])
    assert found[-1] == 1.0
    assert all(isnan(value) for value in found[:4])
