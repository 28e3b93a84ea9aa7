from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from edge_agent.contracts.core.errors import InputError
from edge_agent.contracts.vibration import recordings
from edge_agent.contracts.vibration.content import content_of, is_ramp, scopes

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


def test_a_steady_ramp_is_told_from_vibration_and_from_a_slow_rise() -> None:
    turns = np.linspace(0, 40, 2000)
    noise = np.random.default_rng(1).normal(size=2000)
    bend = np.linspace(0, 1, 2000) ** 2
    for ramp in (turns, -turns, np.floor(turns * 10)):
        assert is_ramp(ramp.astype(np.float32))
    for other in (noise, turns + noise, bend, np.ones(2000), turns[:20]):
        assert not is_ramp(other.astype(np.float32))


def test_a_ramp_is_named_unless_nothing_else_is_there() -> None:
    rows = np.arange(100.0)
    wave = np.sin(rows)
    assert content_of({"n": rows, "x": wave}, PATH).ramps == ["n"]
    assert content_of({"n": rows}, PATH).ramps == []


def test_a_file_with_a_ramp_is_read_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows, reads, reader = np.arange(100.0), [], recordings.READERS[".npz"]
    np.savez(tmp_path / "a.npz", n=rows, x=np.sin(rows))
    monkeypatch.setitem(
        recordings.READERS, ".npz", lambda path: (reads.append(path), reader(path))[1]
    )
    assert recordings.recording_signals(tmp_path / "a.npz") == (["n", "x"], ["n"])
    assert len(reads) == 1


def test_a_stated_rate_goes_before_times_and_a_number_named_rate() -> None:
    times = {"x": A, "t": A / 50}
    stated = content_of({**times, "sampling_rate": 100, "rate": 25}, PATH)
    assert stated.stated_hz(["x"], PATH) == 100
    timed = content_of({**times, "rate": 25}, PATH)
    assert timed.stated_hz(["x"], PATH) is None
    clock = timed.beside(["x"], PATH)
    assert clock is not None
    assert clock.rate_hz(None, PATH) == pytest.approx(50)
    bare = content_of({"x": A, "rate": 25}, PATH)
    assert bare.beside(["x"], PATH) is None
    assert bare.number_named_rate() == 25
    assert content_of({"x": A}, PATH).number_named_rate() is None


def test_of_two_columns_of_times_the_one_with_a_unit_counts() -> None:
    content = content_of({"x": A, "time": A, "time_ms": A * 0.5}, PATH)
    clock = content.beside(["x"], PATH)
    assert clock is not None
    assert clock.rate_hz(None, PATH) == pytest.approx(2000)


def test_times_that_lost_samples_are_refused_where_they_would_say_the_rate() -> None:
    lost = np.array([0.0, 0.01, 0.02, 0.03, 5.0, 5.01])
    content = content_of({"x": A, "t_s": lost}, PATH)
    with pytest.raises(InputError, match=r"jumps by 4\.97 s after row 4"):
        content.beside(["x"], PATH)
    with pytest.raises(InputError, match=r"jumps by 4\.97 after row 4"):
        content_of({"x": A, "t": lost}, PATH).beside(["x"], PATH)


def test_arrays_that_are_no_signal_are_told_by_their_shape_or_numbers() -> None:
    arrays = {"stack": np.zeros((4, 5, 6)), "spectrum": np.ones(8) * 1j, "owner": np.array("me")}
    with pytest.raises(InputError) as caught:
        content_of(arrays, Path("a.npz"))
    assert "stack (4 x 5 x 6), spectrum (complex numbers), owner (me)" in str(caught.value)
