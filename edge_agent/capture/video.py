"""A video file as a camera."""

from __future__ import annotations

import cv2
import numpy as np

from edge_agent.capture.pace import Pace
from edge_agent.capture.source import EndOfSource
from edge_agent.contracts.clock import Clock
from edge_agent.contracts.errors import DeviceError
from edge_agent.contracts.types import Frame
from edge_agent.sources import VideoSource


class VideoCamera:
    """Gives every frame of the file; the part id is the file's stem and the frame's number."""

    def __init__(self, config: VideoSource, *, name: str, clock: Clock) -> None:
        self.live = config.rate_hz > 0
        self._config = config
        self._name = name
        self._clock = clock
        self._pace = Pace(config.rate_hz, clock)
        self._capture: cv2.VideoCapture | None = None
        self._seq = 0

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

    def next(self, timeout_s: float) -> Frame | None:
        """The next frame; EndOfSource after the last one."""
        if self._capture is None:
            raise DeviceError("not open", where=str(self._config.path), cure="open it first")
        if not self._pace.wait(timeout_s):
            return None
        there, pixels = self._capture.read()
        if not there:
            raise EndOfSource
        image = np.asarray(cv2.cvtColor(pixels, cv2.COLOR_BGR2RGB), np.uint8)
        seq, self._seq = self._seq, self._seq + 1
        part_id = f"{self._config.path.stem}-{seq}"
        return Frame(image, self._clock.utc_ns(), self._clock.mono_ns(), seq, self._name, part_id)

    def close(self) -> None:
        """Release the file."""
        if self._capture is not None:
            self._capture.release()
            self._capture = None
