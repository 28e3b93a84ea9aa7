"""Some windows of the training recordings, in every length and view that are to be compared."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from edge_agent.contracts.core.types import Recording, Signal
from edge_agent.contracts.vibration.input import VibrationInput, prepare_recording, resample
from edge_agent.contracts.vibration.views import AnyView
from trainer.console.progress import Progress
from trainer.data.class_sample import evenly_by_class
from trainer.data.prepare import read_sample
from trainer.data.samples import Indices
from trainer.data.split import Split
from trainer.models.image.feature_maps import Floats

MOST_WINDOWS = 400
"""Of each length, of all recordings together."""

MOST_EACH = 16
"""Of each length in one recording."""


@dataclass(frozen=True)
class TrialWindows:
    """The same number of windows of every length, evenly spaced over each recording.

    sample: (N,) the recording of each; along: (N,) from 0, the first of its recording, to 1, the
    last; lasts_s: (N,) seconds of its recording; features: (N, F) of each length and view.
    """

    sample: Indices
    along: NDArray[np.float64]
    lasts_s: NDArray[np.float64]
    features: dict[tuple[int, str], Floats]

    def of(self, spec: VibrationInput) -> list[Floats]:
        """(N, F) of each of its views, before any standardisation."""
        return [self.features[_key(one)] for one in _one_view_each(spec)]


def trial_windows(
    split: Split, several: Sequence[VibrationInput], progress: Progress
) -> TrialWindows:
    """Up to MOST_WINDOWS of each length of `several`, which share a rate; each view once.

    Raises InputError for a recording that is shorter than a window or does not fit the input.
    """
    wanted = {_key(one): one for spec in several for one in _one_view_each(spec)}
    chosen = split.train[evenly_by_class(split.dataset.targets()[split.train], MOST_WINDOWS)]
    each = int(np.clip(MOST_WINDOWS // len(chosen), 1, MOST_EACH))
    along = np.linspace(0, 1, each) if each > 1 else np.full(1, 0.5)
    found: dict[tuple[int, str], list[Signal]] = {key: [] for key in wanted}
    lasts_s = []
    with progress.steps("reading windows of several lengths", len(chosen)) as bar:
        for index in chosen:
            recording = read_sample(split.dataset, int(index))
            signal = resample(
                recording.signal, recording.rate_hz, several[0].rate_hz, several[0].resampling
            )
            lasts_s.append(len(signal) / several[0].rate_hz)
            for key, spec in wanted.items():
                found[key] += _views(signal, recording, spec, along)
            bar.advance()
    return TrialWindows(
        np.repeat(chosen, each),
        np.tile(along, len(chosen)),
        np.repeat(lasts_s, each),
        {key: np.stack(rows).reshape(len(rows), -1) for key, rows in found.items()},
    )


def _views(
    signal: Signal, recording: Recording, spec: VibrationInput, along: NDArray[np.float64]
) -> list[Signal]:
    length = spec.window_samples
    starts = (along * max(len(signal) - length, 0)).round().astype(int)
    pieces = [
        replace(recording, signal=signal[one : one + length], rate_hz=spec.rate_hz)
        for one in starts
    ]
    return [prepare_recording(one, spec)[0] for one in pieces]


def _one_view_each(spec: VibrationInput) -> list[VibrationInput]:
    return [spec.model_copy(update={"views": [view]}) for view in spec.views]


def _key(spec: VibrationInput) -> tuple[int, str]:
    views: list[AnyView] = spec.views
    return spec.window_samples, views[0].model_dump_json()
