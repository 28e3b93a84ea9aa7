"""The simulated vibration sensor: motors with a bearing, healthy or not, as an accelerometer in g.

The model of a localised defect follows P. D. McFadden, J. D. Smith, Journal of Sound and Vibration
96 (1984) 69-82 (impulses at the strike rate, weighted by the load zone and the path to the
sensor, ringing the structure's resonances), with the random slip of J. Antoni, R. B. Randall,
Journal of Vibration and Acoustics 125 (2003) 282-289: strikes are never quite periodic.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import pi

import numpy as np
from numpy.typing import NDArray

from edge_agent.contracts.core.types import Signal
from edge_agent.simulator.bearing import CATALOGUE, Bearing
from edge_agent.simulator.parts import part_id

NORMAL = "normal"
BEARING_FAULTS = ("ball", "inner", "outer")
FAULTS = (*BEARING_FAULTS, "unbalance")
RATE_HZ = 12000.0
MOTOR = 10
"""Readings of one motor: the group of a split."""
SLIP = 0.01
"""Standard deviation of the time between two strikes, as a fraction of it."""

Wave = NDArray[np.float64]
"""float64 (T,)."""


@dataclass(frozen=True)
class Motor:
    """One motor on the test bench: its bearing, its structure and its habits."""

    bearing: Bearing
    shaft_hz: float
    resonances_hz: tuple[float, ...]
    damping: tuple[float, ...]
    path: tuple[float, ...]
    noise_g: float
    unbalance_g: float
    misalignment_g: float
    hum_g: float


@dataclass(frozen=True)
class Trial:
    """Reading `k` of bench `seed`: which motor, in what state, at what load and speed."""

    seed: int
    k: int
    label: str
    motor: Motor
    severity: float
    load: float
    shaft_hz: float

    @property
    def part_id(self) -> str:
        """`sim-<seed>-<k>`: enough to work out the truth again."""
        return part_id(self.seed, self.k)

    @property
    def machine(self) -> int:
        """The number of the motor."""
        return self.k // MOTOR


def trial(
    seed: int, k: int, defect_rate: float = 0.5, faults: Sequence[str] = BEARING_FAULTS
) -> Trial:
    """The truth of reading k of bench `seed`, always the same; `faults` are those that occur."""
    rng = np.random.default_rng([seed, k, 11])
    is_bad = rng.random() < defect_rate
    fault = faults[int(rng.integers(len(faults)))]
    severity = float(rng.uniform(0.25, 1.0))
    load = float(rng.uniform(0.1, 1.0))
    motor = draw_motor(seed, k // MOTOR)
    speed = motor.shaft_hz * (1 - 0.035 * load + rng.normal(0, 0.003))
    return Trial(seed, k, fault if is_bad else NORMAL, motor, severity, load, float(speed))


def on_machine(run: Trial, machine: int) -> Trial:
    """The same trial on another motor of the bench, at the same slip of its speed."""
    other = draw_motor(run.seed, machine)
    slip = run.shaft_hz / run.motor.shaft_hz
    return replace(run, motor=other, shaft_hz=other.shaft_hz * slip)


def draw_motor(seed: int, machine: int) -> Motor:
    """Motor number `machine` of bench `seed`."""
    rng = np.random.default_rng([seed, machine, 12])
    bearing = CATALOGUE[int(rng.integers(len(CATALOGUE)))]
    line_hz = float(rng.choice([24.7, 29.6, 49.4]))
    resonances = (rng.uniform(500, 900), rng.uniform(1600, 2600), rng.uniform(2900, 4600))
    return Motor(
        bearing,
        line_hz,
        tuple(float(value) for value in resonances),
        tuple(float(value) for value in rng.uniform(0.02, 0.05, 3)),
        tuple(float(value) for value in rng.uniform(0.4, 1.0, 3) * (0.35, 0.8, 1.0)),
        noise_g=float(rng.uniform(0.02, 0.05)),
        unbalance_g=float(rng.uniform(0.01, 0.05)),
        misalignment_g=float(rng.uniform(0.005, 0.04)),
        hum_g=float(rng.uniform(0.003, 0.02)),
    )


def vibration(
    seed: int, k: int, duration_s: float = 1.0, rate_hz: float = RATE_HZ, defect_rate: float = 0.5
) -> Signal:
    """Reading k of bench `seed`: float32 (T, 1) in g, always the same."""
    run = trial(seed, k, defect_rate)
    return record(run, round(duration_s * rate_hz), rate_hz)


def record(run: Trial, samples: int, rate_hz: float) -> Signal:
    """What the sensor sees of a trial: float32 (samples, 1) in g."""
    rng = np.random.default_rng([run.seed, run.k, 13])
    turns = _turns(run.shaft_hz, samples, rate_hz, rng)
    wave = _rotor(run, turns, samples, rate_hz, rng)
    wave += _rumble(run, samples, rate_hz, rng)
    if run.label in ("ball", "inner", "outer"):
        wave += _strikes(run, turns, rate_hz, rng)
    wave += rng.normal(0, run.motor.noise_g, samples)
    return wave.astype(np.float32)[:, None]


def load_zone(angle_rad: Wave, load: float) -> Wave:
    """Relative load on a rolling element at `angle_rad` from the load line, 0 to 1.

    Stribeck's distribution q = (1 - (1 - cos a) / (2 e))^1.5 inside the zone, 0 outside
    (T. A. Harris, Rolling Bearing Analysis, 4th ed., section 7.3); e grows with the load.
    """
    extent = 0.25 + 0.25 * load
    inside = 1 - (1 - np.cos(angle_rad)) / (2 * extent)
    return np.asarray(np.maximum(inside, 0) ** 1.5)


def _turns(shaft_hz: float, samples: int, rate_hz: float, rng: np.random.Generator) -> Wave:
    """Turns of the shaft against time, with a slow drift of speed of up to a few per mille."""
    time_s = np.arange(samples) / rate_hz
    sway = 0.003 * np.sin(2 * pi * (rng.uniform(0.2, 1.5) * time_s + rng.uniform()))
    speed = shaft_hz * (1 + sway)
    return np.asarray(rng.uniform() + np.cumsum(speed) / rate_hz)


def _rotor(run: Trial, turns: Wave, samples: int, rate_hz: float, rng: np.random.Generator) -> Wave:
    """Unbalance at once per turn, misalignment at twice and three times, hum of the supply."""
    motor = run.motor
    unbalance = motor.unbalance_g
    if run.label == "unbalance":
        unbalance += 0.08 + 0.35 * run.severity
    phases = rng.uniform(0, 2 * pi, 4)
    wave = unbalance * np.sin(2 * pi * turns + phases[0])
    wave += motor.misalignment_g * (0.6 + 0.8 * run.load) * np.sin(4 * pi * turns + phases[1])
    wave += 0.4 * motor.misalignment_g * np.sin(6 * pi * turns + phases[2])
    hum_hz = 100.0 if motor.shaft_hz < 25 or motor.shaft_hz > 40 else 120.0
    time_s = np.arange(samples) / rate_hz
    return np.asarray(wave + motor.hum_g * np.sin(2 * pi * hum_hz * time_s + phases[3]))


def _rumble(run: Trial, samples: int, rate_hz: float, rng: np.random.Generator) -> Wave:
    """Rolling contact and air excite the structure at random: its resonances over a floor."""
    force = rng.normal(0, 1, samples)
    spectrum = np.fft.rfft(force)
    freqs_hz = np.fft.rfftfreq(samples, 1 / rate_hz)
    gain = np.full(len(freqs_hz), 0.15)
    for resonance_hz, damping, path in _modes(run.motor):
        ratio = freqs_hz / resonance_hz
        gain += path * 0.12 / np.sqrt((1 - ratio**2) ** 2 + (2 * 1.5 * damping * ratio) ** 2)
    wave = np.fft.irfft(spectrum * gain, samples)
    level = (0.02 + 0.05 * run.load) * float(rng.uniform(0.7, 1.5))
    return np.asarray(wave * level / wave.std())


def _strikes(run: Trial, turns: Wave, rate_hz: float, rng: np.random.Generator) -> Wave:
    """The train of ring-downs of a localised defect."""
    moments, weights = _moments(run, turns, rng)
    times_s = np.interp(moments, turns, np.arange(len(turns)) / rate_hz)
    level = (0.18 + 0.55 * run.severity) * (0.5 + 0.6 * run.load)
    heights = level * weights * rng.lognormal(0, 0.2, len(moments))
    return _ring(run.motor, times_s, heights, len(turns), rate_hz)


def _moments(run: Trial, turns: Wave, rng: np.random.Generator) -> tuple[Wave, Wave]:
    """When (in turns of the shaft) and how hard (0-1) the defect is struck."""
    bearing = run.motor.bearing
    rates = {"outer": bearing.bpfo_hz, "inner": bearing.bpfi_hz, "ball": bearing.bsf_hz}
    per_turn = rates[run.label](1.0) * (2 if run.label == "ball" else 1)
    span = turns[-1] - turns[0]
    steps = rng.normal(1, SLIP, int(span * per_turn * 1.05) + 3) / per_turn
    moments = turns[0] + rng.uniform(0, 1 / per_turn) + np.cumsum(steps) - steps[0]
    moments = moments[moments < turns[-1]]
    start = rng.uniform(0, 2 * pi)
    if run.label == "outer":
        zone = np.full(len(moments), float(load_zone(np.array(rng.uniform(-0.4, 0.4)), run.load)))
    elif run.label == "inner":
        zone = load_zone(2 * pi * moments + start, run.load)
    else:
        zone = load_zone(2 * pi * bearing.ftf_hz(1.0) * moments + start, run.load)
        zone *= np.where(np.arange(len(moments)) % 2, 1.0, 0.75)
    floor = 0.05 if run.label != "outer" else 0.0
    return moments, floor + (1 - floor) * zone


def _ring(motor: Motor, times_s: Wave, heights: Wave, samples: int, rate_hz: float) -> Wave:
    """Each strike sets off decaying sines at the resonances, exact to a fraction of a sample."""
    slowest = min(damping * resonance_hz for resonance_hz, damping, _ in _modes(motor))
    length = min(samples, int(6 / (2 * pi * slowest) * rate_hz) + 1)
    first = np.ceil(times_s * rate_hz).astype(np.int64)
    ages_s = (first[:, None] + np.arange(length)) / rate_hz - times_s[:, None]
    rung = np.zeros_like(ages_s)
    for resonance_hz, damping, path in _modes(motor):
        omega = 2 * pi * resonance_hz
        rung += path * np.exp(-damping * omega * ages_s) * np.sin(omega * ages_s)
    wave = np.zeros(samples + length)
    np.add.at(wave, first[:, None] + np.arange(length), heights[:, None] * rung)
    return wave[:samples]


def _modes(motor: Motor) -> list[tuple[float, float, float]]:
    return list(zip(motor.resonances_hz, motor.damping, motor.path, strict=True))
