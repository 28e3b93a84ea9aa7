"""What is measured of a reading: level, the share of high frequencies, noise floor, clipping, rate.

All of it is the sensor's own business: a bad bearing raises level and high frequencies, a loose
sensor loses high frequencies.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import log, nan

import numpy as np
from numpy.typing import NDArray

from edge_agent.contracts.core.parabola import parabola_top
from edge_agent.contracts.core.types import Reading

HIGH_SHARE = 0.4
"""Of half the sampling rate: a loose sensor does not follow above it."""
FLOOR_QUANTILE = 0.1
SHORTEST = 256
"""Samples from which a spectrum says something."""
BLOCK, SILENT, USUAL_QUANTILE = 32, 0.1, 0.75
"""A block is silent where it strays less than that share of what a quarter of them exceeds."""
LEAST_REPEATS = 8
"""In a row: a sensor of few steps repeats single samples by nature, the more the calmer it is."""
HELD = 32
"""Samples of one value that are held, at least: in 4,912 axes of four public sets the longest such
stretch has 6, of a fan that is off, and 4 of machines that run."""
HELD_SHARE, HELD_STEPS = 0.5, 2.0
"""A sensor that repeats a larger share of its samples is too calm to tell; and a stretch that ends
by no more of its finest steps may be the top of a slow wave."""
RATE_REACH = 0.1
"""The rate may be wrong by this share at most to be measured."""
ORDERS = (1, 2, 3)
"""Multiples of the shaft's speed at which a machine has lines."""
STANDS_OUT, STANDS_CLEARLY_OUT = 6.0, 20.0
"""A line's power over the median of its neighbours; noise alone hardly ever reaches the latter."""
TINY = 1e-12

Spectrum = NDArray[np.float64]


@dataclass(frozen=True)
class SignalMeasures:
    """Of all axes, the worst of each. level: log of the rms; high: log of the share of power above
    HIGH_SHARE; upper: log of that power; silent: share of short blocks that hold next to nothing,
    as where a contact opens; floor: log of the quiet part of the spectrum; clipped: share of
    samples at the extremes; repeated: share of the others that equal the sample before for long,
    as where a bus loses data or a range is far too large; offset: of the means, in the unit of the
    signal, that of the second axis counts twice and so on, so that axes exchanged or turned
    round move it wherever gravity is measured; rate: measured over stated sampling rate, by the
    shaft's lines; NaN: not measured.
    """

    level: float
    high: float
    upper: float
    silent: float
    floor: float
    clipped: float
    repeated: float
    offset: float
    rate: float


def measure_signal(reading: Reading) -> SignalMeasures:
    """Measure a reading; raises ValueError for one that is shorter than SHORTEST samples."""
    samples = reading.signal.astype(np.float64)
    if len(samples) < SHORTEST:
        raise ValueError(f"{len(samples)} samples, {SHORTEST} are needed")
    means = samples.mean(axis=0)
    samples -= means
    window = np.hanning(len(samples))[:, None]
    power = np.square(np.abs(np.fft.rfft(samples * window, axis=0)))
    power[0] = 0
    upper = power[round(HIGH_SHARE * len(power)) :].sum(axis=0)
    high = upper / (power.sum(axis=0) + TINY)
    return SignalMeasures(
        level=log(float(np.sqrt(np.square(samples).mean(axis=0)).min()) + TINY),
        high=log(float(high.min()) + TINY),
        upper=log(float(upper.min()) / len(samples) + TINY),
        silent=max(silent_share(column) for column in samples.T),
        floor=log(float(np.quantile(power, FLOOR_QUANTILE, axis=0).min()) / len(samples) + TINY),
        clipped=max(clipped_share(column) for column in reading.signal.T),
        repeated=max(repeated_share(column) for column in reading.signal.T),
        offset=float(means @ np.arange(1, len(means) + 1)),
        rate=nan if reading.rpm is None else _rate(power, reading.rate_hz, reading.rpm),
    )


