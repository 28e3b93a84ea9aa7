"""Views of a vibration window: what a network hears, as data in the manifest; numpy only.

A view turns a window (T, C) at a known rate into (bins, channels). Views stand side by side, one
standardisation follows, and the result is the network's input. All scales are fixed by the
training data; the one view that drops the level says so (`level = "shape"`).
"""

from __future__ import annotations

from functools import lru_cache
from typing import Annotated, Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from edge_agent.contracts.core.errors import InputError
from edge_agent.contracts.core.strict import Strict

Float = NDArray[np.float64]
View = NDArray[np.float64]
"""float64 (bins, channels)."""

POWER_FLOOR = 1e-12
"""Added to a power density before the logarithm, in unit^2/Hz: far below any sensor's noise."""

DEPTH_FLOOR = 1e-4
"""Added to a modulation depth before the logarithm."""


class SpectrumView(Strict):
    """log10 of the power density (unit^2/Hz, Hann window) in equal bands from low to high.

    shape: the mean over the bands is taken off, so that gain and severity are not seen.
    """

    kind: Literal["spectrum"] = "spectrum"
    bins: int = Field(ge=4, le=4096)
    low_hz: float = Field(default=0.0, ge=0)
    high_hz: float = Field(gt=0)
    level: Literal["absolute", "shape"] = "absolute"

    def channels(self, axes: int) -> int:
        """One for each axis."""
        return axes


class EnvelopeView(Strict):
    """ln of the squared-envelope spectrum of each band, as modulation depth.

    hertz: low and high are Hz. orders: they are multiples of the shaft's speed, which the
    recording must then give. whiten_bins > 0 takes off a running median, so that lines stand
    above their own noise floor.
    """

    kind: Literal["envelope"] = "envelope"
    bins: int = Field(ge=4, le=4096)
    bands_hz: list[tuple[float, float]] = Field(min_length=1, max_length=16)
    scale: Literal["hertz", "orders"] = "hertz"
    low: float = Field(ge=0)
    high: float = Field(gt=0)
    whiten_bins: int = Field(default=0, ge=0, le=1024)

    def channels(self, axes: int) -> int:
        """One for each band of each axis."""
        return axes * len(self.bands_hz)

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if any(not 0 <= low < high for low, high in self.bands_hz):
            raise ValueError(f"each band needs 0 <= low < high: {self.bands_hz}")
        if self.low >= self.high:
            raise ValueError(f"low {self.low} is not below high {self.high}")
        return self


class ShaftView(Strict):
    """log10 of the highest power density (unit^2/Hz, Hann window) in equal bands: shaft lines.

    Unbalance stands at once per turn, misalignment at twice, looseness at its multiples and
    halves. hertz, orders: as for the envelope. The mean over the bands is taken off.
    """

    kind: Literal["shaft"] = "shaft"
    bins: int = Field(ge=4, le=4096)
    scale: Literal["hertz", "orders"] = "hertz"
    low: float = Field(ge=0)
    high: float = Field(gt=0)

    def channels(self, axes: int) -> int:
        """One for each axis."""
        return axes

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.low >= self.high:
            raise ValueError(f"low {self.low} is not below high {self.high}")
        return self


class PostureView(Strict):
    """The mean of each axis in the recording's unit: how a sensor that feels gravity leans.

    The same number in every bin, so that beside a spectrum of as many bins it weighs as much.
    """

    kind: Literal["posture"] = "posture"
    bins: int = Field(default=1, ge=1, le=4096)

    def channels(self, axes: int) -> int:
        """One for each axis."""
        return axes


class FramesView(Strict):
    """log10 of the power density (unit^2/Hz) of short frames, one after the other in time.

    The window is cut into `bins` frames that overlap by half; each gives `bands` equal bands from
    low to high. shape: the mean over frames and bands is taken off.
    """

    kind: Literal["frames"] = "frames"
    bins: int = Field(ge=4, le=64, description="frames")
    bands: int = Field(ge=4, le=256)
    low_hz: float = Field(default=0.0, ge=0)
    high_hz: float = Field(gt=0)
    level: Literal["absolute", "shape"] = "absolute"

    def channels(self, axes: int) -> int:
        """One for each band of each axis."""
        return axes * self.bands


AnyView = Annotated[
    SpectrumView | EnvelopeView | ShaftView | PostureView | FramesView, Field(discriminator="kind")
]


