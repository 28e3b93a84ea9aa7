"""What is measured of a reading, against signals that were made for it."""

from __future__ import annotations

from math import isnan, log

import numpy as np
import pytest

from edge_agent.contracts.core.types import Reading
from edge_agent.health.commissioning import LEAST
from edge_agent.health.signal import (
    HELD,
    clipped_share,
    longest_hold,
    measure_signal,
    repeated_share,
    silent_share,
)
from edge_agent.simulator.disturbance import DROPOUTS, disturbed_signal


def reading(samples: np.ndarray, rpm: float | None = 1500.0) -> Reading:
    return Reading(samples.astype(np.float32)[:, None], 8000.0, 0, 0, 0, rpm=rpm)


def shaft(seconds: float = 1.0, rate_hz: float = 8000.0) -> np.ndarray:
    """A line at 25 Hz over noise."""
    times = np.arange(int(seconds * rate_hz)) / rate_hz
    noise = np.random.default_rng(1).normal(0, 0.1, len(times))
    return np.sin(2 * np.pi * 25 * times) + noise


def test_level_is_that_of_the_signal() -> None:
    expected = log(np.sqrt(0.5 + 0.01))
    assert measure_signal(reading(shaft())).level == pytest.approx(expected, abs=0.01)


def test_the_share_that_is_silent_is_counted_and_a_quiet_signal_is_not() -> None:
    signal = shaft()
    assert silent_share(signal) == 0
    assert silent_share(0.001 * signal) == 0
    opened = signal.copy()
    opened[2000:3600] = np.random.default_rng(2).normal(0, 1e-3, 1600)
    assert silent_share(opened) == pytest.approx(0.2, abs=0.02)
    opened[2000:7000] = 0
    assert silent_share(opened) == pytest.approx(0.62, abs=0.02)


def test_axes_that_are_exchanged_or_turned_round_move_the_offset() -> None:
    noise = np.random.default_rng(1).normal(0, 0.1, (4000, 3)).astype(np.float32)

    def offset(gravity: list[float]) -> float:
        signal = noise + np.array(gravity, np.float32)
        return measure_signal(Reading(signal, 8000.0, 0, 0, 0)).offset

    usual = offset([0, 0, 1])
    for other in ([0, 0, -1], [0, 1, 0], [1, 0, 0]):
        assert abs(offset(other) - usual) > 10 * LEAST["offset"] - 0.1


@pytest.mark.parametrize("real_hz", [8000.0, 8240.0, 7760.0])
def test_the_rate_is_measured_by_the_shafts_line(real_hz: float) -> None:
    found = measure_signal(reading(shaft(rate_hz=real_hz))).rate
    assert found == pytest.approx(real_hz / 8000, abs=0.003)


def test_a_hum_of_the_mains_is_no_wrong_rate() -> None:
    """The machine turns at 24 Hz: its second line lies beside 50 Hz."""
    times = np.arange(8000) / 8000
    lines = sum(np.sin(2 * np.pi * order * 24 * times + order) for order in (1, 2, 3))
    noise = np.random.default_rng(1).normal(0, 0.3, len(times))
    hum = 5 * np.sin(2 * np.pi * 50 * times)
    found = measure_signal(reading(lines + noise + hum, rpm=24 * 60)).rate
    assert found == pytest.approx(1, abs=0.003)


def test_without_a_speed_there_is_no_rate() -> None:
    assert isnan(measure_signal(reading(shaft(), rpm=None)).rate)


def test_a_loose_sensor_loses_high_frequencies_and_a_bad_bearing_does_not() -> None:
    healthy = reading(shaft())
    loose = disturbed_signal(healthy.signal, "loose", 2)
    rng = np.random.default_rng(3)
    impacts = shaft() + 3 * (rng.random(8000) < 0.01) * rng.normal(size=8000)
    before = measure_signal(healthy).high
    assert measure_signal(reading(loose[:, 0])).high < before - 0.5
    assert measure_signal(reading(impacts)).high > before


def test_clipped_samples_are_counted_and_single_peaks_are_not() -> None:
    assert clipped_share(shaft()) == 0
    assert clipped_share(np.clip(shaft(), -0.9, 0.9)) > 0.1


def test_samples_that_repeat_are_counted_and_clipped_ones_are_not() -> None:
    assert repeated_share(shaft()) == 0
    assert repeated_share(np.clip(shaft(), -0.9, 0.9)) == 0
    held = disturbed_signal(shaft()[:, None].astype(np.float32), "dropouts", 2)
    assert repeated_share(held[:, 0]) == pytest.approx(0.05, abs=0.02)


@pytest.mark.parametrize("rms_steps", [4.0, 2.0, 1.0])
def test_a_coarse_sensor_repeats_samples_by_nature(rms_steps: float) -> None:
    """The lower the load, the more of them; no more than LEAST allows are counted."""
    coarse = np.round(np.random.default_rng(1).normal(0, rms_steps, 8000))
    assert (coarse[1:] == coarse[:-1]).mean() > 0.05
    assert repeated_share(coarse) < 0.5 * LEAST["repeated"]


@pytest.mark.parametrize("strength", [1, 2, 3])
def test_dropouts_of_a_coarse_sensor_are_still_counted(strength: int) -> None:
    coarse = np.round(shaft() * 10)[:, None].astype(np.float32)
    held = disturbed_signal(coarse, "dropouts", strength)[:, 0]
    assert repeated_share(held) == pytest.approx(DROPOUTS[strength], rel=0.25)


@pytest.mark.parametrize("steps", [10, 3000], ids=["coarse", "fine"])
@pytest.mark.parametrize(("begin", "length"), [(1000, HELD), (1000, 752), (0, 100), (7900, 100)])
def test_a_stretch_at_one_value_is_held(steps: int, begin: int, length: int) -> None:
    samples = np.round(shaft() * steps)
    assert longest_hold(samples) == 0
    samples[max(begin - 1, 0) : begin + length + 1] = -5
    samples[begin : begin + length] = 5
    assert longest_hold(samples) == length
    samples[begin : begin + length] = samples.max() + 1
    assert longest_hold(samples) == 0, "clipped"


@pytest.mark.parametrize(("steps", "line_hz"), [(2000, 10), (500, 2), (20_000, 1)])
def test_the_top_of_a_slow_wave_is_not_held(steps: int, line_hz: float) -> None:
    times = np.arange(102_400) / 51_200
    swells = 1 + 0.3 * np.sin(2 * np.pi * 0.7 * times)
    samples = np.round(steps * swells * np.sin(2 * np.pi * line_hz * times))
    ends = np.flatnonzero(np.diff(samples))
    assert np.diff(ends).max() > HELD
    assert longest_hold(samples) == 0


@pytest.mark.parametrize("rms_steps", [0.5, 0.3, 0.1])
def test_a_calm_sensor_of_few_steps_that_is_knocked_is_not_held(rms_steps: float) -> None:
    samples = np.random.default_rng(1).normal(0, rms_steps, 51_200)
    samples[20_000:20_050] += 30 * np.sin(np.arange(50))
    assert longest_hold(np.round(samples)) == 0


def test_a_short_reading_is_refused() -> None:
    with pytest.raises(ValueError, match="256 are needed"):
        measure_signal(reading(np.zeros(100)))
