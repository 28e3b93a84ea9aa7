"""Severity without training: RMS velocity, its ISO 20816-3 zone, and plain numbers."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from edge_agent.contracts.core.errors import InputError
from edge_agent.contracts.core.types import Recording

G_M_S2 = 9.80665
"""Standard gravity, m/s^2 (ISO 80000-3)."""

BAND_HZ = (10.0, 1000.0)
"""ISO 20816-3:2022, 4.2: the broad-band range of machines that turn faster than 600 rpm."""

SLOW_BAND_HZ = (2.0, 1000.0)
"""ISO 20816-3:2022, 4.2: the same for 120 to 600 rpm."""

MachineGroup = Literal["group1-rigid", "group1-flexible", "group2-rigid", "group2-flexible"]
"""Group 1: above 300 kW, or shaft height 315 mm and more. Group 2: 15 to 300 kW, 160 to 315 mm."""

LIMITS_MM_S: dict[MachineGroup, tuple[float, float, float]] = {
    "group1-rigid": (2.3, 4.5, 7.1),
    "group1-flexible": (3.5, 7.1, 11.0),
    "group2-rigid": (1.4, 2.8, 4.5),
    "group2-flexible": (2.3, 4.5, 7.1),
}
"""ISO 20816-3:2022, tables A.1 and A.2 (as ISO 10816-3:2009): zone limits A/B, B/C, C/D."""


class Zone(StrEnum):
    """A: as new; B: unrestricted; C: not for long; D: harms the machine (ISO 20816-1, 6.2.3)."""

    A = "A"
    B = "B"
    C = "C"
    D = "D"


@dataclass(frozen=True)
class AxisNumbers:
    """One axis. rms, peak: in the recording's unit; crest = peak / rms; kurtosis: 3 for noise."""

    axis: str
    rms: float
    peak: float
    crest: float
    kurtosis: float
    rms_mm_s: float | None
    zone: Zone | None


def measure(recording: Recording, group: MachineGroup = "group2-rigid") -> list[AxisNumbers]:
    """The numbers of every axis; velocity and zone only where the unit and the rate allow them.

    Raises InputError for samples that are NaN or infinite: such a velocity lies in no zone.
    """
    bad = np.flatnonzero(~np.isfinite(recording.signal).all(axis=1))
    if len(bad):
        raise InputError(
            f"{len(bad)} samples are not numbers, the first is sample {bad[0]}",
            where=recording.source or "recording",
            cure="check the sensor and its cable",
        )
    return [_measure_axis(recording, place, group) for place in range(recording.signal.shape[1])]


def zone_of(rms_mm_s: float, group: MachineGroup) -> Zone:
    """The evaluation zone of a velocity; a limit belongs to the worse zone."""
    place = sum(rms_mm_s >= limit for limit in LIMITS_MM_S[group])
    return (Zone.A, Zone.B, Zone.C, Zone.D)[place]


def velocity_rms_mm_s(
    acceleration_m_s2: NDArray[np.floating], rate_hz: float, band_hz: tuple[float, float] = BAND_HZ
) -> float:
    """RMS velocity of one axis in a band: each line divided by 2 pi f, then Parseval's sum.

    Hann window, its power put back: sum |V|^2 / (N sum w^2). Raises InputError where less than
    four turns of the band's lowest frequency were recorded.
    """
    low, high = band_hz
    length = len(acceleration_m_s2)
    if length < 4 * rate_hz / low:
        raise InputError(
            f"{length / rate_hz:.2f} s, velocity from {low:g} Hz needs {4 / low:.2f} s",
            where="recording",
            cure="record longer",
        )
    taper = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(length) / length)
    lines = np.fft.rfft((acceleration_m_s2 - np.mean(acceleration_m_s2)) * taper)
    frequencies = np.fft.rfftfreq(length, 1 / rate_hz)
    inside = (frequencies >= low) & (frequencies <= high)
    velocity = np.abs(lines[inside]) / (2 * np.pi * frequencies[inside])
    mean_square = 2 * float(np.sum(velocity**2)) / (length * float(np.sum(taper**2)))
    return 1000.0 * float(np.sqrt(mean_square))


def crest_and_kurtosis(signal: NDArray[np.floating]) -> tuple[float, float, float, float]:
    """(rms, peak, crest, kurtosis) of one axis without its mean; crest and kurtosis 0 at silence.

    Kurtosis is the fourth moment over the squared second: 3 for Gaussian noise, more with impacts
    (Dyer & Stewart, Detection of rolling element bearing damage, J. Mech. Design 100, 1978).
    """
    values = np.asarray(signal, np.float64)
    values = values - values.mean()
    power = float(np.mean(values**2))
    rms, peak = float(np.sqrt(power)), float(np.abs(values).max())
    if rms == 0:
        return 0.0, peak, 0.0, 0.0
    return rms, peak, peak / rms, float(np.mean(values**4)) / power**2


def _measure_axis(recording: Recording, place: int, group: MachineGroup) -> AxisNumbers:
    signal = recording.signal[:, place]
    rms, peak, crest, kurtosis = crest_and_kurtosis(signal)
    velocity = _velocity(recording, signal)
    zone = None if velocity is None else zone_of(velocity, group)
    return AxisNumbers(recording.axes[place], rms, peak, crest, kurtosis, velocity, zone)


def _velocity(recording: Recording, signal: NDArray[np.float32]) -> float | None:
    """None for other units than acceleration, for too slow sampling and for too short stretches."""
    factor = {"g": G_M_S2, "m/s2": 1.0, "m/s^2": 1.0}.get(recording.unit)
    slow = recording.rpm is not None and recording.rpm < 600
    band = SLOW_BAND_HZ if slow else BAND_HZ
    long_enough = len(signal) >= 4 * recording.rate_hz / band[0]
    if factor is None or recording.rate_hz < 2.2 * band[1] or not long_enough:
        return None
    return velocity_rms_mm_s(signal.astype(np.float64) * factor, recording.rate_hz, band)
