"""A camera node /dev/videoN: its formats and controls, and its frames as the kernel gives them."""

from __future__ import annotations

import ctypes
import errno
import fcntl
import mmap
import os
import re
import select
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

from edge_agent.capture.video4linux import abi
from edge_agent.contracts.core.errors import DeviceError

Listed = TypeVar("Listed", bound=ctypes.Structure)
Asked = TypeVar("Asked", bound=ctypes.Structure | ctypes.c_int)

BUFFERS = 4
"""Frames that the driver may fill while one is looked at."""
MOST = 256
"""Formats, sizes, rates or controls that are asked for; a driver that has more is broken."""


@dataclass(frozen=True)
class VideoMode:
    """What the driver is set to. rate_hz: 0 where the driver has none."""

    width_px: int
    height_px: int
    pixel_format: str
    bytes_per_line: int = 0
    rate_hz: float = 0.0


@dataclass(frozen=True)
class VideoFormat:
    """One pixel format; sizes: "640x480" with its rates in Hz, in the driver's order."""

    pixel_format: str
    description: str
    sizes: Mapping[str, tuple[float, ...]]


@dataclass(frozen=True)
class VideoControl:
    """One control. readable: whether its value can be read back; active: False while an automatic
    owns it.
    """

    name: str
    id: int
    low: int
    high: int
    step: int
    value: int | None
    writable: bool = True
    active: bool = True

    @property
    def readable(self) -> bool:
        """Whether its value can be read back."""
        return self.value is not None


@dataclass(frozen=True)
class VideoFrame:
    """Bytes of one frame. sequence: the driver's number; mono_ns: its stamp, None where the stamp
    is on another clock; damaged: the driver says that bytes are wrong.
    """

    payload: bytes
    sequence: int
    mono_ns: int | None
    device_ns: int
    damaged: bool = False


