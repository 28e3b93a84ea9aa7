"""From a vibration recording to a model's windows: the one chain all stages call, numpy only."""

from __future__ import annotations

from fractions import Fraction
from functools import lru_cache
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from edge_agent.contracts.core.errors import InputError
from edge_agent.contracts.core.raw_input import another_kind
from edge_agent.contracts.core.strict import Strict
from edge_agent.contracts.core.types import Recording, Signal
from edge_agent.contracts.vibration.views import (
    AnyView,
    Standard,
    compute_views,
    standardise,
    view_shape,
)

Windows = NDArray[np.float32]
"""float32 (N, window_samples, C), or (N, bins, channels) where the model hears views."""


SAME_RATE = 0.001
"""Rates nearer to each other than this are one: rounded times of a file say 6399.9998 Hz, and the
filter of a resampling would empty the top of such a recording's spectrum, and of no other one's."""

NEAR_RATE = 0.05
"""Rates nearer than this are those of two clocks: the spectrum is kept up to its end, within 6 dB,
where a filter for other rates would empty its last sixth and make a fault of a healthy machine."""

Resampling = Literal["alike", "clocks"]
"""How a recording of another rate becomes one of the model's.

alike: by one filter, however near the rates are.
clocks: rates that are one (SAME_RATE) pass unchanged, near ones (NEAR_RATE) keep their spectrum.
"""

REACH, NEAR_REACH = 16, 64
"""Samples of the lower rate that a filter reaches to each side."""

AT_ONCE = 1 << 19
"""Products of a resampling that are held at once (4 MB)."""


class VibrationInput(Strict):
    """What a vibration model takes, as float32, from windows in `unit` / full_scale.

    Without views the window itself, (window_samples, axes); with views (bins, channels), or
    (features, 1) where their bins differ; then the standardisation, where there is one.
    """

    kind: Literal["vibration"] = "vibration"
    rate_hz: float = Field(gt=0, le=1_000_000)
    resampling: Resampling = Field(
        default="alike",
        description="of recordings of another rate; a manifest that does not say so means alike",
    )
    axes: list[str] = Field(min_length=1, max_length=16)
    unit: str = "g"
    window_samples: int = Field(ge=16, le=1 << 20)
    hop_samples: int = Field(ge=1, le=1 << 20)
    detrend: Literal["none", "mean"] = "mean"
    full_scale: float = Field(
        default=1.0, gt=0, description="fixed divisor learnt on the training split, in `unit`"
    )
    views: list[AnyView] = Field(default=[], max_length=8, description="empty: the raw window")
    standard: Standard | None = None

    @property
    def window_shape(self) -> tuple[int, int]:
        """(window_samples, axes)."""
        return self.window_samples, len(self.axes)

    @property
    def shape(self) -> tuple[int, int]:
        """The network's input."""
        return view_shape(self.views, len(self.axes)) if self.views else self.window_shape

    def prepare(self, raw: object) -> Windows:
        """One recording -> its windows, float32 (N, *shape).

        Raises InputError for a recording that does not fit, and for anything else.
        """
        if not isinstance(raw, Recording):
            raise another_kind(self.kind, raw)
        return prepare_recording(raw, self)

    def join_heat(self, heats: NDArray[np.float32]) -> NDArray[np.float32]:
        """Heat maps of all windows (N, h, w) -> the first window's."""
        return np.asarray(heats[0])


def prepare_recording(recording: Recording, spec: VibrationInput) -> Windows:
    """Resample to the model's rate and cut into windows: float32 (N, window_samples, C).

    Raises InputError for NaN or infinite samples, for another number of axes, for another unit,
    and for a recording shorter than one window.
    """
    _refuse_bad_signal(recording, spec)
    signal = resample(recording.signal, recording.rate_hz, spec.rate_hz, spec.resampling)
    if len(signal) < spec.window_samples:
        raise InputError(
            f"{len(signal)} samples at {spec.rate_hz:g} Hz, one window needs {spec.window_samples}",
            where=recording.source or "recording",
            cure="record longer",
        )
    cut = cut_windows(signal, spec.window_samples, spec.hop_samples)
    return np.stack([prepare_window(window, spec, recording.rpm) for window in cut])


def prepare_window(window: Signal, spec: VibrationInput, rpm: float | None = None) -> Signal:
    """One window at the model's rate, (window_samples, C) -> the network's input, `spec.shape`."""
    if window.shape != spec.window_shape or not np.isfinite(window).all():
        raise InputError(
            f"expected finite samples of shape {spec.window_shape}, got shape {window.shape}",
            where="vibration window",
            cure="check the sensor and its cable",
        )
    values = window.astype(np.float32) / np.float32(spec.full_scale)
    if spec.views:
        seen = compute_views(values, spec.rate_hz, spec.views, rpm)
    else:
        mean = values.mean(axis=0, keepdims=True) if spec.detrend == "mean" else np.float32(0)
        seen = (values - mean).astype(np.float64)
    held = standardise(seen, spec.standard) if spec.standard else seen
    return np.asarray(held, np.float32)