def clipped_share(samples: NDArray[np.floating]) -> float:
    """Share of samples that lie at the largest or the smallest value, in runs of two and more."""
    share = 0.0
    for extreme in (samples.max(), samples.min()):
        at = samples == extreme
        share += float((at[1:] & at[:-1]).sum()) / len(samples)
    return share


def silent_share(samples: NDArray[np.floating]) -> float:
    """Share of the blocks of BLOCK samples that stray less than SILENT times as far as most do."""
    blocks = samples[: len(samples) // BLOCK * BLOCK].reshape(-1, BLOCK)
    strays = np.sort(blocks.std(axis=1))
    # Not the median: a contact may be open for more than half of the time.
    usual = strays[int(USUAL_QUANTILE * (len(strays) - 1))]
    return float((strays < SILENT * usual).mean())


def repeated_share(samples: NDArray[np.floating]) -> float:
    """Share of samples that equal the one before, LEAST_REPEATS and more in a row, and lie at
    neither the largest nor the smallest value."""
    inside = (samples < samples.max()) & (samples > samples.min())
    same = np.concatenate([[False], (samples[1:] == samples[:-1]) & inside[1:], [False]])
    edges = np.flatnonzero(same[1:] != same[:-1])
    runs = edges[1::2] - edges[::2]
    return float(runs[runs >= LEAST_REPEATS].sum()) / len(samples)


def longest_hold(samples: NDArray[np.floating]) -> int:
    """Samples of the longest stretch in which an axis (T,) is held at one value, as where packets
    are lost; 0: none. What lies at the largest or smallest value is clipped, not held."""
    steps = np.diff(samples)
    same = steps == 0
    edges = np.flatnonzero(np.diff(same, prepend=False, append=False))
    begins, ends = edges[::2], edges[1::2]
    inside = (samples[begins] < samples.max()) & (samples[begins] > samples.min())
    long = inside & (ends - begins >= HELD - 1)
    begins, ends = begins[long], ends[long]
    if not len(ends) or same.mean() > HELD_SHARE:
        return 0
    # One that lasts to the end is told by how it begins.
    jumps = np.abs(np.where(ends < len(steps), steps[ends % len(steps)], steps[begins - 1]))
    sudden = jumps > HELD_STEPS * np.abs(steps[~same]).min()
    return int((ends - begins + 1)[sudden].max(initial=0))


def _rate(power: Spectrum, rate_hz: float, rpm: float) -> float:
    """Where a line of the shaft is, over where it should be, inverted: a sensor that takes its
    samples too slowly shows every line at too high a frequency.

    The strongest line counts, but where others stand out clearly too, the one that is nearest to
    its place: a wrong rate moves them all, and a hum of the mains is one line alone.
    """
    step_hz = rate_hz / (2 * (len(power) - 1))
    found: list[tuple[float, float]] = []
    for order in ORDERS:
        place = order * rpm / 60 / step_hz
        low, high = round(place * (1 - RATE_REACH)), round(place * (1 + RATE_REACH)) + 1
        if low < 2 or high >= len(power) or high - low < 4:
            continue
        for axis in power.T:
            peak = low + int(axis[low:high].argmax())
            over = float(axis[peak] / (np.median(axis[low // 2 : 2 * high]) + TINY))
            if over > STANDS_OUT:
                found.append((over, place / _between(axis, peak)))
    clear = [ratio for over, ratio in found if over > STANDS_CLEARLY_OUT]
    if clear:
        return min(clear, key=lambda ratio: abs(ratio - 1))
    return max(found)[1] if found else nan


def _between(axis: Spectrum, peak: int) -> float:
    """The top of the parabola through the logarithms of a peak and its neighbours."""
    return peak + parabola_top(*(log(value + TINY) for value in axis[peak - 1 : peak + 2].tolist()))
