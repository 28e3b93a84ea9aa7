"""A frame's own moment survives whatever delays it on its way."""

from __future__ import annotations

import numpy as np
import pytest
from pydantic import ValidationError

from edge_agent.contracts.core.types import Frame, Unreadable
from edge_agent.decide.item_time import ItemTime, MatchTable

MS = 1_000_000
IMAGE = np.zeros((2, 2, 3), np.uint8)


def frame(taken_ms: float, way_ms: float, camera_ahead_ms: float = 5e6) -> Frame:
    """A frame of a camera whose clock counts from elsewhere."""
    arrived = round((taken_ms + way_ms) * MS)
    return Frame(IMAGE, 0, arrived, 0, device_ns=round((taken_ms + camera_ahead_ms) * MS))


def test_frame_that_waited_in_the_driver_keeps_its_moment() -> None:
    time = ItemTime("driver")
    ways = [9, 7, 12, 8] * 4
    known = [time.taken_ns(frame(100 * k, way)) for k, way in enumerate(ways)]
    assert known[:15] == [None] * 15
    assert time.taken_ns(frame(5000, 900)) == (5000 + 7) * MS


def test_clocks_that_drift_apart_are_followed() -> None:
    time = ItemTime("driver")
    for k in range(400):
        drift_ms = k * 100 * 50e-6
        taken = time.taken_ns(frame(100 * k, 7, 5e6 - drift_ms))
    assert taken is not None
    assert abs(taken - (39_900 + 7) * MS) <= 1.1 * MS


def test_arrival_and_monotonic_stamps_are_taken_as_they_are() -> None:
    assert ItemTime("arrival").taken_ns(frame(50, 9)) == 59 * MS
    assert ItemTime("monotonic").taken_ns(frame(50, 9, 0)) == 50 * MS


def test_item_without_a_stamp_has_no_moment() -> None:
    assert ItemTime("monotonic").taken_ns(Unreadable("torn", 0, 5, 0)) is None


def test_window_that_ends_before_it_begins_is_refused() -> None:
    with pytest.raises(ValidationError, match="first <= last"):
        MatchTable(window_ms=(20, 10))
