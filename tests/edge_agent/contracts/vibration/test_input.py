from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.signal import firwin, resample_poly, welch

from edge_agent.contracts.core.errors import InputError
from edge_agent.contracts.core.types import Recording
from edge_agent.contracts.vibration.input import (
    Resampling,
    VibrationInput,
    cut_windows,
    prepare_recording,
    resample,
)

SPEC = VibrationInput(rate_hz=1000, axes=["x"], window_samples=100, hop_samples=50, full_scale=2.0)


METHODS: tuple[Resampling, ...] = ("alike", "clocks")


def tone(rate_hz: float, seconds: float, frequency_hz: float) -> np.ndarray:
    time_s = np.arange(round(rate_hz * seconds)) / rate_hz
    return np.sin(2 * np.pi * frequency_hz * time_s).astype(np.float32)[:, None]


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("to_hz", [12000, 51200, 44100, 8000, 48500])
def test_tone_keeps_its_shape_at_another_rate(to_hz: float, method: Resampling) -> None:
    found = resample(tone(48000, 0.5, 500), 48000, to_hz, method)
    wanted = tone(to_hz, 0.5, 500)
    assert abs(len(found) - len(wanted)) <= 1
    assert np.abs(found[400:-400] - wanted[400 : len(found) - 400]).max() < 1e-3


@pytest.mark.parametrize("method", METHODS)
def test_tone_above_the_new_nyquist_is_removed(method: Resampling) -> None:
    found = resample(tone(48000, 0.5, 7000), 48000, 12000, method)
    assert np.abs(found[300:-300]).max() < 1e-3


@pytest.mark.parametrize("method", METHODS)
def test_equal_rates_pass_unchanged(method: Resampling) -> None:
    signal = tone(1000, 1, 50)
    assert np.array_equal(resample(signal, 1000, 1000, method), signal)


@pytest.mark.parametrize("said_hz", [6399.9998, 6400.0002, 6400 * 1.0009])
def test_a_rate_that_rounded_times_say_keeps_the_top_of_the_spectrum(said_hz: float) -> None:
    noise = np.random.default_rng(0).normal(size=(19200, 1)).astype(np.float32)
    assert np.array_equal(resample(noise, said_hz, 6400, "clocks"), noise)


@pytest.mark.parametrize("from_hz", [6272, 6390, 6410, 6528])
def test_noise_by_another_clock_keeps_its_power_in_each_band(from_hz: int) -> None:
    noise = np.random.default_rng(0).normal(size=(8 * from_hz, 1)).astype(np.float32)
    found = resample(noise, from_hz, 6400, "clocks")[:, 0]
    _, power = welch(found, 6400, nperseg=6400)
    usual = 2 / from_hz  # unit variance over the recording's own Nyquist frequency
    bands = power[1:3001].reshape(24, -1).mean(axis=1) / usual
    assert np.abs(10 * np.log10(bands)).max() < 0.5
    assert abs(10 * np.log10(power[3001:3200].mean() / usual)) < 4


@settings(max_examples=50, deadline=None)
@given(total=st.integers(1, 500), length=st.integers(1, 100), hop=st.integers(1, 80))
def test_windows_are_stretches_of_the_signal(total: int, length: int, hop: int) -> None:
    if total < length:
        return
    signal = np.arange(total, dtype=np.float32)[:, None]
    windows = cut_windows(signal, length, hop)
    assert len(windows) == (total - length) // hop + 1
    for row, window in enumerate(windows):
        assert np.array_equal(window[:, 0], np.arange(row * hop, row * hop + length))


def test_severity_survives_preparation() -> None:
    weak = prepare_recording(Recording(tone(1000, 1, 50), 1000, ("x",)), SPEC)
    strong = prepare_recording(Recording(tone(1000, 1, 50) * 3, 1000, ("x",)), SPEC)
    assert np.allclose(strong, 3 * weak, atol=1e-5)
    assert np.abs(weak).max() == pytest.approx(0.5, abs=0.02)


@pytest.mark.parametrize(
    ("signal", "unit", "said"),
    [
        (np.full((300, 1), np.nan, np.float32), "g", "sample 0 is not a number"),
        (np.full((300, 1), np.inf, np.float32), "g", "is not a number"),
        (np.zeros((300, 2), np.float32), "g", "takes 1 axes"),
        (np.zeros((300, 1), np.float32), "m/s2", "in 'm/s2', the model takes 'g'"),
        (np.zeros((99, 1), np.float32), "g", "one window needs 100"),
    ],
    ids=["nan", "inf", "axes", "unit", "short"],
)
def test_bad_recording_is_refused(signal: np.ndarray, unit: str, said: str) -> None:
    axes = tuple(str(n) for n in range(signal.shape[1]))
    with pytest.raises(InputError, match=said):
        prepare_recording(Recording(signal, 1000, axes, unit, "motor.wav"), SPEC)


@pytest.mark.parametrize(
    ("from_hz", "to_hz"),
    [(48000, 12000), (12000, 48000), (44100, 12000), (1000, 1500), (25600, 10240)],
)
@pytest.mark.parametrize("method", METHODS)
def test_resampling_is_that_of_scipy_with_the_same_filter(
    from_hz: int, to_hz: int, method: Resampling
) -> None:
    signal = np.random.default_rng(1).normal(size=(3000, 2)).astype(np.float32)
    step = math.gcd(from_hz, to_hz)
    up, down = to_hz // step, from_hz // step
    half = 16 * max(up, down)
    taps = firwin(2 * half + 1, 0.9 / max(up, down), window=("kaiser", 8.6), scale=False)
    asked = resample_poly(signal.astype(np.float64), up, down, window=taps)
    found = resample(signal, from_hz, to_hz, method)
    assert found.shape == asked.shape
    assert found.dtype == np.float32
    assert np.abs(found - asked).max() < 1e-5


@pytest.mark.parametrize("from_hz", [960, 990, 1000.9, 999.9998, 1020])
def test_manifest_of_before_prepares_near_rates_as_it_did_for_its_vectors(from_hz: float) -> None:
    signal = np.random.default_rng(1).normal(size=(1500, 1)).astype(np.float32)
    ratio = Fraction(1000 / from_hz).limit_denominator(2000)
    up, down = ratio.numerator, ratio.denominator
    half = 16 * max(up, down)
    taps = firwin(2 * half + 1, 0.9 / max(up, down), window=("kaiser", 8.6), scale=False)
    if up == down:  # scipy leaves the filter out
        asked = np.convolve(signal[:, 0], taps)[half:, None]
    else:
        asked = resample_poly(signal.astype(np.float64), up, down, window=taps)
    spec = VibrationInput.model_validate(
        {
            "rate_hz": 1000,
            "axes": ["x"],
            "window_samples": 100,
            "hop_samples": 50,
            "detrend": "none",
        }
    )
    found = prepare_recording(Recording(signal, from_hz, ("x",)), spec)[0]
    assert np.abs(found - asked[:100]).max() < 1e-5
