"""Recordings that may not be what they are said to be: rate, level, clipping, dropouts.

These are doubts, not faults: a quiet machine and a wrong unit look alike, so a person decides.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from edge_agent.contracts.core.errors import LinesideError
from edge_agent.contracts.core.types import Recording
from edge_agent.contracts.vibration.clock import may_be_milliseconds
from trainer.data.prepare import read_sample
from trainer.data.samples import Dataset

EDGE_SHARE = 0.9
"""The edge of a spectrum: the frequency below which this share of the power lies."""

RATE_FACTOR = 3.0
"""An edge this many times below or above the usual one speaks of another rate: rates go wrong by
whole factors, and one machine's states seldom move 90 % of the power that far."""

LINES, FLOOR_FACTOR = 0.01, 2.0
"""A rate moves the floor of a spectrum too, which a strong line, as that of unbalance, does not:
the edge without this share of the frequencies, the strongest, is then off as well, so many times.
"""

LEVEL_FACTOR = 30.0
"""An RMS this many times off the usual one speaks of another unit, gain or a dead sensor."""

SHORT_S, SHORT_FACTOR = 1.0, 3.0
"""A recording shorter than a second, and so many times shorter than usual, shortens every window:
a model's windows fit into the shortest recording."""

CLIPPED, CLIPPED_SHARE = 8, 1e-4
"""Samples at a recording's own extremes, at least, and their share: an unclipped one has two."""

FINE = 256
"""Different values below which repeated extremes only show a coarse converter."""

STILL_S = 0.02
STILL_SAMPLES = 50


SAME_RATE = 0.01
"""Rates within this share of each other are one: clocks of one sensor differ by less."""


@dataclass(frozen=True)
class RateGroup:
    """Recordings of nearly one rate: the lowest, the highest, and how many there are."""

    low_hz: float
    high_hz: float
    recordings: int

    def sentence(self) -> str:
        """The rate in words."""
        low, high = f"{self.low_hz:.6g}", f"{self.high_hz:.6g}"
        rate = low if low == high else f"{low} to {high}"
        return f"{rate} Hz ({self.recordings} recording{'s' if self.recordings > 1 else ''})"


@dataclass(frozen=True)
class SignalSurvey:
    """What all recordings that can be read say: what is doubtful, and their rates."""

    doubts: list[str] = field(default_factory=list)
    rates: list[RateGroup] = field(default_factory=list)


@dataclass(frozen=True)
class _Numbers:
    path: str
    rate_hz: float
    clock: str
    rms: float
    edge_hz: float
    floor_hz: float
    lasts_s: float
    doubts: list[str]


def survey_signals(dataset: Dataset) -> SignalSurvey:
    """Read every recording: their rates, and sentences about those that differ from the others,
    have lost samples, or may be of another rate."""
    recordings = []
    for index in range(len(dataset.samples)):
        try:
            recordings.append(_numbers(dataset.samples[index].path, read_sample(dataset, index)))
        except LinesideError:
            continue
    if not recordings:
        return SignalSurvey()
    rms = np.array([numbers.rms for numbers in recordings])
    edges = np.array([numbers.edge_hz for numbers in recordings])
    floors = np.array([numbers.floor_hz for numbers in recordings])
    doubts = _clocks([(n.path, n.clock, n.rate_hz, n.lasts_s) for n in recordings])
    doubts += [f"{n.path}: {sentence}" for n in recordings for sentence in n.doubts]
    doubts += _short([n.path for n in recordings], [n.lasts_s for n in recordings])
    other_rate = _off(edges, RATE_FACTOR) & _off(floors, FLOOR_FACTOR)
    doubts += _named(
        recordings, edges, other_rate, "its spectrum reaches {:.0f} Hz", "another rate?"
    )
    other_unit = _off(rms, LEVEL_FACTOR)
    doubts += _named(recordings, rms, other_unit, "its RMS is {:.3g}", "another unit or gain?")
    return SignalSurvey(doubts, rate_groups([numbers.rate_hz for numbers in recordings]))


def rate_groups(rates_hz: Sequence[float]) -> list[RateGroup]:
    """The rates from the lowest to the highest, nearly equal ones together."""
    groups: list[list[float]] = []
    for rate in sorted(rates_hz):
        if groups and rate <= groups[-1][0] * (1 + SAME_RATE):
            groups[-1].append(rate)
        else:
            groups.append([rate])
    return [RateGroup(group[0], group[-1], len(group)) for group in groups]


def length_doubts(dataset: Dataset) -> list[str]:
    """Sentences about recordings so short that they shorten every window, and about columns of
    times whose unit is not known."""
    clocks = []
    for index, sample in enumerate(dataset.samples):
        one = read_sample(dataset, index)
        clocks.append((sample.path, one.clock, one.rate_hz, len(one.signal) / one.rate_hz))
    return [*_clocks(clocks), *_short([one[0] for one in clocks], [one[3] for one in clocks])]


