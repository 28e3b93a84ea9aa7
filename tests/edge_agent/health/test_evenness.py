"""One side that is darker, and bands that move, are told from a defect and from each other."""

from __future__ import annotations

from math import isnan

import numpy as np
import pytest
from numpy.typing import NDArray

from edge_agent.health.evenness import EvennessGauge
from edge_agent.health.picture import CELLS_ACROSS, CELLS_DOWN

ROWS, COLUMNS = np.mgrid[0:CELLS_DOWN, 0:CELLS_ACROSS]
STEADY = np.hypot(ROWS - 9, COLUMNS - 12) > 5
"""All but a part in the middle."""


def fields(values: NDArray[np.floating]) -> NDArray[np.float32]:
    return values.astype(np.float32)


def bands(gauge: EvennessGauge, *frames: NDArray[np.floating]) -> float:
    return [gauge.measure(fields(one)).bands for one in frames][-1]


def waves(phase: float) -> NDArray[np.floating]:
    return np.asarray(0.1 * np.sin(2 * np.pi * 3 * ROWS / CELLS_DOWN + phase))


def test_the_darker_side_is_measured_and_makes_no_bands() -> None:
    gauge = EvennessGauge(STEADY)
    even = fields(np.zeros(STEADY.shape))
    first = gauge.measure(even)
    assert isnan(first.bands)
    tilted = gauge.measure(fields(0.2 * COLUMNS / (CELLS_ACROSS - 1) - 0.1 * ROWS / 17))
    assert tilted.light_right == pytest.approx(0.2, abs=1e-3)
    assert tilted.light_down == pytest.approx(-0.1, abs=1e-3)
    assert tilted.bands < 1e-4


@pytest.mark.parametrize("turned", [False, True])
def test_bands_that_move_are_measured_and_those_that_stay_are_not(turned: bool) -> None:
    first, second = waves(0), waves(np.pi)
    if turned:
        first, second = (0.1 * np.sin(2 * np.pi * 3 * COLUMNS / 24 + k) for k in (0, np.pi))
    found = bands(EvennessGauge(STEADY), first, second)
    assert found == pytest.approx(0.1, rel=0.1)  # half of 0.2 / sqrt(2), times sqrt(2)
    assert bands(EvennessGauge(STEADY), second, second) == 0


def test_a_defect_at_one_end_is_no_band() -> None:
    defect = np.zeros(STEADY.shape)
    defect[6:9, 1:5] = -1.0
    assert bands(EvennessGauge(STEADY), np.zeros(STEADY.shape), defect) < 0.04


def test_where_no_field_is_steady_at_both_ends_there_are_no_bands() -> None:
    narrow = COLUMNS < 3
    assert bands(EvennessGauge(narrow), waves(0), waves(2)) == 0
