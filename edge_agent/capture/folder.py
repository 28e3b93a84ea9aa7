"""The images of a folder as a camera."""

from __future__ import annotations

import time
from collections import deque
from pathlib import Path

from edge_agent.capture.pace import Pace
from edge_agent.capture.source import EndOfSource
from edge_agent.contracts.clock import Clock
from edge_agent.contracts.errors import DeviceError, InputError
from edge_agent.contracts.image import IMAGE_SUFFIXES, read_image
from edge_agent.contracts.types import Frame, Unreadable
from edge_agent.sources import FolderSource

SETTLE_S = 0.2
"""A file younger than this may still be written, when new files are waited for."""
POLL_S = 0.05


class FolderCamera:
    """Gives every image in name order; a file that cannot be read becomes Unreadable.

    The part id is the file's path inside the folder.
    """

    def __init__(self, config: FolderSource, *, name: str, clock: Clock) -> None:
        self.live = config.rate_hz > 0
        self._config = config
        self._name = name
        self._clock = clock
        self._pace = Pace(config.rate_hz, clock)
        self._waiting: deque[Path] = deque()
        self._seen: set[Path] = set()
        self._seq = 0

    def open(self) -> None:
        """List the folder; raises DeviceError when it is absent, or empty and not waited for."""
        if not self._config.path.is_dir():
            raise DeviceError(
                "no such folder",
                where=str(self._config.path),
                cure="correct `path` of the folder camera in station.toml",
            )
        self._look()
        if not self._waiting and not self._seen and self._config.at_end != "wait":
            raise DeviceError(
                "no images in the folder",
                where=str(self._config.path),
                cure=f"put images there ({' '.join(sorted(IMAGE_SUFFIXES))})",
            )

    def next(self, timeout_s: float) -> Frame | Unreadable | None:
        """The next image; EndOfSource after the last one where `at_end` is stop."""
        if not self._waiting and not self._refill(timeout_s):
            return None
        if not self._pace.wait(timeout_s):
            return None
        path = self._waiting.popleft()
        seq, self._seq = self._seq, self._seq + 1
        part_id = path.relative_to(self._config.path).as_posix()
        fault, image = "", None
        try:
            image = read_image(path)
        except InputError as error:
            fault = str(error)
        at_ns, mono_ns = self._clock.utc_ns(), self._clock.mono_ns()
        if image is None:
            return Unreadable(fault, at_ns, mono_ns, seq, self._name, part_id)
        return Frame(image, at_ns, mono_ns, seq, self._name, part_id)

    def close(self) -> None:
        """Nothing is held."""

    def _refill(self, timeout_s: float) -> bool:
        if self._config.at_end == "stop":
            raise EndOfSource
        if self._config.at_end == "repeat":
            self._seen.clear()
        self._look()
        if not self._waiting:
            self._clock.sleep_s(min(timeout_s, POLL_S))
        return bool(self._waiting)

    def _look(self) -> None:
        found = sorted(
            path
            for path in self._config.path.rglob("*")
            if path not in self._seen and path.suffix.lower() in IMAGE_SUFFIXES and path.is_file()
        )
        if self._config.at_end == "wait":
            settled = time.time() - SETTLE_S
            found = [path for path in found if path.stat().st_mtime <= settled]
        self._seen.update(found)
        self._waiting.extend(found)
