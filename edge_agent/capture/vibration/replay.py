"""Recorded vibration as a sensor."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from edge_agent.capture.counter import Stamps
from edge_agent.capture.file_sequence import Listing
from edge_agent.capture.rate_limiter import Pace
from edge_agent.capture.tables import RecordingSource
from edge_agent.contracts.core.clock import Clock
from edge_agent.contracts.core.errors import InputError
from edge_agent.contracts.core.types import Reading, Recording, Unreadable
from edge_agent.contracts.vibration.recordings import read_recording


class ReplaySensor:
    """Gives recordings in name order, each whole or cut into parts of `window_s`.

    The part id is the file's path inside the folder, with `#k` for part k of a cut recording.
    """

    def __init__(self, config: RecordingSource, *, name: str, clock: Clock) -> None:
        self.live = config.paced
        self._config = config
        self._stamps = Stamps(name, clock)
        self._pace = Pace(0, clock)
        self._files = Listing(config.path, f".{config.driver}", "recording")
        self._parts: Iterator[tuple[str, Recording]] = iter(())

    def open(self) -> None:
        """List the recordings; raises DeviceError when there are none."""
        self._files.open()

    def next(self, timeout_s: float) -> Reading | Unreadable | None:
        """The next part; EndOfSource after the last recording."""
        if not self._pace.wait(timeout_s):
            return None
        part = next(self._parts, None)
        while part is None:
            path = self._files.pop()
            try:
                self._parts = self._cut(path, self._read(path))
            except InputError as error:
                return Unreadable(str(error), *self._stamps.stamp(), self._files.part_id(path))
            part = next(self._parts, None)
        return self._reading(*part)

    def close(self) -> None:
        """Nothing is held."""

    def _reading(self, part_id: str, recording: Recording) -> Reading:
        if self._config.paced:
            self._pace.stretch(len(recording.signal) / recording.rate_hz)
        stamp = self._stamps.stamp()
        return Reading(recording.signal, recording.rate_hz, *stamp, part_id, recording.rpm)

    def _read(self, path: Path) -> Recording:
        config = self._config
        return read_recording(path, config.axes, config.sample_rate_hz, config.unit, config.rpm)

    def _cut(self, path: Path, recording: Recording) -> Iterator[tuple[str, Recording]]:
        """The parts of a recording; a rest shorter than `window_s` is left out."""
        if not self._config.window_s:
            yield self._files.part_id(path), recording
            return
        length = max(1, round(self._config.window_s * recording.rate_hz))
        for k, start in enumerate(range(0, len(recording.signal) - length + 1, length)):
            signal = recording.signal[start : start + length]
            part_id = f"{self._files.part_id(path)}#{k}"
            yield part_id, replace(recording, signal=signal)