def cut_windows(signal: Signal, length: int, hop: int) -> NDArray[np.float32]:
    """All whole windows: (T, C) -> (N, length, C)."""
    starts = range(0, len(signal) - length + 1, hop)
    return np.stack([signal[start : start + length] for start in starts])


def resample(signal: Signal, from_hz: float, to_hz: float, method: Resampling) -> Signal:
    """Polyphase resampling along time with a Kaiser-windowed sinc, (T, C) -> (T', C).

    Anti-alias cut-off at 0.9 of the lower Nyquist frequency, beta 8.6 (about 85 dB of stop band),
    after Oppenheim & Schafer, Discrete-Time Signal Processing, 3rd ed., section 7.5 and 4.6.
    By `clocks` the cut-off between near rates (NEAR_RATE) is the Nyquist frequency itself, and four
    times as sharp: what folds back there is next to where it was.
    Equal rates pass unchanged; by `clocks` those too that are one (SAME_RATE).
    """
    apart = abs(from_hz / to_hz - 1)
    if apart <= (SAME_RATE if method == "clocks" else 0):
        return np.asarray(signal, np.float32)
    ratio = Fraction(to_hz / from_hz).limit_denominator(2000)
    near = method == "clocks" and apart <= NEAR_RATE
    kernels = _phase_kernels(ratio.numerator, ratio.denominator, near)
    return _polyphase(np.asarray(signal, np.float64), kernels, ratio.denominator)


def refuse_other_rate(found_hz: float, model_hz: float, where: str, unsaid: str = "") -> None:
    """Raise InputError for a recording of another rate than the model's.

    One that differs by less than NEAR_RATE is that of another clock. A lower rate lacks the upper
    part of what the model judges. A higher one may be wrong where nobody but the file says it.
    unsaid: what somebody says who confirms it, as `--rate-hz 48000`; empty: it is confirmed.
    """
    off = found_hz / model_hz - 1
    if abs(off) <= NEAR_RATE or (off > 0 and not unsaid):
        return
    cure = "record as fast as that, or train at this rate"
    if off > 0:
        cure = f"give {unsaid} if it was recorded so, and it is resampled"
    raise InputError(
        f"is at {found_hz:g} Hz, the model was trained at {model_hz:g} Hz",
        where=where,
        cure=f"{cure}; else correct the rate of the recording or its sensor",
    )


def _low_pass(up: int, down: int, near: bool) -> NDArray[np.float64]:
    half = (NEAR_REACH if near else REACH) * max(up, down)
    steps = np.arange(-half, half + 1)
    cutoff = (1.0 if near else 0.9) / max(up, down)
    return np.asarray(up * cutoff * np.sinc(cutoff * steps) * np.kaiser(2 * half + 1, 8.6))


def _polyphase(signal: NDArray[np.float64], kernels: NDArray[np.float64], down: int) -> Signal:
    """Sample the up-sampled, filtered signal at every `down`-th place without building it."""
    up, width = kernels.shape
    reach = width // 2
    places = np.arange(0, len(signal) * up, down)
    first, phases = np.divmod(places, up)
    padded = np.pad(signal, ((reach, reach + 1), (0, 0)))
    blocks = np.lib.stride_tricks.sliding_window_view(padded, width, axis=0)
    result = np.empty((len(places), signal.shape[1]), np.float32)
    step = max(1, AT_ONCE // (width * signal.shape[1]))
    for start in range(0, len(places), step):
        part = slice(start, start + step)
        chosen = blocks[first[part]]
        result[part] = np.einsum("nck,nk->nc", chosen, kernels[phases[part]])
    return result


@lru_cache(maxsize=8)
def _phase_kernels(up: int, down: int, near: bool) -> NDArray[np.float64]:
    """float64 (up, width): the taps that meet a sample at each phase between two of them."""
    taps = _low_pass(up, down, near)
    half = len(taps) // 2
    reach = half // up + 1
    offsets = half + np.arange(up)[:, None] - up * np.arange(-reach, reach + 1)[None, :]
    inside = (offsets >= 0) & (offsets < len(taps))
    return np.where(inside, taps[np.clip(offsets, 0, len(taps) - 1)], 0.0)


def _refuse_bad_signal(recording: Recording, spec: VibrationInput) -> None:
    where = recording.source or "recording"
    if recording.signal.ndim != 2 or recording.signal.shape[1] != len(spec.axes):
        raise InputError(
            f"shape {recording.signal.shape}, the model takes {len(spec.axes)} axes {spec.axes}",
            where=where,
            cure="name the axes in station.toml or dataset.toml",
        )
    if recording.unit != spec.unit:
        raise InputError(
            f"the recording is in {recording.unit!r}, the model takes {spec.unit!r}",
            where=where,
            cure="set the sensor's unit, or train on this unit",
        )
    bad = np.flatnonzero(~np.isfinite(recording.signal).all(axis=1))
    if len(bad):
        raise InputError(
            f"sample {bad[0]} is not a number ({len(bad)} such)",
            where=where,
            cure="check the sensor and its cable",
        )