class Standard(Strict):
    """Fixed standardisation: clip((x - centre) / spread, -clip, clip), in the input's order.

    Several centres, one for each operating condition seen in training: the nearest one counts.
    """

    centres: list[list[float]] = Field(min_length=1)
    spread: list[float] = Field(min_length=1)
    clip: float = Field(default=4.0, gt=0, le=100)

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if any(len(centre) != len(self.spread) for centre in self.centres):
            raise ValueError("every centre has as many numbers as spread")
        if min(self.spread) <= 0:
            raise ValueError("spread must be above 0")
        return self


def view_shape(views: list[AnyView], axes: int) -> tuple[int, int]:
    """(bins, channels) where all views have the same bins, else (features, 1)."""
    sizes = {view.bins for view in views}
    if len(sizes) == 1:
        return sizes.pop(), sum(view.channels(axes) for view in views)
    return sum(view.bins * view.channels(axes) for view in views), 1


def compute_views(
    window: NDArray[np.float32], rate_hz: float, views: list[AnyView], rpm: float | None
) -> View:
    """The views of one window (T, C) side by side: (bins, channels), or (features, 1)."""
    signal = window.astype(np.float64)
    parts = [_compute(signal, rate_hz, view, rpm) for view in views]
    if len({len(part) for part in parts}) == 1:
        return np.concatenate(parts, axis=1)
    return np.concatenate([part.T.reshape(-1) for part in parts])[:, None]


def standardise(values: View, standard: Standard) -> View:
    """Hold (bins, channels) against the nearest centre; the shape is kept."""
    flat = values.reshape(-1)
    spread = np.array(standard.spread)
    if len(flat) != len(spread):
        raise InputError(
            f"{len(flat)} features, the standardisation has {len(spread)}",
            where="vibration window",
            cure="convert the run again: manifest and views disagree",
        )
    away = (flat - np.array(standard.centres[nearest_centre(flat, standard)])) / spread
    return np.asarray(np.clip(away, -standard.clip, standard.clip).reshape(values.shape))


def nearest_centre(flat: NDArray[np.float64], standard: Standard) -> int:
    """The place of the centre that (features,) lie nearest to, each no farther than the clip."""
    away = (flat - np.array(standard.centres)) / np.array(standard.spread)
    held = np.clip(away, -standard.clip, standard.clip)
    return int(np.argmin(np.abs(held).mean(axis=1)))


def spectrum(signal: Float, rate_hz: float, view: SpectrumView) -> View:
    """log10 power density of each axis in `view.bins` bands: (T, C) -> (bins, C).

    Modified periodogram with a Hann window: S = 2 |X|^2 / (rate sum w^2); Oppenheim & Schafer,
    Discrete-Time Signal Processing, 3rd ed., section 10.5.
    """
    density, step_hz = _density(signal, rate_hz), rate_hz / len(signal)
    pooled = _pool(density, step_hz, view.low_hz, view.high_hz, view.bins, "mean")
    levels = np.log10(pooled + POWER_FLOOR)
    return levels - levels.mean(axis=0) if view.level == "shape" else levels


def shaft(signal: Float, rate_hz: float, view: ShaftView, rpm: float | None) -> View:
    """log10 of the lines at multiples of the shaft's speed: (T, C) -> (bins, C).

    Raises InputError where the view is in orders and the speed is not known.
    """
    step = rate_hz / len(signal) / _order_hz(view, rpm)
    pooled = _pool(_density(signal, rate_hz), step, view.low, view.high, view.bins, "max")
    levels = np.log10(pooled + POWER_FLOOR)
    return np.asarray(levels - levels.mean(axis=0))


def frames(signal: Float, rate_hz: float, view: FramesView) -> View:
    """Spectra of consecutive frames: (T, C) -> (frames, C * bands), the bands of an axis together.

    Raises InputError for a window of fewer than eight samples a frame.
    """
    length = 2 * len(signal) // (view.bins + 1)
    if length < 8:
        raise InputError(
            f"{len(signal)} samples do not make {view.bins} frames",
            where="vibration window",
            cure="take longer windows",
        )
    one = SpectrumView(bins=view.bands, low_hz=view.low_hz, high_hz=view.high_hz)
    starts = np.linspace(0, len(signal) - length, view.bins).astype(int)
    levels = np.stack([spectrum(signal[s : s + length], rate_hz, one) for s in starts])
    if view.level == "shape":
        levels = levels - levels.mean(axis=(0, 1))
    return np.asarray(levels.transpose(0, 2, 1).reshape(view.bins, -1))