def clipped_samples(signal: NDArray[np.floating]) -> int:
    """How many samples of one axis lie exactly at its largest or smallest value."""
    return int(((signal == signal.max()) | (signal == signal.min())).sum())


def longest_still(signal: NDArray[np.floating]) -> int:
    """Samples of the longest stretch of one axis that does not change."""
    return max(_runs(np.diff(signal) == 0), default=0) + 1


def _numbers(path: str, recording: Recording) -> _Numbers:
    signal = recording.signal.astype(np.float64)
    centred = signal - signal.mean(axis=0)
    power = (np.abs(np.fft.rfft(centred * np.hanning(len(signal))[:, None], axis=0)) ** 2).sum(1)
    floor = np.minimum(power, np.quantile(power, 1 - LINES))
    doubts = []
    for axis, name in enumerate(recording.axes):
        doubts += _axis_doubts(recording.signal[:, axis], recording.rate_hz, name)
    rms = float(np.sqrt(np.mean(centred**2)))
    lasts_s = len(signal) / recording.rate_hz
    edges_hz = (_edge(power) / lasts_s, _edge(floor) / lasts_s)
    return _Numbers(path, recording.rate_hz, recording.clock, rms, *edges_hz, lasts_s, doubts)


def _edge(power: NDArray[np.float64]) -> int:
    """The place, at least 1, up to which EDGE_SHARE of a spectrum's power (F,) lies."""
    total = np.cumsum(power)
    return max(1, int(np.searchsorted(total, EDGE_SHARE * total[-1])))


def _axis_doubts(signal: NDArray[np.float32], rate_hz: float, axis: str) -> list[str]:
    doubts: list[str] = []
    if np.ptp(signal) == 0:
        return doubts
    clipped = clipped_samples(signal)
    if clipped >= max(CLIPPED, CLIPPED_SHARE * len(signal)) and len(np.unique(signal)) > FINE:
        doubts.append(f"axis {axis} is clipped at {np.abs(signal).max():.3g}, {clipped} samples")
    still = longest_still(signal)
    if still >= max(STILL_SAMPLES, STILL_S * rate_hz):
        doubts.append(f"axis {axis} stands still for {1000 * still / rate_hz:.0f} ms: a dropout?")
    return doubts


def _clocks(recordings: Sequence[tuple[str, str, float, float]]) -> list[str]:
    """One sentence for each column of times, of (path, column, rate in Hz, length in s), that may
    be in milliseconds where seconds are taken."""
    doubtful: dict[str, tuple[str, float, float]] = {}
    for path, column, rate_hz, lasts_s in recordings:
        if column and may_be_milliseconds(rate_hz, lasts_s):
            doubtful.setdefault(column, (path, rate_hz, lasts_s))
    return [
        f"{path}: column {column!r} names no unit and is taken for seconds: {rate_hz:.4g} Hz for "
        f"{lasts_s:.4g} s; in milliseconds it is {1000 * rate_hz:.5g} Hz for {lasts_s / 1000:.4g} "
        "s: call it time_s or time_ms in each file, or give rate_hz under [vibration] in "
        "dataset.toml"
        for column, (path, rate_hz, lasts_s) in doubtful.items()
    ]


def _short(paths: list[str], lasts_s: list[float]) -> list[str]:
    usual_s = float(np.median(lasts_s))
    return [
        f"{path}: lasts {one_s:.3g} s, the others {usual_s:.3g} s: all windows are cut to the "
        "shortest recording; leave it out"
        for path, one_s in zip(paths, lasts_s, strict=True)
        if one_s < SHORT_S and one_s * SHORT_FACTOR < usual_s
    ]


def _off(values: NDArray[np.float64], factor: float) -> NDArray[np.bool_]:
    """Which values are `factor` times off the median of all, which a median of 0 has none of."""
    usual = float(np.median(values))
    return (usual > 0) & ((values * factor < usual) | (values > usual * factor))


def _named(
    recordings: list[_Numbers],
    values: NDArray[np.float64],
    odd: NDArray[np.bool_],
    what: str,
    doubt: str,
) -> list[str]:
    """A sentence for each odd recording."""
    usual = float(np.median(values))
    return [
        f"{recordings[at].path}: {what.format(values[at])}, the others' {usual:.4g}: {doubt}"
        for at in np.flatnonzero(odd)
    ]


def _runs(flags: NDArray[np.bool_]) -> list[int]:
    """Lengths of the stretches of True."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], flags.astype(np.int8), [0]])))
    return [int(stop - start) for start, stop in zip(edges[::2], edges[1::2], strict=True)]
