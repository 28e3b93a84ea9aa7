from __future__ import annotations

import numpy as np
import pytest

from edge_agent.contracts.core.errors import InputError
from edge_agent.contracts.core.types import Recording
from edge_agent.decide.severity import (
    G_M_S2,
    Zone,
    crest_and_kurtosis,
    measure,
    velocity_rms_mm_s,
    zone_of,
)

RATE_HZ = 8000


def tone(frequency_hz: float, amplitude: float, seconds: float = 2.0) -> np.ndarray:
    t = np.arange(int(seconds * RATE_HZ)) / RATE_HZ
    return (amplitude * np.sin(2 * np.pi * frequency_hz * t)).astype(np.float32)


@pytest.mark.parametrize("frequency_hz", [12.0, 50.0, 157.3, 900.0])
def test_velocity_of_a_tone_is_its_acceleration_over_its_pulsation(frequency_hz: float) -> None:
    wanted = 1000 * 3.0 / (2 * np.pi * frequency_hz) / np.sqrt(2)
    assert velocity_rms_mm_s(tone(frequency_hz, 3.0), RATE_HZ) == pytest.approx(wanted, rel=0.02)


@pytest.mark.parametrize("frequency_hz", [3.0, 1500.0])
def test_velocity_outside_the_band_does_not_count(frequency_hz: float) -> None:
    assert velocity_rms_mm_s(tone(frequency_hz, 3.0), RATE_HZ) < 0.05


def test_a_standing_offset_is_no_velocity() -> None:
    assert velocity_rms_mm_s(tone(50, 0.0) + np.float32(9.8), RATE_HZ) < 1e-6


@pytest.mark.parametrize(
    ("rms_mm_s", "group", "zone"),
    [
        (1.39, "group2-rigid", Zone.A),
        (1.4, "group2-rigid", Zone.B),
        (4.6, "group2-rigid", Zone.D),
        (4.6, "group2-flexible", Zone.C),
        (7.0, "group1-rigid", Zone.C),
        (7.0, "group1-flexible", Zone.B),
        (11.0, "group1-flexible", Zone.D),
    ],
)
def test_zones_follow_the_machine_group(rms_mm_s: float, group: str, zone: Zone) -> None:
    assert zone_of(rms_mm_s, group) is zone


def test_a_machine_in_g_gets_a_zone_and_one_in_an_unknown_unit_none() -> None:
    rms_mm_s = 5.0
    acceleration_g = tone(50, rms_mm_s * np.sqrt(2) * 2 * np.pi * 50 / 1000 / G_M_S2)[:, None]
    known = measure(Recording(acceleration_g, RATE_HZ, ("x",)))[0]
    assert known.rms_mm_s == pytest.approx(5.0, rel=0.01)
    assert known.zone is Zone.D
    unknown = measure(Recording(acceleration_g, RATE_HZ, ("x",), unit="unknown"))[0]
    assert unknown.rms_mm_s is None
    assert unknown.zone is None


def test_slow_sampling_gets_no_zone_rather_than_a_wrong_one() -> None:
    assert measure(Recording(tone(50, 1.0)[:, None], 200.0, ("x",)))[0].zone is None


def test_a_short_stretch_is_refused() -> None:
    with pytest.raises(InputError, match=r"velocity from 10 Hz needs 0\.40 s"):
        velocity_rms_mm_s(tone(50, 1.0, 0.1), RATE_HZ)


def test_noise_has_kurtosis_three_and_impacts_more() -> None:
    rng = np.random.default_rng(0)
    noise = rng.normal(size=100_000)
    assert crest_and_kurtosis(noise)[3] == pytest.approx(3.0, abs=0.1)
    noise[::1000] += 20
    assert crest_and_kurtosis(noise)[3] > 20


def test_silence_has_neither_crest_nor_kurtosis() -> None:
    assert crest_and_kurtosis(np.zeros(100)) == (0.0, 0.0, 0.0, 0.0)
