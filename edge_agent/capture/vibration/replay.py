"""Recorded vibration as a sensor."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Literal, Self

from pydantic import Field, PrivateAttr

from edge_agent.broker.config import BrokerTable
from edge_agent.capture.counter import ItemCounter
from edge_agent.capture.file_sequence import FileItems, FileSequence
from edge_agent.capture.rate_limiter import RateLimiter
from edge_agent.capture.source import SourceDriver, VibrationSourceTable, refuse_other_unit
from edge_agent.contracts.core.clock import Clock
from edge_agent.contracts.core.errors import InputError
from edge_agent.contracts.core.types import Reading, Recording, Unreadable
from edge_agent.contracts.model.manifest import InputSpec
from edge_agent.contracts.vibration.input import VibrationInput
from edge_agent.contracts.vibration.recordings import read_recording
from edge_agent.settings.toml import StationPath

LOG = logging.getLogger("lineside.capture")
FORMATS = (".wav", ".npz", ".npy", ".mat", ".parquet", ".csv")
"""The kinds of file that are looked for; the first that lies in the folder is read."""


class ReplayTable(VibrationSourceTable):
    """Vibration recordings of a file or folder, replayed window by window."""

    driver: Literal["replay"]
    path: StationPath = Field(description="one recording, or a folder of them")
    format: Literal["auto", "wav", "npz", "npy", "mat", "parquet", "csv"] = Field(
        default="auto", description="kind of file; auto: the first of these that lies there"
    )
    axes: list[str] = Field(
        default_factory=list,
        max_length=16,
        description="columns, positions or patterns; empty: those of the bundle",
    )
    sample_rate_hz: float | None = Field(
        default=None,
        gt=0,
        le=1_000_000,
        description="of the recordings; empty: as they say, else as the bundle",
    )
    unit: str = Field(
        default="g", description="of the samples; fs: fractions of full scale of a .wav"
    )
    full_scale_g: float | None = Field(
        default=None, gt=0, description="g at full scale, for .wav of whole numbers"
    )
    rpm: float | None = Field(
        default=None, gt=0, le=1_000_000, description="speed of the shaft where no file says it"
    )
    window_s: float = Field(
        default=0, ge=0, le=3600, description="length of a part; 0: the whole recording is one"
    )
    paced: bool = Field(default=False, description="true: in the time the recording took")
    _usual_hz: float | None = PrivateAttr(default=None)

    @property
    def signal_unit(self) -> str:
        """`unit`."""
        return self.unit

    @property
    def axis_names(self) -> tuple[str, ...]:
        """`axes`."""
        return tuple(self.axes)

    @property
    def suffixes(self) -> tuple[str, ...]:
        """The suffixes of the files that are read."""
        return FORMATS if self.format == "auto" else (f".{self.format}",)

    def fitted_to(
        self, taken: InputSpec | None, *, channel: str, broker: BrokerTable | None
    ) -> Self:
        """Give the axes of the bundle where none are named, and its rate to files that say none;
        without a bundle, the first axis."""
        del broker
        named = ["0"]
        fitted = self.model_copy()
        if isinstance(taken, VibrationInput):
            refuse_other_unit(self.unit, taken, channel)
            named = taken.axes
            fitted._usual_hz = taken.rate_hz
        return fitted if self.axes else fitted.model_copy(update={"axes": list(named)})

    @property
    def usual_hz(self) -> float | None:
        """The rate of recordings of which nobody states one: the bundle's."""
        return self._usual_hz


class ReplaySensor:
    """Gives recordings in name order, each whole or cut into parts of `window_s`.

    The part id is the file's path inside the folder, with `#k` for part k of a cut recording.
    """

    def __init__(self, config: ReplayTable, *, name: str, clock: Clock) -> None:
        self.live = config.paced
        self._config = config
        self._counter = ItemCounter(name, clock)
        self._rate = RateLimiter(0, clock)
        self._files = FileSequence(config.path, config.suffixes, "recording")
        self._parts = FileItems(self._files, self._read)

    def open(self) -> None:
        """List the recordings and read the first; raises DeviceError when there are none."""
        self._parts.open()

    def next(self, timeout_s: float) -> Reading | Unreadable | None:
        """The next part; EndOfSource after the last recording."""
        if not self._rate.wait(timeout_s):
            return None
        part_id, found = self._parts.next()
        if isinstance(found, InputError):
            return Unreadable(str(found), *self._counter.stamp(), part_id)
        return self._reading(part_id, found)

    def close(self) -> None:
        """Nothing is held."""

    def _reading(self, part_id: str, recording: Recording) -> Reading:
        if self._config.paced:
            self._rate.stretch(len(recording.signal) / recording.rate_hz)
        stamp = self._counter.stamp()
        return Reading(recording.signal, recording.rate_hz, *stamp, part_id, recording.rpm)

    def _read(self, path: Path) -> Iterator[tuple[str, Recording]]:
        config = self._config
        own = (config.sample_rate_hz, config.unit, config.rpm, config.full_scale_g)
        return self._cut(path, read_recording(path, config.axes, *own, config.usual_hz))

    def _cut(self, path: Path, recording: Recording) -> Iterator[tuple[str, Recording]]:
        """The parts of a recording; a rest shorter than `window_s` is left out."""
        if not self._config.window_s:
            yield self._files.part_id(path), recording
            return
        length = max(1, round(self._config.window_s * recording.rate_hz))
        if len(recording.signal) < length:
            window_s = self._config.window_s
            LOG.warning("%s is shorter than window_s = %g: it gives no part", path, window_s)
        for k, start in enumerate(range(0, len(recording.signal) - length + 1, length)):
            signal = recording.signal[start : start + length]
            part_id = f"{self._files.part_id(path)}#{k}"
            yield part_id, replace(recording, signal=signal)


DRIVER = SourceDriver(ReplayTable, ReplaySensor, replays=Path.exists)
