"""A video file as a camera."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from edge_agent.capture.counter import ItemCounter
from edge_agent.capture.rate_limiter import RateLimiter
from edge_agent.capture.source import EndOfSource, RateHz, SourceDriver, SourceTable
from edge_agent.contracts.core.clock import Clock
from edge_agent.contracts.core.errors import DeviceError
from edge_agent.contracts.core.types import Frame, Unreadable
from edge_agent.settings.toml import StationPath

LOG = logging.getLogger("lineside.capture")

SLACK = 1
"""Frames that a whole file may lack: where it names only its length, their number is rounded."""


class VideoTable(SourceTable):
    """A video file that OpenCV can read."""

    driver: Literal["video"]
    path: StationPath = Field(description="the file")
    rate_hz: RateHz = Field(default=0, description="frames a second; 0: as fast as the line takes")


class VideoCamera:
    """Gives every frame of the file; the part id is the file's stem and the frame's number.

    A file that breaks off is read one frame ahead of the line, so that the frame at the break,
    which is often half a picture, becomes Unreadable with the number of those that are missing.
    """

    def __init__(self, config: VideoTable, *, name: str, clock: Clock) -> None:
        self.live = config.rate_hz > 0
        self._config = config
        self._name = name
        self._counter = ItemCounter(name, clock)
        self._rate = RateLimiter(config.rate_hz, clock)
        self._capture: cv2.VideoCapture | None = None
        self._ahead: NDArray[np.uint8] | None = None
        self._read = 0

    def open(self) -> None:
        """Open the file; raises DeviceError when OpenCV cannot read it."""
        self.close()
        where = str(self._config.path)
        if not self._config.path.is_file():
            raise DeviceError("no such video file", where=where, cure="correct `path`")
        capture = cv2.VideoCapture(where, cv2.CAP_FFMPEG)
        if not capture.isOpened():
            raise DeviceError(
                "not a video that OpenCV reads", where=where, cure="give an .mp4, .avi or .mkv"
            )
        self._capture = capture
        self._read = 0
        self._ahead = self._look(capture)

    def next(self, timeout_s: float) -> Frame | Unreadable | None:
        """The next frame; EndOfSource after the last one."""
        if self._capture is None:
            raise DeviceError("not open", where=str(self._config.path), cure="open it first")
        if not self._rate.wait(timeout_s):
            return None
        pixels = self._ahead
        if pixels is None:
            raise EndOfSource
        self._ahead = self._look(self._capture)
        missing = 0 if self._ahead is not None else self._missing(self._capture)
        part_id = f"{self._config.path.stem}-{self._counter.seq}"
        if missing > SLACK:
            return Unreadable(self._broken_off(missing), *self._counter.stamp(), part_id)
        image = np.asarray(cv2.cvtColor(pixels, cv2.COLOR_BGR2RGB), np.uint8)
        return Frame(image, *self._counter.stamp(), part_id)

    def close(self) -> None:
        """Release the file."""
        self._ahead = None
        if self._capture is not None:
            self._capture.release()
            self._capture = None

    def _look(self, capture: cv2.VideoCapture) -> NDArray[np.uint8] | None:
        there, pixels = capture.read()
        self._read += there
        return np.asarray(pixels, np.uint8) if there else None

    def _missing(self, capture: cv2.VideoCapture) -> int:
        """Frames that the file announces and does not hold; 0 where it announces none."""
        return round(max(0.0, capture.get(cv2.CAP_PROP_FRAME_COUNT) - self._read))

    def _broken_off(self, missing: int) -> str:
        said = (
            f"{self._config.path} breaks off here: {missing} of the {self._read + missing} frames "
            "it announces are missing; copy it again from where it was recorded"
        )
        LOG.error("channel %s: %s", self._name, said)
        return said


DRIVER = SourceDriver(VideoTable, VideoCamera, replays=Path.is_file)
