"""Recorded vibration as a sensor."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from edge_agent.capture.pace import Pace
from edge_agent.capture.source import EndOfSource
from edge_agent.contracts.clock import Clock
from edge_agent.contracts.errors import DeviceError, InputError
from edge_agent.contracts.recordings import read_recording
from edge_agent.contracts.types import Reading, Recording, Unreadable
from edge_agent.sources import RecordingSource


class ReplaySensor:
    """Gives recordings in name order, each whole or cut into parts of `window_s`.

    The part id is the file's path inside the folder, with `#k` for part k of a cut recording.
    """

    def __init__(self, config: RecordingSource, *, name: str, clock: Clock) -> None:
        self.live = config.paced
        self._config = config
        self._name = name
        self._clock = clock
        self._pace = Pace(0, clock)
        self._files: deque[Path] = deque()
        self._parts: Iterator[tuple[str, Recording]] = iter(())
        self._opened = False
        self._seq = 0

    def open(self) -> None:
        """List the recordings; raises DeviceError when there are none."""
        if self._opened:
            return
        path = self._config.path
        suffix = f".{self._config.driver}"
        files = [path] if path.is_file() else sorted(path.rglob(f"*{suffix}"))
        if not files:
            raise DeviceError(
                f"no {suffix} recording",
                where=str(path),
                cure="correct `path` or `driver` of the source in station.toml",
            )
        self._files.extend(files)
        self._opened = True

    def next(self, timeout_s: float) -> Reading | Unreadable | None:
        """The next part; EndOfSource after the last recording."""
        if not self._pace.wait(timeout_s):
            return None
        part = next(self._parts, None)
        while part is None:
            if not self._files:
                raise EndOfSource
            path = self._files.popleft()
            try:
                self._parts = self._cut(path, self._read(path))
            except InputError as error:
                at_ns, mono_ns = self._clock.utc_ns(), self._clock.mono_ns()
                return Unreadable(
                    str(error), at_ns, mono_ns, self._count(), self._name, self._part_id(path)
                )
            part = next(self._parts, None)
        return self._reading(*part)

    def close(self) -> None:
        """Nothing is held."""

    def _reading(self, part_id: str, recording: Recording) -> Reading:
        if self._config.paced:
            self._pace.stretch(len(recording.signal) / recording.rate_hz)
        at_ns, mono_ns = self._clock.utc_ns(), self._clock.mono_ns()
        return Reading(
            recording.signal,
            recording.rate_hz,
            at_ns,
            mono_ns,
            self._count(),
            self._name,
            part_id,
            recording.rpm,
        )

    def _read(self, path: Path) -> Recording:
        config = self._config
        return read_recording(path, config.axes, config.sample_rate_hz, config.unit, config.rpm)

    def _cut(self, path: Path, recording: Recording) -> Iterator[tuple[str, Recording]]:
        """The parts of a recording; a rest shorter than `window_s` is left out."""
        if not self._config.window_s:
            yield self._part_id(path), recording
            return
        length = max(1, round(self._config.window_s * recording.rate_hz))
        for k, start in enumerate(range(0, len(recording.signal) - length + 1, length)):
            signal = recording.signal[start : start + length]
            part_id = f"{self._part_id(path)}#{k}"
            yield part_id, replace(recording, signal=signal)

    def _part_id(self, path: Path) -> str:
        root = self._config.path
        return path.name if path == root else path.relative_to(root).as_posix()

    def _count(self) -> int:
        seq, self._seq = self._seq, self._seq + 1
        return seq
