"""The images of a folder as a camera."""

from __future__ import annotations

import time
from collections import deque
from pathlib import Path
from typing import Literal

from pydantic import Field

from edge_agent.capture.counter import ItemCounter
from edge_agent.capture.rate_limiter import RateLimiter
from edge_agent.capture.source import EndOfSource, RateHz, SourceDriver, SourceTable
from edge_agent.contracts.core.clock import Clock
from edge_agent.contracts.core.errors import DeviceError, InputError
from edge_agent.contracts.core.files import files_below
from edge_agent.contracts.core.types import Frame, Unreadable
from edge_agent.contracts.image.decode import IMAGE_SUFFIXES, read_image
from edge_agent.settings.toml import StationPath

SETTLE_S = 0.2
"""A file younger than this may still be written, when new files are waited for."""
POLL_S = 0.05


class FolderTable(SourceTable):
    """Images of a folder in name order, sub-folders included: the camera of a desktop."""

    driver: Literal["folder"]
    path: StationPath = Field(description="the folder")
    bit_depth: int | None = Field(
        default=None,
        ge=9,
        le=16,
        description="bits that the camera fills in files with 16 bits a sample",
    )
    rate_hz: RateHz = Field(default=0, description="images a second; 0: as fast as the line takes")
    at_end: Literal["stop", "wait", "repeat"] = Field(
        default="stop", description="stop; or wait for new files; or begin again"
    )

    @property
    def repeats(self) -> bool:
        """`at_end` is repeat."""
        return self.at_end == "repeat"


class FolderCamera:
    """Gives every image in name order; a file that cannot be read becomes Unreadable.

    The part id is the file's path inside the folder.
    """

    def __init__(self, config: FolderTable, *, name: str, clock: Clock) -> None:
        self.live = config.rate_hz > 0
        self._config = config
        self._clock = clock
        self._counter = ItemCounter(name, clock)
        self._rate = RateLimiter(config.rate_hz, clock)
        self._waiting: deque[Path] = deque()
        self._seen: set[Path] = set()

    def open(self) -> None:
        """List the folder; raises DeviceError when it is absent, or empty and not waited for."""
        self._look()
        if not self._waiting and not self._seen and self._config.at_end != "wait":
            raise DeviceError(
                "no images in the folder",
                where=str(self._config.path),
                cure=f"put images there ({' '.join(sorted(IMAGE_SUFFIXES))})",
            )

    def next(self, timeout_s: float) -> Frame | Unreadable | None:
        """The next image; EndOfSource after the last one where `at_end` is stop.

        Raises DeviceError when the folder itself is gone.
        """
        if not self._waiting and not self._refill(timeout_s):
            return None
        if not self._rate.wait(timeout_s):
            return None
        path = self._waiting.popleft()
        part_id = path.relative_to(self._config.path).as_posix()
        try:
            image = read_image(path, self._config.bit_depth)
        except InputError as error:
            return Unreadable(str(error), *self._counter.stamp(), part_id)
        return Frame(image, *self._counter.stamp(), part_id)

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
        """Queue what is new; a name that went away and came back is new."""
        found = self._list()
        self._seen.intersection_update(found)
        fresh = [path for path in found if path not in self._seen]
        if self._config.at_end == "wait":
            fresh = [path for path in fresh if _is_settled(path)]
        self._seen.update(fresh)
        self._waiting.extend(fresh)

    def _list(self) -> list[Path]:
        root = self._config.path
        if not root.is_dir():
            raise DeviceError(
                "no such folder",
                where=str(root),
                cure="correct `path` of the folder camera in station.toml, or bring it back",
            )
        try:
            return files_below(root, IMAGE_SUFFIXES)
        except OSError as error:
            raise DeviceError(
                f"cannot be listed ({error.strerror})",
                where=str(error.filename or root),
                cure="check disk and rights",
            ) from error


def _is_settled(path: Path) -> bool:
    try:
        return path.stat().st_mtime <= time.time() - SETTLE_S
    except FileNotFoundError:
        return False


DRIVER = SourceDriver(FolderTable, FolderCamera, replays=Path.is_dir)
