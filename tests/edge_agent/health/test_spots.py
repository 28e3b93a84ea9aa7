"""What stays in its place over the frames is a spot."""

from __future__ import annotations

from math import isnan

import numpy as np
import pytest

from edge_agent.health.picture import CELLS_ACROSS, CELLS_DOWN
from edge_agent.health.spots import SPOT_WINDOW, SpotGauge

SHAPE = CELLS_DOWN, CELLS_ACROSS


def residuals(count: int) -> list[np.ndarray]:
    rng = np.random.default_rng(4)
    return [rng.normal(size=SHAPE).astype(np.float32) for _ in range(count)]


def test_the_extremes_are_those_of_the_medians_of_the_last_frames() -> None:
    gauge, frames = SpotGauge(), residuals(3 * SPOT_WINDOW)
    found = [gauge.add(one) for one in frames]
    assert all(isnan(dark) and isnan(bright) for dark, bright in found[: SPOT_WINDOW - 1])
    for end in range(SPOT_WINDOW, len(frames) + 1):
        # The upper of the two in the middle.
        last = np.sort(np.stack(frames[end - SPOT_WINDOW : end]), axis=0)[SPOT_WINDOW // 2]
        assert found[end - 1] == (float(last.min()), float(last.max()))


def test_fields_without_weight_have_no_spot() -> None:
    weights = np.ones(SHAPE, np.float32)
    weights[3, 5] = 0
    gauge = SpotGauge(weights)
    spot = np.zeros(SHAPE, np.float32)
    spot[3, 5], spot[9, 9] = -50.0, -7.0
    assert [gauge.add(spot) for _ in range(SPOT_WINDOW)][-1] == pytest.approx((-7.0, 0.0))