def envelope(signal: Float, rate_hz: float, view: EnvelopeView, rpm: float | None) -> View:
    """ln modulation depth of each band and axis: (T, C) -> (bins, bands * C).

    The analytic signal of a band is its one-sided spectrum; kept alone, it is demodulated at a
    rate of twice the band's width. Randall & Antoni, Rolling element bearing diagnostics - a
    tutorial, MSSP 25 (2011), sections 3.3 and 4.
    """
    unit_hz = _order_hz(view, rpm)
    lines = np.fft.rfft(signal - signal.mean(axis=0), axis=0)
    step_hz = rate_hz / len(signal)
    parts = [_band_depth(lines, step_hz, band, unit_hz, view) for band in view.bands_hz]
    depth = np.concatenate(parts, axis=1)
    return depth - running_median(depth, view.whiten_bins) if view.whiten_bins else depth


def running_median(values: View, width: int) -> View:
    """The median over `width` neighbouring bins, mirrored at the ends: (bins, C) -> (bins, C)."""
    half = min(width // 2, len(values) - 1)
    padded = np.pad(values, ((half, half), (0, 0)), mode="reflect")
    seen = np.lib.stride_tricks.sliding_window_view(padded, 2 * half + 1, axis=0)
    return np.asarray(np.median(seen, axis=-1))


def _compute(signal: Float, rate_hz: float, view: AnyView, rpm: float | None) -> View:
    if isinstance(view, SpectrumView):
        return spectrum(signal, rate_hz, view)
    if isinstance(view, EnvelopeView):
        return envelope(signal, rate_hz, view, rpm)
    if isinstance(view, ShaftView):
        return shaft(signal, rate_hz, view, rpm)
    if isinstance(view, FramesView):
        return frames(signal, rate_hz, view)
    return np.repeat(signal.mean(axis=0, keepdims=True), view.bins, axis=0)


def _density(signal: Float, rate_hz: float) -> Float:
    taper = _hann(len(signal))
    lines = np.fft.rfft((signal - signal.mean(axis=0)) * taper[:, None], axis=0)
    return np.asarray(np.abs(lines) ** 2 * (2.0 / (rate_hz * float(np.sum(taper**2)))))


def _order_hz(view: EnvelopeView | ShaftView, rpm: float | None) -> float:
    if view.scale == "hertz":
        return 1.0
    if rpm is None or not rpm > 0:
        raise InputError(
            "the shaft's speed is not known, and the model hears in orders",
            cure="give --rpm, rpm in labels.csv or in station.toml; or train with scale = hertz",
        )
    return rpm / 60.0


def _band_depth(
    lines: NDArray[np.complex128],
    step_hz: float,
    band: tuple[float, float],
    unit_hz: float,
    view: EnvelopeView,
) -> View:
    first, last = (min(round(edge / step_hz), len(lines)) for edge in band)
    kept = lines[first : max(last, first + 2)]
    length = 2 * len(kept)
    power = np.abs(np.fft.ifft(kept, length, axis=0)) ** 2
    ripple = power / (power.mean(axis=0) + 1e-30) - 1.0
    depth = np.abs(np.fft.rfft(ripple * _hann(length)[:, None], axis=0)) * (4.0 / length)
    pooled = _pool(depth, step_hz / unit_hz, view.low, view.high, view.bins, "max")
    return np.log(pooled + DEPTH_FLOOR)


def _pool(
    lines: Float, step: float, low: float, high: float, bins: int, rule: Literal["mean", "max"]
) -> View:
    """Join spectral lines (F, C), `step` apart, into equal bands (bins, C).

    Bands narrower than two lines are read at four places between the lines.
    """
    width = (high - low) / bins
    if width < 2 * step:
        return _between(lines, step, low, width, bins, rule)
    edges = np.ceil((low + width * np.arange(bins + 1)) / step - 1e-9).astype(int)
    edges = np.clip(edges, 0, len(lines))
    starts = np.minimum(edges[:-1], len(lines) - 1)
    if rule == "max":
        return np.asarray(np.maximum.reduceat(lines[: max(edges[-1], 1)], starts, axis=0))
    sums = np.add.reduceat(lines[: max(edges[-1], 1)], starts, axis=0)
    return np.asarray(sums / np.maximum(np.diff(edges), 1)[:, None])


def _between(
    lines: Float, step: float, low: float, width: float, bins: int, rule: Literal["mean", "max"]
) -> View:
    grid = low + width * (np.arange(4 * bins) + 0.5) / 4
    place = np.clip(grid / step, 0, len(lines) - 1.001)
    below = place.astype(int)
    part = (place - below)[:, None]
    read = lines[below] * (1 - part) + lines[below + 1] * part
    grouped = read.reshape(bins, 4, -1)
    return np.asarray(grouped.max(axis=1) if rule == "max" else grouped.mean(axis=1))


@lru_cache(maxsize=32)
def _hann(length: int) -> Float:
    return np.asarray(0.5 - 0.5 * np.cos(2 * np.pi * np.arange(length) / length))
