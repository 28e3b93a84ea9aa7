"""Where the belt was, between the readings of its encoder."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from edge_agent.encoder.track import KEEP_NS, STALE_NS, Track

MS = 1_000_000


def track(*readings: tuple[int, int]) -> Track:
    made = Track()
    for ms, um in readings:
        made.note(ms * MS, um)
    return made


def test_belt_moves_evenly_between_two_readings_and_goes_on_after_the_last() -> None:
    belt = track((0, 0), (10, 1000), (20, 3000))
    assert [belt.at(ms * MS) for ms in (0, 5, 10, 15, 20, 25)] == [0, 500, 1000, 2000, 3000, 4000]


def test_place_is_unknown_before_the_first_reading_and_after_a_loss() -> None:
    belt = track((100, 0), (110, 1000))
    assert belt.at(99 * MS) is None
    assert belt.at(110 * MS + STALE_NS + 1) is None
    belt.forget()
    assert belt.at(105 * MS) is None


def test_place_ahead_is_known_as_long_as_the_readings_are_fresh() -> None:
    belt = track((0, 0), (10, 1000))
    assert belt.at(12 * MS, 500 * MS) == 51_200
    assert belt.at(0, 5 * MS) == 500
    assert belt.at(10 * MS + STALE_NS + 1, 5 * MS) is None


def test_moment_of_a_place_is_found_between_the_readings() -> None:
    belt = track((0, 0), (10, 1000), (20, 3000))
    assert belt.when(500) == 5 * MS
    assert belt.when(2000) == 15 * MS
    assert belt.when(3001) is None


def test_belt_that_stands_still_costs_no_memory_and_keeps_its_place() -> None:
    belt = track((0, 0), (10, 1000))
    for ms in range(20, 5000, 10):
        belt.note(ms * MS, 1000)
    assert belt.at(2500 * MS) == 1000
    assert belt.at(4995 * MS) == 1000
    belt.note(5000 * MS, 2000)
    assert belt.when(1000) == 10 * MS


def test_old_readings_are_forgotten() -> None:
    belt = Track()
    for second in range(60):
        belt.note(second * 1_000_000_000, second * 1000)
    assert belt.at(0) is None
    assert belt.at(59_000_000_000 - KEEP_NS + 500_000_000) is not None


STEPS = st.lists(st.tuples(st.integers(1, 50), st.integers(0, 5000)), min_size=2, max_size=40)


@given(steps=STEPS)
def test_place_and_moment_are_each_others_inverse(steps: list[tuple[int, int]]) -> None:
    belt, ms, um = Track(), 0, 0
    belt.note(0, 0)
    places = []
    for pause, way in steps:
        ms, um = ms + pause, um + way
        belt.note(ms * MS, um)
        places.append((ms, um))
    for at_ms, place in places:
        assert belt.at(at_ms * MS) == place
        moment = belt.when(place)
        if place:
            assert moment is not None
            assert belt.at(moment) == place
            assert moment <= at_ms * MS
