"""A value that jumps from part to part is told from one that steps or drifts."""

from __future__ import annotations

from math import isnan, nan

import numpy as np
import pytest

from edge_agent.health.unrest import unrest_series


def test_a_value_that_jumps_is_restless_and_a_step_and_an_odd_part_are_not() -> None:
    calm = [0.0] * 30
    assert unrest_series([*calm, *[1.0, 0.0] * 3])[-1] == 1.0
    assert unrest_series([*calm, *[1.0] * 10])[-1] == 0.0
    assert unrest_series([*calm, 1.0, *calm[:5]])[-1] == 0.0


def test_a_drift_is_as_restless_as_its_speed() -> None:
    drift = (np.arange(40) * 0.01).tolist()
    assert unrest_series(drift)[-1] == pytest.approx(0.01)


def test_what_was_not_measured_is_left_out() -> None:
    found = unrest_series([0.0, 1.0, nan, 0.0, 1.0])
    assert isnan(found[2])
    assert found[-1] == 1.0
    assert all(isnan(value) for value in found[:4])
