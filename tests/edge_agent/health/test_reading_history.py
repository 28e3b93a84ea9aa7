"""A reading that comes again is known, whatever the length of the driver's ring."""

from __future__ import annotations

import numpy as np
import pytest

from edge_agent.contracts.core.types import Signal
from edge_agent.health.reading_history import REMEMBERED, ReadingHistory


def noise(seed: int) -> Signal:
    return np.random.default_rng(seed).normal(size=(500, 2)).astype(np.float32)


@pytest.mark.parametrize("ring", [1, 3, REMEMBERED])
def test_each_buffer_of_a_ring_passes_once(ring: int) -> None:
    history = ReadingHistory()
    found = [history.came_before(noise(k % ring)) for k in range(3 * ring)]
    assert found == [False] * ring + [True] * (2 * ring)


def test_one_sample_that_differs_makes_another_reading() -> None:
    history = ReadingHistory()
    one, other = noise(1), noise(1)
    other[7, 1] += np.float32(1e-3)
    assert not history.came_before(one)
    assert not history.came_before(other)
