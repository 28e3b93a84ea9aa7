"""The rate is that at which the test spaced the times, whatever unit it wrote them in."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from edge_agent.contracts.core.errors import InputError
from edge_agent.contracts.vibration.clock import (
    Times,
    clock_of,
    is_time,
    may_be_milliseconds,
    surest_clock,
    told_unit_s,
)
from edge_agent.contracts.vibration.recordings import read_recording, recording_signals

PATH = Path("a.csv")
EPOCH_S = 1_700_000_000
PER_SECOND = {"ms": 10**3, "us": 10**6, "ns": 10**9}


@pytest.mark.parametrize(
    ("name", "unit_s"),
    [
        ("Time (ms)", 1e-3),
        ("time_us", 1e-6),
        ("time [µs]", 1e-6),
        ("time [μs]", 1e-6),
        ("time (ns)", 1e-9),
        ("timestampMs", 1e-3),
        ("t_s", 1),
        ("Time in s", 1),
        ("seconds_elapsed", 1),
        ("elapsed_ms", 1e-3),
        ("millis", 1e-3),
        ("micros", 1e-6),
        ("time_min", 60),
    ],
)
def test_a_unit_in_the_name_of_times_is_read(name: str, unit_s: float) -> None:
    assert told_unit_s(name) == unit_s
    assert is_time(name)


@pytest.mark.parametrize("name", ["t", "time", "Timestamp", "TimeStamp", "elapsed", "Zeit"])
def test_names_of_times_without_a_unit(name: str) -> None:
    assert is_time(name)
    assert told_unit_s(name) is None


@pytest.mark.parametrize(
    "name", ["X_Value", "torque", "T_min", "T1", "DE_time", "x", "speed [1/s]", "acc_s"]
)
def test_other_names_are_none_of_times(name: str) -> None:
    assert not is_time(name)


@pytest.mark.parametrize(
    ("unit", "rate_hz"),
    [("ms", 50), ("ms", 200), ("us", 200), ("us", 25_600), ("ns", 50), ("ns", 25_600)],
)
def test_times_since_1970_tell_their_unit_by_their_size(unit: str, rate_hz: int) -> None:
    ticks = np.round(np.arange(4000) / rate_hz * PER_SECOND[unit]).astype(np.int64)
    clock = clock_of("timestamp", EPOCH_S * PER_SECOND[unit] + ticks, None, PATH)
    assert clock is not None
    assert clock.rate_hz(None, PATH) == pytest.approx(rate_hz, rel=1e-3)


def test_seconds_since_1970_are_seconds() -> None:
    clock = clock_of("timestamp", EPOCH_S + np.arange(4000) / 2000, None, PATH)
    assert clock is not None
    assert clock.unit_s == 1
    assert clock.rate_hz(None, PATH) == pytest.approx(2000)


def test_a_counter_of_microseconds_as_large_as_a_date_is_refused() -> None:
    clock = clock_of("time", EPOCH_S + np.arange(100) * 500, None, PATH)
    assert clock is not None
    with pytest.raises(InputError, match=r"names no unit: 0\.002 Hz if it is in seconds, 2 Hz"):
        clock.rate_hz(None, PATH)
    assert clock.rate_hz(2000, PATH) == pytest.approx(2000)


def test_a_unit_that_the_numbers_contradict_is_refused() -> None:
    times = EPOCH_S * 1000 + np.arange(100)
    with pytest.raises(
        InputError, match=r"'time_s' is said to be in s, which its 1\.7e\+12 is not"
    ):
        clock_of("time_s", times, 1.0, PATH)


def test_times_that_stand_still_are_no_clock_and_such_that_fall_are_refused() -> None:
    assert clock_of("t", np.zeros(9), None, PATH) is None
    with pytest.raises(InputError, match="its time column 't' does not rise"):
        clock_of("t", np.arange(9)[::-1], None, PATH)


def test_the_clock_whose_unit_is_known_goes_first() -> None:
    rows = np.arange(9.0)
    still, unsure, sure = (
        Times("t_s", EPOCH_S + 0 * rows, 1.0),
        Times("time", rows, None),
        Times("t_ms", rows, 1e-3),
    )
    for columns, name in (([still, unsure, sure], "t_ms"), ([still, unsure], "time")):
        clock = surest_clock(columns, PATH)
        assert clock is not None
        assert clock.name == name
    assert surest_clock([still, Times("time_s", rows[:2], 1.0)], PATH) is None


@pytest.mark.parametrize("order", [1, -1])
@pytest.mark.parametrize(
    ("fine", "coarse"), [("elapsed_s", "timestamp"), ("time", "timestamp"), ("time", "epoch_s")]
)
def test_a_coarse_column_of_times_beside_a_fine_one_is_passed_over(
    tmp_path: Path, fine: str, coarse: str, order: int
) -> None:
    names = [fine, coarse][::order]
    rows = [(f"{k / 100:.2f}", f"{EPOCH_S + k // 100}")[::order] for k in range(500)]
    path = tmp_path / "a.csv"
    path.write_text("\n".join([",".join((*names, "x")), *(f"{a},{b},0.5" for a, b in rows)]))
    for rate_hz in (None, 100):
        assert read_recording(path, ["x"], rate_hz).rate_hz == pytest.approx(100)
    saved = dict(zip(names, np.array(rows, dtype=np.float64).T, strict=True))
    np.savez(tmp_path / "a.npz", **saved, x=np.sin(np.arange(500.0)))
    assert read_recording(tmp_path / "a.npz", ["x"]).rate_hz == pytest.approx(100)


def test_lost_samples_are_refused_beside_a_coarse_column_and_the_column_is_named() -> None:
    rows = np.delete(np.arange(500), np.s_[150:250])
    columns = [Times("timestamp", EPOCH_S + rows // 100, None), Times("t_s", rows / 100, 1.0)]
    with pytest.raises(InputError, match=r"time column 't_s' jumps by 1\.01 s after row 150"):
        surest_clock(columns, PATH)


def test_only_a_long_recording_of_a_low_rate_may_be_in_milliseconds() -> None:
    assert may_be_milliseconds(25.6, 2000)
    assert not may_be_milliseconds(200, 10)
    assert not may_be_milliseconds(2000, 2000)


def written(folder: Path, name: str, unit: float, rate_hz: float, samples: int = 200) -> Path:
    """A .csv with one signal, and times in `unit` of a second."""
    signal = np.random.default_rng(2).normal(size=samples)
    rows = [f"{k / rate_hz / unit:.9g},{value:.5f}" for k, value in enumerate(signal)]
    (folder / "a.csv").write_text("\n".join([f"{name},acc", *rows]))
    return folder / "a.csv"


def test_milliseconds_without_a_unit_are_refused_with_cures_that_work(tmp_path: Path) -> None:
    path = written(tmp_path, "time", 1e-3, 2000)
    with pytest.raises(InputError, match=r"2 Hz if it is in seconds, 2000 Hz in milli.*time_ms"):
        read_recording(path, ["acc"])
    assert read_recording(path, ["acc"], 2000).rate_hz == 2000
    assert read_recording(path, ["acc"], usual_hz=2000).rate_hz == pytest.approx(2000)
    with pytest.raises(InputError, match="or give another rate"):
        read_recording(path, ["acc"], 1234)
    path = written(tmp_path, "time_ms", 1e-3, 2000)
    assert read_recording(path, ["acc"]).rate_hz == pytest.approx(2000)


def test_seconds_without_a_unit_are_read_and_named(tmp_path: Path) -> None:
    recording = read_recording(written(tmp_path, "time", 1.0, 200), ["acc"])
    assert recording.rate_hz == pytest.approx(200)
    assert recording.clock == "time"
    assert read_recording(written(tmp_path, "time_s", 1.0, 200), ["acc"]).clock == ""


def test_a_log_of_one_row_a_second_is_read_where_its_unit_is_named(tmp_path: Path) -> None:
    assert read_recording(written(tmp_path, "time_s", 1.0, 1), ["acc"]).rate_hz == pytest.approx(1)


def test_a_counter_of_samples_is_a_ramp_in_a_long_file_too(tmp_path: Path) -> None:
    path = written(tmp_path, "sample", 1.0, 1.0, samples=40_000)
    assert recording_signals(path) == (["sample", "acc"], ["sample"])
