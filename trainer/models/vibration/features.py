"""The inputs of a vibration model: views and their fixed scaler, fitted on training samples.

Views of recordings with a known speed are in orders of the shaft, of others in hertz.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from edge_agent.contracts.vibration.baseline import standard_of
from edge_agent.contracts.vibration.input import VibrationInput
from edge_agent.contracts.vibration.views import (
    AnyView,
    EnvelopeView,
    PostureView,
    ShaftView,
    SpectrumView,
    Standard,
    view_shape,
)
from trainer.config.fit import FitConfig
from trainer.data.prepare import denser, inputs_of, read_durations, read_sample
from trainer.data.samples import Indices
from trainer.data.split import Split
from trainer.models.layers.preprocessing import vibration_spec

FeatureSet = Literal["raw", "spectrum", "envelope", "both", "all"]
Level = Literal["shape", "absolute"]

WINDOW_S = 1.0
LEAST_WINDOW = 16
"""Samples of a window at least: a second of a slow log has fewer."""
WINDOW_TURNS = 10
"""A window lasts a second, and ten turns of the slowest shaft: this separates orders 1/10 apart."""

BINS = 128
BANDS = 5
ROOM = 2.0
ORDERS = (0.5, 16.5)
"""Three harmonics of the inner race of common bearings (5.4 orders) lie below."""

SHAFT_ORDERS = (0.25, 8.25)
"""Half orders to the eighth: unbalance, misalignment and looseness show below."""

ENVELOPE_HZ = (2.0, 258.0)
WHITEN_BINS = 49
TOP = 0.49
"""The highest frequency as a share of the rate: just below Nyquist's half."""

CLIP = 3.0
LEAST_SPREAD = 0.001
LEAST_LEAN = 0.002
"""g; a cheap MEMS sensor's offset wanders as much."""

MOST_CENTRES = 16