class VideoNode:
    """One open node. Used by one thread at a time; closing twice is fine."""

    def __init__(self, path: str) -> None:
        self.path = path
        self._handle = -1
        self._maps: list[mmap.mmap] = []
        self._streams = False

    def open(self) -> None:
        """Open the node; raises DeviceError where it is no camera, or not there."""
        if not Path(self.path).exists():
            found = ", ".join(sorted(str(one) for one in Path("/dev").glob("video*")))
            raise self._error(
                f"no such camera; found {found or 'no /dev/video* at all'}",
                "plug the camera in, or correct `device` in station.toml",
            )
        try:
            self._handle = os.open(self.path, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError as error:
            raise self._error(
                f"cannot be opened ({error.strerror})", _opening_cure(error)
            ) from error
        capability = self._ask(abi.QUERYCAP, abi.Capability(), "is no camera")
        able = capability.capabilities
        if able & abi.HAS_DEVICE_CAPS:
            able = capability.device_caps
        if not able & abi.CAN_CAPTURE or not able & abi.CAN_STREAM:
            planes = bool(able & abi.CAN_CAPTURE_PLANES)
            self.close()
            what = "gives frames in planes only" if planes else "is a node that gives no frames"
            raise self._error(what, 'take another node, or driver = "gstreamer"')

    def close(self) -> None:
        """End the stream and release the node."""
        self.stop()
        handle, self._handle = self._handle, -1
        if handle >= 0:
            os.close(handle)

    def formats(self) -> list[VideoFormat]:
        """Every pixel format with its sizes and rates."""
        return [
            VideoFormat(
                abi.fourcc(found.pixelformat),
                bytes(found.description).decode("utf-8", "replace"),
                dict(self._sizes(found.pixelformat)),
            )
            for found in self._listed(abi.ENUM_FMT, abi.FormatDescription, type=abi.CAPTURE)
        ]

    def set_mode(self, wanted: VideoMode) -> VideoMode:
        """Ask for a mode and give the one that the driver took; raises DeviceError."""
        form = abi.Format(type=abi.CAPTURE)
        pix = form.fmt.pix
        pix.width, pix.height, pix.field = wanted.width_px, wanted.height_px, 1
        pix.pixelformat = abi.fourcc_code(wanted.pixel_format)
        self._ask(abi.S_FMT, form, "refuses every format")
        pix = form.fmt.pix
        taken = VideoMode(
            pix.width, pix.height, abi.fourcc(pix.pixelformat), pix.bytesperline, wanted.rate_hz
        )
        return replace(taken, rate_hz=self._set_rate(wanted.rate_hz))

    def controls(self) -> dict[str, VideoControl]:
        """Every control that has a number, by its name in lower case with underscores."""
        found: dict[str, VideoControl] = {}
        query = abi.ControlDescription(id=abi.CONTROL_NEXT)
        for _ in range(MOST):
            if self._try(abi.QUERYCTRL, query):
                break
            if query.type in (abi.INTEGER, abi.BOOLEAN, abi.MENU, abi.INTEGER_MENU):
                control = self._control(query)
                found[control.name] = control
            query = abi.ControlDescription(id=query.id | abi.CONTROL_NEXT)
        return found

    def read_control(self, number: int) -> int | None:
        """The value that a control has now; None where the camera cannot say."""
        value = abi.ControlValue(id=number)
        failed = self._try(abi.G_CTRL, value)
        if failed in (errno.ENODEV, errno.EIO):
            raise self._error("is gone", "check cable and power")
        return None if failed else int(value.value)

    def write_control(self, number: int, value: int) -> bool:
        """Set a control; False where the camera refuses it."""
        return not self._try(abi.S_CTRL, abi.ControlValue(id=number, value=value))

    def start(self) -> None:
        """Begin the stream; raises DeviceError."""
        request = abi.BufferRequest(count=BUFFERS, type=abi.CAPTURE, memory=abi.MMAP)
        self._ask(abi.REQBUFS, request, "is used by another program")
        for index in range(request.count):
            buffer = abi.Buffer(index=index, type=abi.CAPTURE, memory=abi.MMAP)
            self._ask(abi.QUERYBUF, buffer, "gives no buffer")
            self._maps.append(mmap.mmap(self._handle, buffer.length, offset=buffer.offset))
            self._ask(abi.QBUF, buffer, "takes no buffer")
        self._ask(abi.STREAMON, ctypes.c_int(abi.CAPTURE), "cannot be started")
        self._streams = True

    def read(self, timeout_s: float) -> VideoFrame | None:
        """The next frame, or None when none came in time; raises DeviceError when it is gone."""
        ready, _, _ = select.select([self._handle], [], [], timeout_s)
        if not ready:
            return None
        buffer = abi.Buffer(type=abi.CAPTURE, memory=abi.MMAP)
        failed = self._try(abi.DQBUF, buffer)
        if failed == errno.EAGAIN:
            return None
        if failed:
            raise self._error(f"gives no more frames ({os.strerror(failed)})", "check the cable")
        payload = self._maps[buffer.index][: buffer.bytesused]
        frame = _frame(buffer, payload)
        self._ask(abi.QBUF, buffer, "takes no buffer")
        return frame

    def stop(self) -> None:
        """End the stream and give the buffers back."""
        if self._streams:
            self._try(abi.STREAMOFF, ctypes.c_int(abi.CAPTURE))
            self._streams = False
        maps, self._maps = self._maps, []
        for one in maps:
            one.close()
        if maps:
            self._try(abi.REQBUFS, abi.BufferRequest(count=0, type=abi.CAPTURE, memory=abi.MMAP))

    def _set_rate(self, rate_hz: float) -> float:
        """Ask for a rate, 0 for the driver's own; give the one that it has."""
        parameters = abi.StreamParameters(type=abi.CAPTURE)
        if rate_hz:
            parameters.timeperframe = abi.Fraction(1000, round(1000 * rate_hz))
            self._try(abi.S_PARM, parameters)
        if self._try(abi.G_PARM, parameters):
            return 0.0
        return _hz(parameters.timeperframe)

    def _sizes(self, code: int) -> Iterator[tuple[str, tuple[float, ...]]]:
        for found in self._listed(abi.ENUM_FRAMESIZES, abi.FrameSize, pixel_format=code):
            sizes = list(found.sizes)
            if found.type != abi.FRAME_SIZE_DISCRETE:
                yield f"{sizes[0]}x{sizes[3]} to {sizes[1]}x{sizes[4]}", ()
                return
            keys = {"pixel_format": code, "width": sizes[0], "height": sizes[1]}
            steps = self._listed(abi.ENUM_FRAMEINTERVALS, abi.FrameInterval, **keys)
            yield f"{sizes[0]}x{sizes[1]}", tuple(_hz(step.intervals[0]) for step in steps)

    def _listed(self, request: int, kind: type[Listed], **keys: int) -> Iterator[Listed]:
        for index in range(MOST):
            found = kind(index=index, **keys)
            if self._try(request, found):
                return
            yield found

    def _control(self, found: abi.ControlDescription) -> VideoControl:
        name = re.sub(r"[^a-z0-9]+", "_", bytes(found.name).decode("latin-1").lower()).strip("_")
        hidden = found.flags & (abi.CONTROL_WRITE_ONLY | abi.CONTROL_DISABLED)
        return VideoControl(
            name,
            found.id,
            found.minimum,
            found.maximum,
            found.step,
            None if hidden else self.read_control(found.id),
            not found.flags & (abi.CONTROL_READ_ONLY | abi.CONTROL_DISABLED),
            not found.flags & abi.CONTROL_INACTIVE,
        )

    def _try(self, request: int, argument: ctypes.Structure | ctypes.c_int) -> int:
        """0, or the number of the error."""
        try:
            fcntl.ioctl(self._handle, request, argument, True)
        except OSError as error:
            return error.errno or errno.EIO
        return 0

    def _ask(self, request: int, argument: Asked, refusal: str) -> Asked:
        failed = self._try(request, argument)
        if failed:
            self.close()
            raise self._error(f"{refusal} ({os.strerror(failed)})", "`lineside-agent cameras`")
        return argument

    def _error(self, what: str, cure: str) -> DeviceError:
        return DeviceError(what, where=self.path, cure=cure)


def _frame(buffer: abi.Buffer, payload: bytes) -> VideoFrame:
    device_ns = buffer.timestamp.tv_sec * 10**9 + buffer.timestamp.tv_usec * 1000
    monotonic = buffer.flags & abi.TIMESTAMP_MASK == abi.TIMESTAMP_MONOTONIC
    damaged = bool(buffer.flags & abi.BUFFER_ERROR)
    return VideoFrame(
        payload, buffer.sequence, device_ns if monotonic else None, device_ns, damaged
    )


def _hz(step: abi.Fraction) -> float:
    return float(round(step.denominator / step.numerator, 3)) if step.numerator else 0.0


def _opening_cure(error: OSError) -> str:
    if error.errno == errno.EACCES:
        return "add the station's user to the group video"
    if error.errno == errno.EBUSY:
        return "end the other program that uses it"
    return "plug the camera in, or correct `device` in station.toml"
