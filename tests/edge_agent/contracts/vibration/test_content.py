from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from edge_agent.contracts.core.errors import InputError
from edge_agent.contracts.vibration.content import content_of, scopes, time_unit_s

A, B = np.arange(6.0), np.ones(6)
PATH = Path("a.npz")


def test_a_matrix_is_read_by_its_longer_side() -> None:
    columns = content_of({"m": np.stack([A, B])}, PATH).columns
    assert list(columns) == ["m.0", "m.1"]
    assert columns["m.0"].tolist() == A.tolist()


def test_signals_are_the_longest_and_no_times() -> None:
    content = content_of({"t": A, "x": A, "gains": A[:3], "y": B, "n": np.array(3)}, PATH)
    assert content.signals == ["x", "y"]
    assert content_of({"time": A}, PATH).signals == ["time"]


def test_the_scopes_of_a_field_end_with_the_file() -> None:
    assert scopes("data.acc.x") == ["data.acc", "data", ""]
    assert scopes("x") == [""]


def test_a_stated_rate_goes_before_times_and_a_number_named_rate() -> None:
    times = {"x": A, "t": A / 50}
    stated = content_of({**times, "sampling_rate": 100, "rate": 25}, PATH)
    assert stated.stated_hz(["x"], PATH) == 100
    timed = content_of({**times, "rate": 25}, PATH)
    assert timed.stated_hz(["x"], PATH) is None
    assert timed.implied_hz(["x"], PATH) == pytest.approx(50)
    assert content_of({"x": A, "rate": 25}, PATH).implied_hz(["x"], PATH) == 25
    assert content_of({"x": A}, PATH).implied_hz(["x"], PATH) is None


def test_times_that_lost_samples_are_refused_where_they_would_say_the_rate() -> None:
    lost = np.array([0.0, 0.01, 0.02, 0.03, 5.0, 5.01])
    content = content_of({"x": A, "t": lost}, PATH)
    with pytest.raises(InputError, match=r"jumps by 4\.97 s after row 4"):
        content.implied_hz(["x"], PATH)


@pytest.mark.parametrize(
    ("name", "unit_s"), [("t", 1), ("Time (ms)", 1e-3), ("time_us", 1e-6), ("torque", 0)]
)
def test_columns_of_times_are_known_by_their_names(name: str, unit_s: float) -> None:
    assert time_unit_s(name) == unit_s
