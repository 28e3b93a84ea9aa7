"""Samples as the tensors a model takes, made only by the contracts' own functions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from edge_agent.contracts.core.errors import DatasetError
from edge_agent.contracts.core.text import is_number
from edge_agent.contracts.core.types import Image, Recording, Tensor
from edge_agent.contracts.image.cut_out import NoPartError, blank
from edge_agent.contracts.image.decode import read_image
from edge_agent.contracts.image.input import ImageInput, prepare_tiles
from edge_agent.contracts.process.input import TabularInput
from edge_agent.contracts.vibration.input import VibrationInput, prepare_recording
from edge_agent.contracts.vibration.recordings import read_recording
from trainer.console.progress import Progress
from trainer.data.in_turn import in_turn
from trainer.data.process.windows import prepare_at
from trainer.data.samples import Dataset, Indices, Sample

InputSpec = ImageInput | VibrationInput | TabularInput


@dataclass(frozen=True)
class Prepared:
    """inputs: (N, *shape), uint8 images or float32 windows; sample: (N,) position of its sample."""

    inputs: Tensor
    sample: Indices

    def targets(self, dataset: Dataset) -> NDArray[np.int64]:
        """The label number of every input."""
        return np.asarray(dataset.targets()[self.sample])

    def rows(self, indices: Indices) -> NDArray[np.int64]:
        """For every input the place of its sample in `indices`."""
        row_of = {int(index): row for row, index in enumerate(indices)}
        return np.array([row_of[int(sample)] for sample in self.sample], np.int64)


def prepare(
    dataset: Dataset, indices: Indices, spec: InputSpec, progress: Progress, what: str
) -> Prepared:
    """Read and prepare the samples at `indices`; one input per image, several per recording."""
    if isinstance(spec, TabularInput):
        return Prepared(prepare_at(dataset, indices, spec), np.asarray(indices, np.intp))
    pieces: list[Tensor] = []
    owners: list[Indices] = []
    with progress.steps(f"reading {what}", len(indices)) as bar:
        # Recordings are read in Python, which two threads do no faster than one.
        threads = None if isinstance(spec, ImageInput) else 1
        made = in_turn(lambda index: inputs_of(dataset, int(index), spec), indices, threads)
        for index, piece in zip(indices, made, strict=True):
            pieces.append(piece)
            owners.append(np.full(len(piece), index, np.intp))
            bar.advance()
    return Prepared(np.concatenate(pieces), np.concatenate(owners))


def inputs_of(dataset: Dataset, index: int, spec: ImageInput | VibrationInput) -> Tensor:
    """The inputs of one sample: (tiles, *shape) for an image, (N, *shape) for a recording."""
    if isinstance(spec, ImageInput):
        return seen_tiles(read_picture(dataset, index), spec)
    return prepare_recording(read_sample(dataset, index), spec)


def seen_tiles(frame: Image, spec: ImageInput) -> Tensor:
    """The tiles of a frame as prepare_tiles makes them; blank where it shows no part."""
    try:
        return prepare_tiles(frame, spec)
    except NoPartError:
        return blank((spec.tiles.count, *spec.shape))


def read_picture(dataset: Dataset, index: int) -> Image:
    """The picture that a sample is, as uint8 (H, W, 3) RGB."""
    return read_image(dataset.file(index), dataset.config.image.bit_depth)


def read_sample(dataset: Dataset, index: int) -> Recording:
    """The stretch of the recording that a sample is."""
    sample, columns = dataset.samples[index], dataset.config.vibration
    if columns is None:
        raise ValueError("not a vibration data set")
    rate_hz = sample.rate_hz or columns.rate_hz
    rpm = _speed(sample)
    path, full_scale_g = dataset.file(index), columns.full_scale_g
    whole = read_recording(path, columns.axes, rate_hz, columns.unit, rpm, full_scale_g)
    if sample.span == (0.0, 1.0):
        return whole
    start, stop = (round(edge * len(whole.signal)) for edge in sample.span)
    return replace(whole, signal=whole.signal[start:stop])


def _speed(sample: Sample) -> float | None:
    """The number in the labels' `rpm` column; None where there is none."""
    text = sample.conditions.get("rpm", "")
    if not text:
        return None
    rpm = float(text) if is_number(text) else -1.0
    if not 0 < rpm < 1e6:
        raise DatasetError(f"rpm {text!r} is no speed", where=sample.path, cure="give it in 1/min")
    return rpm


def denser(spec: InputSpec, share: int) -> InputSpec:
    """The same windows, taken `share` times as often: only for training."""
    if not isinstance(spec, VibrationInput):
        return spec
    hop = max(1, min(spec.hop_samples, spec.window_samples // share))
    return spec.model_copy(update={"hop_samples": hop})


def read_durations(dataset: Dataset, indices: Sequence[int] | Indices) -> list[tuple[int, float]]:
    """(samples, rate_hz) of each recording."""
    recordings = (read_sample(dataset, int(index)) for index in indices)
    return [(len(recording.signal), recording.rate_hz) for recording in recordings]