def window_spec(split: Split, config: FitConfig) -> VibrationInput:
    """Raw windows of WINDOW_S and WINDOW_TURNS, or as long as the shortest recording."""
    shaped = vibration_spec(split, config, 32)
    every = np.concatenate([split.train, split.val, split.test])
    durations = read_durations(split.dataset, every)
    shortest = min(int(samples * shaped.rate_hz / rate) for samples, rate in durations)
    wanted = round(shaped.rate_hz * max(WINDOW_S, _turns_s(speeds(split, every))))
    wanted = max(wanted, LEAST_WINDOW)
    window = config.vibration.window_samples or min(wanted, shortest)
    hop = config.vibration.hop_samples or max(1, window // 2)
    return shaped.model_copy(
        update={"window_samples": window, "hop_samples": hop, "full_scale": 1.0}
    )


def with_views(
    split: Split, spec: VibrationInput, views: list[AnyView], clip: float, by_group: bool
) -> VibrationInput:
    """`spec` with `views`, standardised on the training samples.

    by_group: a centre for each group, spread within the groups; else one centre for all.
    """
    with_new_views = spec.model_copy(update={"views": views})
    dense = denser(with_new_views, 2)
    if not isinstance(dense, VibrationInput):
        raise TypeError("views need a vibration input")
    groups = np.array(split.dataset.groups())[split.train]
    features = [_features(split, int(index), dense) for index in split.train]
    single = not by_group or len(set(groups)) > MOST_CENTRES
    names = np.zeros(len(groups)) if single else groups
    stacked = [
        np.concatenate([f for f, name in zip(features, names, strict=True) if name == chosen])
        for chosen in np.unique(names)
    ]
    standard = standard_within(stacked, with_new_views, clip)
    return with_new_views.model_copy(update={"standard": standard})


def class_views(
    spec: VibrationInput, features: FeatureSet, level: Level, top_rpm: float | None
) -> list[AnyView]:
    """The views of a classifier: the spectrum's shape, the envelope's lines, both, or these with
    the shaft's lines.

    top_rpm: the highest speed of the training samples; None where not all are known.
    """
    views: list[AnyView] = []
    scale: Literal["orders", "hertz"] = "orders" if top_rpm else "hertz"
    if features in ("spectrum", "both", "all"):
        views.append(SpectrumView(bins=BINS, high_hz=spec.rate_hz / 2, level=level))
    if features in ("envelope", "both", "all"):
        low, high = ORDERS if top_rpm else _envelope_hz(spec.rate_hz)
        top_hz = high * (top_rpm / 60 if top_rpm else 1.0)
        views.append(
            EnvelopeView(
                bins=BINS,
                bands_hz=bands_hz(spec.rate_hz, top_hz),
                scale=scale,
                low=low,
                high=high,
                whiten_bins=WHITEN_BINS,
            )
        )
    if features == "all":
        low, high = SHAFT_ORDERS if top_rpm else _envelope_hz(spec.rate_hz)
        views.append(ShaftView(bins=BINS, scale=scale, low=low, high=high))
    return views


def detector_views(spec: VibrationInput, bins: int, posture: bool) -> list[AnyView]:
    """The views of a detector: the spectrum at its absolute level, and the tilt of the sensor."""
    low = spec.rate_hz / spec.window_samples
    spectrum = SpectrumView(bins=bins, low_hz=low, high_hz=spec.rate_hz / 2)
    return [spectrum, PostureView(bins=bins)] if posture else [spectrum]


def bands_hz(rate_hz: float, modulation_hz: float) -> list[tuple[float, float]]:
    """Up to BANDS equal bands below 0.49 of the rate, without the lowest per cent.

    A band carries modulation up to its width: each is at least ROOM times `modulation_hz` wide,
    so that a faster shaft than in training still fits.
    """
    count = int(np.clip(TOP * rate_hz / (ROOM * modulation_hz), 1, BANDS))
    edges = np.linspace(0, TOP * rate_hz, count + 1)
    edges[0] = 0.01 * rate_hz
    return [(float(round(a, 3)), float(round(b, 3))) for a, b in pairwise(edges)]


def speeds(split: Split, indices: Indices) -> list[float | None]:
    """The shaft's speed of each sample, None where it is not known."""
    return [read_sample(split.dataset, int(index)).rpm for index in indices]


def top_speed(speeds: Sequence[float | None]) -> float | None:
    """The highest of the speeds; None where a recording does not state the speed of its shaft."""
    known = [rpm for rpm in speeds if rpm is not None]
    return max(known) if known and len(known) == len(speeds) else None


def _turns_s(speeds: Sequence[float | None]) -> float:
    known = [rpm for rpm in speeds if rpm is not None]
    return WINDOW_TURNS * 60 / min(known) if top_speed(speeds) else 0.0


def _envelope_hz(rate_hz: float) -> tuple[float, float]:
    """The lowest and the highest frequency, an octave apart at least: at 20 Hz the lowest of a fast
    recording would be the highest."""
    high = min(ENVELOPE_HZ[1], 0.1 * rate_hz)
    return min(ENVELOPE_HZ[0], high / 2), high


def _features(split: Split, index: int, spec: VibrationInput) -> NDArray[np.float64]:
    """(N, features) of one training sample before standardisation."""
    prepared = inputs_of(split.dataset, index, spec)
    return prepared.reshape(len(prepared), -1).astype(np.float64)


def standard_within(
    groups: list[NDArray[np.float64]], spec: VibrationInput, clip: float | None = None
) -> Standard:
    """A centre for each group of windows (N, features), and the spread within them all.

    spec: its views say which spread is the least; clip: that of its own standard where not given.
    """
    held = clip or (spec.standard.clip if spec.standard else CLIP)
    centres = [group.mean(axis=0) for group in groups]
    within = np.concatenate([g - c for g, c in zip(groups, centres, strict=True)])
    least = _least(spec.views, len(spec.axes), within.shape[1])
    return standard_of(centres, np.maximum(within.std(axis=0), least), held)


def _least(views: list[AnyView], axes: int, features: int) -> NDArray[np.float64]:
    """The smallest spread of each feature; the posture stands last, after the other views."""
    bins, channels = view_shape(views, axes)
    least = np.full((bins, channels), LEAST_SPREAD)
    if isinstance(views[-1], PostureView):
        least[:, -axes:] = LEAST_LEAN
    return least.reshape(features)
