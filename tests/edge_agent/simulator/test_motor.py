from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from numpy.typing import NDArray

from edge_agent.simulator.bearing import CATALOGUE, Bearing
from edge_agent.simulator.motor import (
    FAULTS,
    MOTOR,
    NORMAL,
    Trial,
    load_zone,
    record,
    trial,
    vibration,
)

RATE_HZ = 12000.0
SAMPLES = 24000
CWRU_6205 = Bearing("6205", 9, 7.940, 39.04)


@pytest.mark.parametrize(
    ("found", "published"),
    [
        pytest.param(CWRU_6205.bpfo_hz(1.0), 3.5848, id="bpfo"),
        pytest.param(CWRU_6205.bpfi_hz(1.0), 5.4152, id="bpfi"),
        pytest.param(CWRU_6205.ftf_hz(1.0), 0.39828, id="ftf"),
        pytest.param(2 * CWRU_6205.bsf_hz(1.0), 4.7135, id="twice bsf"),
    ],
)
def test_rates_of_the_6205_are_those_the_cwru_bearing_data_center_publishes(
    found: float, published: float
) -> None:
    assert found == pytest.approx(published, rel=5e-4)


def test_rates_are_bound_to_each_other() -> None:
    for bearing in CATALOGUE:
        assert bearing.bpfo_hz(25) + bearing.bpfi_hz(25) == pytest.approx(bearing.elements * 25)
        assert bearing.ftf_hz(25) * bearing.elements == pytest.approx(bearing.bpfo_hz(25))


def envelope_spectrum(signal: NDArray[np.float32]) -> tuple[NDArray, NDArray]:
    """Frequencies in Hz and the spectrum of the Hilbert envelope between 1.5 and 5 kHz."""
    freqs = np.fft.fftfreq(len(signal), 1 / RATE_HZ)
    spectrum = np.fft.fft(signal[:, 0])
    spectrum[(freqs < 1500) | (freqs > 5000)] = 0
    envelope = np.abs(np.fft.ifft(2 * spectrum))
    taper = np.hanning(len(envelope))
    return (
        np.fft.rfftfreq(len(envelope), 1 / RATE_HZ),
        np.abs(np.fft.rfft((envelope - envelope.mean()) * taper)),
    )


def trials(label: str, count: int) -> list[Trial]:
    found = (run for k in range(2000) if (run := trial(3, k, 0.9, FAULTS)).label == label)
    return [next(found) for _ in range(count)]


def rate_and_sidebands(run: Trial) -> tuple[float, list[float]]:
    bearing, shaft = run.motor.bearing, run.shaft_hz
    rate, spacing = {
        "outer": (bearing.bpfo_hz(shaft), 0.0),
        "inner": (bearing.bpfi_hz(shaft), shaft),
        "ball": (2 * bearing.bsf_hz(shaft), bearing.ftf_hz(shaft)),
    }[run.label]
    return rate, [rate - spacing, rate, rate + spacing]


@pytest.mark.parametrize(("label", "needed"), [("outer", 20), ("ball", 19), ("inner", 19)])
def test_envelope_spectrum_peaks_at_the_rate_of_the_fault(label: str, needed: int) -> None:
    """Of 20 motors; the strike rate itself or a sideband of the load that modulates it."""
    held = 0
    for run in trials(label, 20):
        freqs, spectrum = envelope_spectrum(record(run, SAMPLES, RATE_HZ))
        rate, expected = rate_and_sidebands(run)
        band = (freqs > 0.6 * rate) & (freqs < 1.4 * rate)
        peak = freqs[band][spectrum[band].argmax()]
        held += any(abs(peak - line) < 2.5 for line in expected)
    assert held >= needed


def test_a_healthy_bearing_has_no_line_at_bpfo() -> None:
    def line(run: Trial) -> float:
        freqs, spectrum = envelope_spectrum(record(run, SAMPLES, RATE_HZ))
        rate = run.motor.bearing.bpfo_hz(run.shaft_hz)
        near = np.abs(freqs - rate) < 2.5
        around = (np.abs(freqs - rate) < 25) & ~near
        return float(spectrum[near].max() / np.median(spectrum[around]))

    healthy = [line(run) for run in trials(NORMAL, 12)]
    faulty = [line(run) for run in trials("outer", 12)]
    assert np.median(healthy) < 5
    assert np.median(faulty) > 15


def test_unbalance_shows_at_once_per_turn() -> None:
    for run in trials("unbalance", 5):
        signal = record(run, SAMPLES, RATE_HZ)[:, 0]
        spectrum = np.abs(np.fft.rfft(signal * np.hanning(SAMPLES)))
        peak = np.fft.rfftfreq(SAMPLES, 1 / RATE_HZ)[spectrum.argmax()]
        assert peak == pytest.approx(run.shaft_hz, abs=1.0)


def test_level_alone_does_not_tell_bearing_faults_from_health() -> None:
    level = {
        label: [record(run, 6000, RATE_HZ).std() for run in trials(label, 20)]
        for label in (NORMAL, "inner", "ball")
    }
    assert np.median(level["ball"]) < np.percentile(level[NORMAL], 95)
    assert np.min(level["inner"]) < np.median(level[NORMAL]) * 1.1


def test_inner_race_strikes_follow_the_load_zone_once_per_turn() -> None:
    run = next(run for run in trials("inner", 20) if run.severity > 0.7)
    freqs, spectrum = envelope_spectrum(record(run, SAMPLES, RATE_HZ))
    rate, (below, _, above) = rate_and_sidebands(run)
    floor = np.median(spectrum[(freqs > 0.5 * rate) & (freqs < 1.5 * rate)])
    for side in (below, above):
        assert spectrum[np.abs(freqs - side) < 2.5].max() > 4 * floor


@pytest.mark.parametrize("load", [0.0, 0.5, 1.0])
def test_load_zone_is_full_at_the_load_line_and_empty_opposite(load: float) -> None:
    angles = np.array([0.0, np.pi])
    full, empty = load_zone(angles, load)
    assert full == 1.0
    assert empty == pytest.approx(0.0, abs=1e-12)


def test_reading_k_of_a_seed_is_always_the_same() -> None:
    assert np.array_equal(vibration(1, 4), vibration(1, 4))
    assert not np.array_equal(vibration(1, 4), vibration(1, 5))
    signal = vibration(1, 4, duration_s=0.5, rate_hz=8000)
    assert signal.shape == (4000, 1)
    assert signal.dtype == np.float32
    assert np.isfinite(signal).all()


def test_all_labels_come_up_and_motors_have_several_states() -> None:
    runs = [trial(1, k, 0.8, FAULTS) for k in range(400)]
    counts = Counter(run.label for run in runs)
    assert set(counts) == {NORMAL, *FAULTS}
    assert {trial(1, k, 0.8).label for k in range(100)} == {NORMAL, "ball", "inner", "outer"}
    assert min(counts.values()) > 50
    motors = {run.machine: run.motor for run in runs}
    assert len(motors) == 400 // MOTOR
    assert len({motor.resonances_hz for motor in motors.values()}) == len(motors)
    states = [{run.label for run in runs if run.machine == machine} for machine in motors]
    assert np.mean([len(state) for state in states]) > 3


def test_short_reading_still_works() -> None:
    for label in ("outer", "inner", "ball"):
        assert record(trials(label, 1)[0], 600, RATE_HZ).shape == (600, 1)
