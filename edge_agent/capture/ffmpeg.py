"""Frames of a video file or network stream, decoded by FFmpeg (PyAV).

Whatever the decoder warns of is a fault of the frame: a decoder fills a gap with grey or with the
frame before, and a part would be judged by what is not there. Frames that build on a damaged one
are damaged too, up to the next key frame.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TypeAlias

import av
import av.logging
import numpy as np
from av.container import InputContainer
from av.video.stream import VideoStream

from edge_agent.contracts.core.errors import DeviceError, InputError
from edge_agent.contracts.core.types import Image
from edge_agent.contracts.image.decode import decode_image

Packet: TypeAlias = "av.Packet[VideoStream]"

STRICT = {"err_detect": "explode", "ec": "0"}
"""Options of the decoder (ffmpeg-codecs(1)): errors are raised, nothing is concealed."""
SINGLE_PICTURES = ("mjpeg", "png")
"""Codecs whose packets are picture files; contracts.image decodes them, and knows their damage."""


@dataclass(frozen=True)
class DecodedFrame:
    """One frame of a stream: its picture, or why there is none; time_ns: its time stamp."""

    image: Image | None
    fault: str = ""
    time_ns: int | None = None


class FfmpegStream:
    """The first video stream of a file or URL.

    options: of the demuxer; open_s, read_s: longest waits (None: without a limit);
    where: what messages call it (an address may hold a password); empty: the address.
    """

    def __init__(
        self,
        url: str,
        *,
        options: Mapping[str, str] | None = None,
        open_s: float | None = None,
        read_s: float | None = None,
        where: str = "",
    ) -> None:
        self._url = url
        self._where = where or url
        self._options = dict(options or {})
        self._timeouts = None if open_s is None or read_s is None else (open_s, read_s)
        self._container: InputContainer | None = None
        self._packets: Iterator[Packet] = iter(())
        self._waiting: deque[DecodedFrame] = deque()
        self._stream: VideoStream | None = None
        self._damaged = False
        self._failed: set[int | None] = set()

    @property
    def announced(self) -> int:
        """Frames that the file announces, by number or by its length; 0 where it does not."""
        stream, container = self._stream, self._container
        if stream is None or container is None:
            return 0
        seconds = (container.duration or 0) / 1e6
        return stream.frames or round(seconds * self.rate_hz)

    @property
    def rate_hz(self) -> float:
        """Frames a second on average; 0 where the file does not tell."""
        return 0.0 if self._stream is None else float(self._stream.average_rate or 0)

    @property
    def size_px(self) -> tuple[int, int]:
        """Width and height."""
        stream = self._stream
        return (0, 0) if stream is None else (stream.width, stream.height)

    def open(self) -> None:
        """Open and find the video stream; raises DeviceError."""
        self.close()
        # FFmpeg's own lines on stderr repeat what becomes a fault of the frame.
        av.logging.set_level(None)
        try:
            self._container = av.open(self._url, options=self._options, timeout=self._timeouts)
            self._stream = self._container.streams.video[0]
        except (av.FFmpegError, IndexError, OSError, ValueError) as error:
            self.close()
            raise DeviceError(
                f"no video that FFmpeg reads ({_words(error)})",
                where=self._where,
                cure="check the address, or give an .mp4, .avi or .mkv",
            ) from error
        self._stream.codec_context.options = dict(STRICT)
        self._packets = self._container.demux(self._stream)
        self._waiting.clear()
        self._failed.clear()
        self._damaged = False

    def next(self) -> DecodedFrame | None:
        """The next frame; None at the end. Raises DeviceError when nothing comes in time."""
        while not self._waiting:
            try:
                packet = next(self._packets, None)
            except av.EOFError:
                packet = None
            except (av.FFmpegError, OSError) as error:
                raise DeviceError(
                    f"gives no more frames ({_words(error)})",
                    where=self._where,
                    cure="check the camera, its network and its power",
                ) from error
            if packet is None:
                return None
            self._waiting.extend(self._decode(packet))
        return self._waiting.popleft()

    def close(self) -> None:
        """Release the file or connection."""
        self._packets = iter(())
        self._stream = None
        if self._container is not None:
            self._container.close()
            self._container = None

    def _decode(self, packet: Packet) -> Iterator[DecodedFrame]:
        stream = self._stream
        if stream is not None and stream.codec_context.name in SINGLE_PICTURES:
            if packet.size:
                yield self._picture(packet)
            return
        try:
            frames = packet.decode()
        except av.FFmpegError as error:
            self._damaged = True
            self._failed.add(packet.pts)
            yield DecodedFrame(None, f"damaged frame ({_words(error)})", _time_ns(packet))
            return
        for frame in frames:
            if frame.pts in self._failed:
                continue  # what is left of a packet that failed comes late, as if it were whole
            self._damaged = frame.is_corrupt or (self._damaged and not frame.key_frame)
            if self._damaged:
                fault = "damaged frame, or one that builds on a damaged frame"
                yield DecodedFrame(None, fault, _time_ns(frame))
            else:
                pixels = np.asarray(frame.to_ndarray(format="rgb24"), np.uint8)
                yield DecodedFrame(pixels, "", _time_ns(frame))

    def _picture(self, packet: Packet) -> DecodedFrame:
        if packet.is_corrupt:
            return DecodedFrame(None, "damaged frame (bytes are missing)", _time_ns(packet))
        try:
            return DecodedFrame(decode_image(bytes(packet), "frame"), "", _time_ns(packet))
        except InputError as error:
            return DecodedFrame(None, error.what, _time_ns(packet))


def _time_ns(stamped: av.VideoFrame | Packet) -> int | None:
    pts, base = stamped.pts, stamped.time_base
    return None if pts is None or base is None else round(float(pts * base) * 1e9)


def _words(error: Exception) -> str:
    return str(getattr(error, "strerror", None) or error)
