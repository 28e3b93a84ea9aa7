"""How architectures choose what they see and hear, from the configuration and training samples."""

from __future__ import annotations

from collections import Counter

import numpy as np

from edge_agent.contracts.core.errors import ConfigError, DatasetError
from edge_agent.contracts.image.input import ImageInput
from edge_agent.contracts.vibration.input import VibrationInput, prepare_recording, resample
from trainer.config.fit import FitConfig
from trainer.data.image.clipping import MOST_CLIPPED
from trainer.data.prepare import read_durations, read_sample
from trainer.data.split import Split


def image_spec(config: FitConfig, size_px: int, *, standardise: bool = False) -> ImageInput:
    """A square of `size_px`, standardised or not, or as configured."""
    table = config.image
    side = table.size_px or size_px
    return ImageInput(
        width_px=side,
        height_px=side,
        channels=table.channels,
        fit=table.fit,
        shrink="exact",
        standardise=standardise if table.standardise is None else table.standardise,
        most_clipped=MOST_CLIPPED,
    )


def vibration_spec(split: Split, config: FitConfig, window_samples: int) -> VibrationInput:
    """The commonest rate, `window_samples` where the recordings last, scaled by the training RMS.

    A recording shorter than two windows halves the window until it fits.
    """
    columns = split.dataset.config.vibration
    if columns is None:
        raise ConfigError("not a vibration data set", where="--model", cure="choose another model")
    every = np.concatenate([split.train, split.val, split.test])
    durations = read_durations(split.dataset, every)
    rate_hz = config.vibration.rate_hz or columns.rate_hz or _commonest(durations)
    shortest = min(int(samples * rate_hz / rate) for samples, rate in durations)
    window = config.vibration.window_samples or _fitting(window_samples, shortest)
    spec = VibrationInput(
        rate_hz=rate_hz,
        resampling="clocks",
        axes=columns.axes,
        unit=columns.unit,
        window_samples=window,
        hop_samples=config.vibration.hop_samples or window,
        detrend=config.vibration.detrend,
    )
    return spec.model_copy(update={"full_scale": _rms(split, spec)})


def _commonest(durations: list[tuple[int, float]]) -> float:
    return Counter(rate for _, rate in durations).most_common(1)[0][0]


def _fitting(window: int, shortest: int) -> int:
    while window > 32 and 2 * window > shortest:
        window //= 2
    return window


def _rms(split: Split, spec: VibrationInput) -> float:
    """The median over training recordings of the detrended RMS, three digits.

    Raises DatasetError for an axis that stands still in all of them.
    """
    values: list[float] = []
    moved = np.zeros(len(spec.axes), np.bool_)
    for index in split.train:
        recording = read_sample(split.dataset, int(index))
        moved |= np.ptp(recording.signal, axis=0) > 0
        signal = resample(recording.signal, recording.rate_hz, spec.rate_hz, spec.resampling)
        if len(signal) >= spec.window_samples:
            windows = prepare_recording(recording, spec)
            values.append(float(np.sqrt(np.mean(np.square(windows)))))
    if not moved.all():
        raise DatasetError(
            f"axis {spec.axes[int(np.argmin(moved))]!r} never changes in any training recording",
            where=str(split.dataset.root),
            cure="take it out of axes in dataset.toml: a station gives no verdict on a still axis",
        )
    return float(f"{max(np.median(values), 1e-9):.3g}") if values else 1.0
