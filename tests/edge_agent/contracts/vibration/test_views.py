"""Views of a window: what is heard, at what level, and what the shaft's speed must give."""

from __future__ import annotations

import time

import numpy as np
import pytest

from edge_agent.contracts.core.errors import InputError
from edge_agent.contracts.core.types import Recording
from edge_agent.contracts.vibration.input import VibrationInput, prepare_recording, prepare_window
from edge_agent.contracts.vibration.views import (
    EnvelopeView,
    FramesView,
    PostureView,
    ShaftView,
    SpectrumView,
    Standard,
    compute_views,
    frames,
    running_median,
    spectrum,
    standardise,
)

RATE_HZ = 12_000
SPECTRUM = SpectrumView(bins=64, high_hz=RATE_HZ / 2)
ORDERS = EnvelopeView(
    bins=128, bands_hz=[(2000, 4000)], scale="orders", low=0.5, high=16.5, whiten_bins=49
)


def noise(seconds: float, axes: int = 1, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return rng.normal(0, 0.1, (int(seconds * RATE_HZ), axes)).astype(np.float32)


def ticking(order: float, rpm: float, seconds: float = 1.0) -> np.ndarray:
    """A 3 kHz resonance struck `order` times a turn of the shaft."""
    t = np.arange(int(seconds * RATE_HZ)) / RATE_HZ
    since = np.mod(t, 60 / rpm / order)
    ring = np.exp(-since * 800) * np.sin(2 * np.pi * 3000 * since)
    return (ring[:, None] + noise(seconds)).astype(np.float32)


def heard(signal: np.ndarray, view: EnvelopeView, rpm: float | None) -> np.ndarray:
    return compute_views(signal, RATE_HZ, [view], rpm)


def test_white_noise_has_its_own_power_density_in_every_band() -> None:
    levels = spectrum(noise(8).astype(np.float64), RATE_HZ, SPECTRUM)
    assert np.allclose(levels[1:-1], np.log10(0.1**2 / (RATE_HZ / 2)), atol=0.1)


@pytest.mark.parametrize("rpm", [900.0, 1797.0])
def test_a_fault_order_stands_at_its_place_at_every_speed(rpm: float) -> None:
    lines = heard(ticking(3.585, rpm), ORDERS, rpm)[:, 0]
    places = 0.5 + (np.arange(128) + 0.5) / 8
    assert abs(places[int(np.argmax(lines[:40]))] - 3.585) < 0.13
    assert lines.max() > 2


def test_envelope_in_hertz_needs_no_speed() -> None:
    view = ORDERS.model_copy(update={"scale": "hertz", "low": 10.0, "high": 500.0})
    lines = heard(ticking(3.585, 1800.0), view, None)[:, 0]
    assert abs(10 + 490 / 128 * (int(np.argmax(lines)) + 0.5) - 3.585 * 30) < 5


def test_orders_without_speed_are_refused_with_a_cure() -> None:
    with pytest.raises(InputError, match=r"rpm in labels\.csv"):
        heard(ticking(3.6, 1800.0), ORDERS, None)


SHAFT = ShaftView(bins=128, scale="orders", low=0.25, high=8.25)


@pytest.mark.parametrize("rpm", [900.0, 1797.0])
@pytest.mark.parametrize("order", [0.5, 1.0, 2.0])
def test_a_line_of_the_shaft_rises_at_its_order_at_every_speed(rpm: float, order: float) -> None:
    time_s = np.arange(RATE_HZ) / RATE_HZ
    turn = np.sin(2 * np.pi * order * rpm / 60 * time_s)[:, None]
    quiet, strong = (noise(1) + amplitude * turn for amplitude in (0.01, 0.1))
    risen = (compute_views(s, RATE_HZ, [SHAFT], rpm) for s in (quiet, strong))
    lines = np.concatenate(list(risen), axis=1)
    places = 0.25 + (np.arange(128) + 0.5) / 16
    assert abs(places[int(np.argmax(lines[:, 1]))] - order) < 0.1
    assert abs(lines.mean(axis=0)).max() < 1e-9, "the gain is not seen"
    louder = compute_views(5 * strong, RATE_HZ, [SHAFT], rpm)
    assert np.allclose(louder[:, 0], lines[:, 1], atol=1e-6)


def test_lines_of_the_shaft_need_its_speed_in_orders_only() -> None:
    with pytest.raises(InputError, match="speed is not known"):
        compute_views(noise(1), RATE_HZ, [SHAFT], None)
    hertz = SHAFT.model_copy(update={"scale": "hertz", "low": 2.0, "high": 258.0})
    assert compute_views(noise(1), RATE_HZ, [hertz], None).shape == (128, 1)
    with pytest.raises(ValueError, match="is not below"):
        ShaftView(bins=8, low=3.0, high=2.0)


@pytest.mark.parametrize(("level", "seen"), [("absolute", 2 * np.log10(3)), ("shape", 0.0)])
def test_gain_is_seen_only_at_absolute_level(level: str, seen: float) -> None:
    view = SPECTRUM.model_copy(update={"level": level})
    weak = compute_views(noise(1), RATE_HZ, [view], None)
    strong = compute_views(3 * noise(1), RATE_HZ, [view], None)
    assert np.allclose(strong - weak, seen, atol=1e-4)


def test_envelope_does_not_see_gain() -> None:
    weak, strong = (heard(gain * ticking(5.4, 1800.0), ORDERS, 1800.0) for gain in (1, 7))
    assert np.allclose(weak, strong, atol=1e-3)


def test_views_of_equal_bins_stand_side_by_side_and_others_in_a_row() -> None:
    even = SpectrumView(bins=128, high_hz=6000)
    spec = spec_of([even, ORDERS], axes=2)
    window = noise(1, axes=2)
    assert prepare_window(window, spec, 1800.0).shape == spec.shape == (128, 4)
    uneven = spec_of([even, PostureView()], axes=2)
    assert prepare_window(window, uneven).shape == uneven.shape == (258, 1)


def test_posture_is_the_mean_of_each_axis() -> None:
    window = noise(1, axes=3) + np.float32([0.1, -0.2, 0.97])
    seen = compute_views(window, RATE_HZ, [PostureView()], None)
    assert np.allclose(seen, [[0.1, -0.2, 0.97]], atol=0.01)


def test_the_nearest_condition_is_the_reference() -> None:
    standard = Standard(centres=[[0.0, 0.0], [10.0, 10.0]], spread=[1.0, 2.0], clip=4)
    held = standardise(np.array([[10.5, 11.0]]), standard)
    assert held.tolist() == [[0.5, 0.5]]


def test_standardised_values_are_clipped() -> None:
    standard = Standard(centres=[[0.0]], spread=[1.0], clip=3)
    assert standardise(np.array([[99.0]]), standard).tolist() == [[3.0]]


def test_a_standardisation_of_another_length_is_refused() -> None:
    with pytest.raises(InputError, match="3 features, the standardisation has 1"):
        standardise(np.zeros((3, 1)), Standard(centres=[[0.0]], spread=[1.0]))


def test_running_median_follows_the_floor_and_not_a_line() -> None:
    floor = np.linspace(0, 1, 101)[:, None]
    with_line = floor.copy()
    with_line[50] += 9
    assert np.allclose(running_median(with_line, 21)[20:80], floor[20:80], atol=0.011)


def test_recordings_carry_their_speed_into_the_orders() -> None:
    spec = spec_of([ORDERS])
    recording = Recording(ticking(3.585, 1500.0, 3), RATE_HZ, ("x",), rpm=1500.0)
    assert prepare_recording(recording, spec).shape == (3, 128, 1)


def test_four_axes_at_51200_hz_are_prepared_in_real_time() -> None:
    bands = [(low, low + 5000.0) for low in (100.0, 5100.0, 10100.0, 15100.0, 20100.0)]
    views = [
        SpectrumView(bins=128, high_hz=25_600),
        ORDERS.model_copy(update={"bands_hz": bands}),
    ]
    spec = VibrationInput(
        rate_hz=51_200,
        axes=list("xyzw"),
        window_samples=51_200,
        hop_samples=51_200,
        views=views,
    )
    window = np.random.default_rng(0).normal(size=(51_200, 4)).astype(np.float32)
    prepare_window(window, spec, 1200.0)
    started = time.process_time()
    prepare_window(window, spec, 1200.0)
    assert time.process_time() - started < 1.0


def spec_of(views: list, axes: int = 1) -> VibrationInput:
    return VibrationInput(
        rate_hz=RATE_HZ,
        axes=[str(axis) for axis in range(axes)],
        window_samples=RATE_HZ,
        hop_samples=RATE_HZ,
        views=views,
    )


def rising(seconds: float = 1.0) -> np.ndarray:
    """A tone that runs from 500 to 5500 Hz."""
    t = np.arange(int(seconds * RATE_HZ)) / RATE_HZ
    tone = np.sin(2 * np.pi * (500 * t + 5000 * t**2 / (2 * seconds)))
    return tone[:, None] + noise(seconds) / 10


def test_frames_hear_what_came_first() -> None:
    view = FramesView(bins=10, bands=24, high_hz=RATE_HZ / 2)
    up, down = (frames(signal, RATE_HZ, view) for signal in (rising(), rising()[::-1]))
    assert up.shape == (10, 24)
    loudest = up.argmax(axis=1)
    assert (np.diff(loudest) >= 0).all()
    assert loudest[-1] - loudest[0] > 15
    assert (np.diff(down.argmax(axis=1)) <= 0).all()


def test_frames_of_two_axes_stand_side_by_side_and_shape_drops_the_level() -> None:
    view = FramesView(bins=6, bands=16, high_hz=RATE_HZ / 2, level="shape")
    signal = np.concatenate([noise(1), 10 * noise(1, seed=1)], axis=1).astype(np.float64)
    both = frames(signal, RATE_HZ, view)
    assert both.shape == (6, 32)
    assert np.allclose(both[:, 16:], frames(signal[:, 1:], RATE_HZ, view))
    assert np.allclose(both, frames(3 * signal, RATE_HZ, view), atol=1e-6)


def test_frames_need_samples() -> None:
    with pytest.raises(InputError, match="20 samples do not make 6 frames"):
        frames(np.zeros((20, 1)), RATE_HZ, FramesView(bins=6, bands=4, high_hz=100))
