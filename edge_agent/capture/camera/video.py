"""A video file as a camera."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from pydantic import Field

from edge_agent.capture.counter import ItemCounter
from edge_agent.capture.rate_limiter import RateLimiter
from edge_agent.capture.source import EndOfSource, RateHz, SourceDriver, SourceTable
from edge_agent.contracts.core.clock import Clock
from edge_agent.contracts.core.errors import DeviceError
from edge_agent.contracts.core.extras import PYAV, Library, missing
from edge_agent.contracts.core.types import Frame, Unreadable
from edge_agent.settings.toml import StationPath

if TYPE_CHECKING:
    from edge_agent.capture.ffmpeg import DecodedFrame, FfmpegStream

LOG = logging.getLogger("lineside.capture")

SLACK = 1
"""Frames that a whole file may lack: where it names only its length, their number is rounded."""


class VideoTable(SourceTable):
    """A video file that FFmpeg can read."""

    driver: Literal["video"]
    path: StationPath = Field(description="the file")
    rate_hz: RateHz = Field(default=0, description="frames a second; 0: as fast as the line takes")

    @property
    def besides_the_look(self) -> frozenset[str]:
        """Another file may be of the same camera."""
        return frozenset({"path", "rate_hz"})

    @property
    def libraries(self) -> tuple[Library, ...]:
        """What it needs beyond the extra [device]."""
        return (PYAV,)


class VideoCamera:
    """Gives every frame of the file; the part id is the file's stem and the frame's number.

    A damaged frame becomes Unreadable, and so do frames that are missing: one item for each gap in
    the time stamps. A file that breaks off is read one frame ahead of the line, so that the frame
    at the break, which is often half a picture, becomes Unreadable with the number of those that
    are missing.
    """

    def __init__(self, config: VideoTable, *, name: str, clock: Clock) -> None:
        self.live = config.rate_hz > 0
        self._config = config
        self._name = name
        self._counter = ItemCounter(name, clock)
        self._rate = RateLimiter(config.rate_hz, clock)
        self._stream: FfmpegStream | None = None
        self._ahead: DecodedFrame | None = None
        self._read = 0
        self._gap = 0
        self._time_ns: int | None = None

    def open(self) -> None:
        """Open the file from its beginning; raises DeviceError when FFmpeg cannot read it."""
        self.close()
        where = str(self._config.path)
        if not self._config.path.is_file():
            raise DeviceError("no such video file", where=where, cure="correct `path`")
        try:
            from edge_agent.capture.ffmpeg import FfmpegStream
        except ImportError as error:
            raise missing(PYAV, where) from error
        stream = FfmpegStream(where)
        stream.open()
        self._stream = stream
        self._read = self._gap = 0
        self._time_ns = None
        self._ahead = self._look(stream)

    def next(self, timeout_s: float) -> Frame | Unreadable | None:
        """The next frame; EndOfSource after the last one."""
        stream = self._stream
        if stream is None:
            raise DeviceError("not open", where=str(self._config.path), cure="open it first")
        if not self._rate.wait(timeout_s):
            return None
        if self._gap:
            gap, self._gap = self._gap, 0
            return self._unreadable(f"{gap} frames are missing here")
        frame = self._ahead
        if frame is None:
            raise EndOfSource
        self._ahead = self._look(stream)
        missing = 0 if self._ahead is not None else max(0, stream.announced - self._read)
        if missing > SLACK:
            return self._broken_off(missing)
        if frame.image is None:
            return self._unreadable(frame.fault)
        stamp = self._counter.stamp()
        return Frame(frame.image, *stamp, self._part_id())

    def close(self) -> None:
        """Release the file."""
        self._ahead = None
        if self._stream is not None:
            self._stream.close()
            self._stream = None

    def _look(self, stream: FfmpegStream) -> DecodedFrame | None:
        """Read one frame, and count those that are missing before it."""
        try:
            frame = stream.next()
        except DeviceError as error:
            LOG.warning("channel %s: %s", self._name, error)
            return None
        if frame is None:
            return None
        if None not in (frame.time_ns, self._time_ns) and stream.rate_hz:
            steps = ((frame.time_ns or 0) - (self._time_ns or 0)) / 1e9 * stream.rate_hz
            self._gap = max(0, round(steps) - 1)
        self._time_ns = self._time_ns if frame.time_ns is None else frame.time_ns
        self._read += 1 + self._gap
        return frame

    def _part_id(self) -> str:
        return f"{self._config.path.stem}-{self._counter.seq - 1}"

    def _unreadable(self, fault: str) -> Unreadable:
        stamp = self._counter.stamp()
        return Unreadable(f"{self._config.path}: {fault}", *stamp, self._part_id())

    def _broken_off(self, missing: int) -> Unreadable:
        reason = (
            f"breaks off here: {missing} of the {self._read + missing} frames "
            "it announces are missing; copy it again from where it was recorded"
        )
        LOG.error("channel %s: %s %s", self._name, self._config.path, reason)
        return self._unreadable(reason)


DRIVER = SourceDriver(VideoTable, VideoCamera, replays=Path.is_file)
