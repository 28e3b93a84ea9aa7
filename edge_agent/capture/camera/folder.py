"""The images of a folder as a camera."""

from __future__ import annotations

import logging
from collections import deque
from pathlib import Path
from typing import Literal

from pydantic import Field

from edge_agent.capture.counter import ItemCounter
from edge_agent.capture.folder_watch import FileStamp, FolderWatch, digest_of
from edge_agent.capture.rate_limiter import RateLimiter
from edge_agent.capture.source import EndOfSource, RateHz, SourceDriver, SourceTable
from edge_agent.contracts.core.clock import Clock
from edge_agent.contracts.core.errors import DeviceError, InputError
from edge_agent.contracts.core.files import files_below
from edge_agent.contracts.core.types import Frame, Image, Unreadable
from edge_agent.contracts.image.decode import (
    IMAGE_SUFFIXES,
    decode_image,
    read_image,
    read_picture,
)
from edge_agent.settings.toml import StationPath

LOG = logging.getLogger("lineside.capture")

LOOK_S = 0.05
"""Time between two looks into a folder that is waited for."""


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
    settle_s: float = Field(
        default=0.2,
        gt=0,
        le=60,
        description="with wait, a file is read when it has not changed for this long",
    )
    patience_s: float = Field(
        default=5,
        gt=0,
        le=3600,
        description="with wait, a file that is not whole yet is given up after this",
    )

    @property
    def besides_the_look(self) -> frozenset[str]:
        """Other images, in another rhythm, may be of the same camera."""
        return frozenset({"path", "rate_hz", "at_end", "settle_s", "patience_s"})

    @property
    def repeats(self) -> bool:
        """`at_end` is repeat."""
        return self.at_end == "repeat"


class FolderCamera:
    """Gives every image in name order; a file that cannot be read becomes Unreadable.

    The part id is the file's path inside the folder. With `at_end = "wait"` a file that is written
    again, in place or under a name that was there before, is a new frame; its part id then ends
    in `#2`, `#3`, ...
    """

    def __init__(self, config: FolderTable, *, name: str, clock: Clock) -> None:
        self.live = config.rate_hz > 0
        self._config = config
        self._name = name
        self._clock = clock
        self._counter = ItemCounter(name, clock)
        self._rate = RateLimiter(config.rate_hz, clock)
        self._watch = FolderWatch(config.path, IMAGE_SUFFIXES, clock)
        self._waiting: deque[Path] = deque()
        self._listed = False
        self._broken: dict[Path, tuple[FileStamp, InputError, bytes]] = {}
        self._skipped: dict[str, int] = {}

    def open(self) -> None:
        """List the folder; raises DeviceError when it is absent, or empty and not waited for."""
        if self._config.at_end == "wait":
            self._look()
        elif not self._listed:
            self._list()

    def next(self, timeout_s: float) -> Frame | Unreadable | None:
        """The next image; EndOfSource after the last one where `at_end` is stop.

        Raises DeviceError when the folder itself is gone.
        """
        if self._config.at_end == "wait":
            return self._next_settled(timeout_s)
        if not self._waiting:
            if self._config.at_end == "stop":
                raise EndOfSource
            self._list()
        if not self._rate.wait(timeout_s):
            return None
        path = self._waiting.popleft()
        part_id = self._part_id(path)
        try:
            image = read_image(path, self._config.bit_depth)
            return Frame(image, *self._counter.stamp(), part_id)
        except InputError as error:
            return Unreadable(str(error), *self._counter.stamp(), part_id)

    def close(self) -> None:
        """Nothing is held."""

    def _next_settled(self, timeout_s: float) -> Frame | Unreadable | None:
        if not self._waiting and not self._look():
            self._clock.sleep_s(min(timeout_s, LOOK_S))
            return None
        if not self._rate.wait(timeout_s):
            return None
        while self._waiting:
            item = self._whole(self._waiting.popleft())
            if item is not None:
                return item
        return None

    def _whole(self, path: Path) -> Frame | Unreadable | None:
        """The file as an item; None while it may still be written, or where it was taken before."""
        digest = b""
        if path not in self._broken:
            try:
                content = read_picture(path)
                digest = digest_of(content)
                if self._watch.is_given(path, digest):
                    return None
                image = decode_image(content, str(path), self._config.bit_depth)
            except InputError as error:
                self._broken[path] = (self._watch.stamp(path), error, digest)
            else:
                return self._taken(path, image, digest) if self._watch.is_still(path) else None
        if self._may_become_whole(path):
            return None
        _, fault, digest = self._broken.pop(path)
        return self._taken(path, fault, digest)

    def _taken(self, path: Path, found: Image | InputError, digest: bytes) -> Frame | Unreadable:
        times = self._watch.give(path, digest)
        part_id = f"{self._part_id(path)}#{times}" if times > 1 else self._part_id(path)
        if isinstance(found, InputError):
            return Unreadable(str(found), *self._counter.stamp(), part_id)
        return Frame(found, *self._counter.stamp(), part_id)

    def _part_id(self, path: Path) -> str:
        return path.relative_to(self._config.path).as_posix()

    def _look(self) -> bool:
        """Look into the folder; whether files wait. A broken file is read again once it changed."""
        try:
            self._watch.look()
        except OSError as error:
            raise self._lost(error) from error
        self._name_skipped(self._watch.skipped)
        settled = self._watch.settled(self._config.settle_s)
        broken = self._broken.items()
        self._broken = {p: b for p, b in broken if p in settled and b[0] == self._watch.stamp(p)}
        self._waiting.extend(path for path in settled if not self._may_become_whole(path))
        return bool(self._waiting)

    def _may_become_whole(self, path: Path) -> bool:
        """Whether a broken file may still be written: an upload that pauses is quiet too."""
        patient = self._watch.quiet_s(path) < self._config.patience_s
        return patient and path in self._broken

    def _list(self) -> None:
        try:
            self._waiting.extend(files_below(self._config.path, IMAGE_SUFFIXES))
        except OSError as error:
            raise self._lost(error) from error
        if not self._waiting:
            raise DeviceError(
                "no images in the folder",
                where=str(self._config.path),
                cure=f"put images there ({' '.join(sorted(IMAGE_SUFFIXES))})",
            )
        self._listed = True

    def _lost(self, error: OSError) -> DeviceError:
        if not self._config.path.is_dir():
            return DeviceError(
                "no such folder",
                where=str(self._config.path),
                cure="correct `path` of the folder camera in station.toml, or bring it back",
            )
        return DeviceError(
            f"cannot be listed ({error.strerror})",
            where=str(error.filename or self._config.path),
            cure="check disk and rights",
        )

    def _name_skipped(self, skipped: dict[str, int]) -> None:
        """Log once for each suffix that files are left out."""
        for suffix, count in skipped.items():
            if suffix not in self._skipped:
                kind = suffix or "without suffix"
                LOG.warning("channel %s: %d files %s are not read", self._name, count, kind)
        self._skipped = self._skipped | skipped


DRIVER = SourceDriver(FolderTable, FolderCamera, replays=Path.is_dir)
