"""A V4L2 camera (USB, CSI) through OpenCV; what was set is read back, and a mismatch refused.

A camera that sends JPEG is read as it sends, and its pictures are decoded here: OpenCV's own
decoder fills what a USB cable lost with grey and says nothing.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Literal, Protocol

import cv2
import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from edge_agent.capture.source import SourceDriver, SourceTable
from edge_agent.contracts.core.clock import Clock
from edge_agent.contracts.core.errors import DeviceError, InputError
from edge_agent.contracts.core.types import Frame, Image, Unreadable
from edge_agent.contracts.image.decode import decode_image


class V4l2Table(SourceTable):
    """A USB or CSI camera under Linux (V4L2 through OpenCV)."""

    driver: Literal["v4l2"]
    device: int | str = Field(default=0, description="number, or path such as /dev/video0")
    width_px: int = Field(ge=16, le=16384, description="width; another one is refused")
    height_px: int = Field(ge=16, le=16384, description="height; another one is refused")
    rate_hz: float = Field(
        default=0, ge=0, le=1000, description="frames a second; 0: the camera's own rate"
    )
    pixel_format: str = Field(
        default="", pattern=r"^([A-Z0-9]{4})?$", description="FOURCC such as MJPG; empty: its own"
    )

    @property
    def names_parts(self) -> bool:
        """A camera only counts its frames."""
        return False


JPEG = ("MJPG", "JPEG")
"""Pixel formats whose frames are JPEG pictures."""
STALL_S = 2
"""A camera that gives nothing for so long is lost."""


class Port(Protocol):
    """The part of cv2.VideoCapture that a camera needs."""

    def isOpened(self) -> bool: ...  # noqa: N802

    def set(self, prop: int, value: float) -> bool: ...

    def get(self, prop: int) -> float: ...

    def read(self) -> tuple[bool, NDArray[np.uint8] | None]: ...

    def release(self) -> None: ...


class V4l2Camera:
    """Frames of one camera in RGB; each frame is a part, numbered from 0."""

    live = True

    def __init__(
        self,
        config: V4l2Table,
        *,
        name: str,
        clock: Clock,
        open_port: Callable[[str], Port] | None = None,
    ) -> None:
        self._config = config
        self._name = name
        self._clock = clock
        self._open_port = open_port or open_device
        self._port: Port | None = None
        self._is_jpeg = False
        self._seq = 0

    @property
    def device(self) -> str:
        """The path of the device."""
        device = self._config.device
        return f"/dev/video{device}" if isinstance(device, int) else device

    def open(self) -> None:
        """Open, set, read back; raises DeviceError when absent or not as asked."""
        self.close()
        port = self._open_port(self.device)
        try:
            self._set(port)
            self._read_back(port)
        except DeviceError:
            port.release()
            raise
        self._port = port

    def next(self, timeout_s: float) -> Frame | Unreadable | None:
        """The next frame; OpenCV itself gives up after STALL_S. A damaged one is Unreadable."""
        if self._port is None:
            raise DeviceError("not open", where=self.device, cure="open it first")
        there, pixels = self._port.read()
        at_ns, mono_ns = self._clock.utc_ns(), self._clock.mono_ns()
        if not there or pixels is None:
            raise DeviceError(
                "gives no more frames", where=self.device, cure="check cable and power"
            )
        device_ns = round(self._port.get(cv2.CAP_PROP_POS_MSEC) * 1e6) or None
        seq, self._seq = self._seq, self._seq + 1
        stamp = (at_ns, mono_ns, seq, self._name, str(seq))
        try:
            image = self._image(pixels)
        except InputError as error:
            return Unreadable(str(error), *stamp)
        self._refuse_other_size(image.shape[1], image.shape[0])
        return Frame(image, *stamp, device_ns)

    def close(self) -> None:
        """Release the device."""
        if self._port is not None:
            self._port.release()
            self._port = None

    def _image(self, pixels: NDArray[np.uint8]) -> Image:
        if self._is_jpeg:
            return decode_image(pixels.tobytes(), self.device)
        return np.asarray(cv2.cvtColor(pixels, cv2.COLOR_BGR2RGB), np.uint8)

    def _set(self, port: Port) -> None:
        wanted = self._config
        if wanted.pixel_format:
            port.set(cv2.CAP_PROP_FOURCC, cv2.VideoWriter.fourcc(*wanted.pixel_format))
        port.set(cv2.CAP_PROP_FRAME_WIDTH, wanted.width_px)
        port.set(cv2.CAP_PROP_FRAME_HEIGHT, wanted.height_px)
        if wanted.rate_hz:
            port.set(cv2.CAP_PROP_FPS, wanted.rate_hz)

    def _read_back(self, port: Port) -> None:
        self._refuse_other_size(
            round(port.get(cv2.CAP_PROP_FRAME_WIDTH)), round(port.get(cv2.CAP_PROP_FRAME_HEIGHT))
        )
        rate_hz = port.get(cv2.CAP_PROP_FPS)
        if self._config.rate_hz and abs(rate_hz / self._config.rate_hz - 1) > 0.01:
            self._refuse(f"{rate_hz:g} frames a second", f"{self._config.rate_hz:g}", "rate_hz")
        code = round(port.get(cv2.CAP_PROP_FOURCC))
        found = bytes((code >> shift) & 0xFF for shift in (0, 8, 16, 24)).decode("latin-1")
        if self._config.pixel_format and found != self._config.pixel_format:
            self._refuse(f"pixel format {found!r}", self._config.pixel_format, "pixel_format")
        self._is_jpeg = found in JPEG and port.set(cv2.CAP_PROP_CONVERT_RGB, 0)

    def _refuse_other_size(self, width_px: int, height_px: int) -> None:
        wanted = (self._config.width_px, self._config.height_px)
        if (width_px, height_px) != wanted:
            self._refuse(
                f"{width_px}x{height_px}", f"{wanted[0]}x{wanted[1]}", "width_px/height_px"
            )

    def _refuse(self, found: str, wanted: str, field: str) -> None:
        raise DeviceError(
            f"gave {found}, station.toml asks {wanted}",
            where=f"camera {self._name} ({self.device})",
            cure=f"set {field} to what the camera can do (`v4l2-ctl --list-formats-ext`)",
        )


def open_device(device: str) -> Port:
    """Open a V4L2 device; raises DeviceError that names the devices there are."""
    os.environ.setdefault("OPENCV_VIDEOIO_V4L_SELECT_TIMEOUT", str(STALL_S))
    port = cv2.VideoCapture(device, cv2.CAP_V4L2) if Path(device).exists() else None
    if port is None or not port.isOpened():
        found = ", ".join(sorted(str(path) for path in Path("/dev").glob("video*")))
        fault = "no such camera" if port is None else "is not a camera that can be opened"
        raise DeviceError(
            f"{fault}; found {found or 'no /dev/video* at all'}",
            where=device,
            cure="plug the camera in, or correct `device` in station.toml",
        )
    return port  # type: ignore[return-value]


DRIVER = SourceDriver(V4l2Table, V4l2Camera)
