"""A V4L2 camera (USB, CSI): mode and settings are read back, and a mismatch is refused.

Frames have the driver's number and time: what the driver lost leaves a hole in `seq`, and a frame
is as old as its exposure, not as its reading.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Literal, Protocol

from pydantic import Field

from edge_agent.capture.source import FoundDevice, SourceDriver, SourceTable
from edge_agent.capture.video4linux.listing import find_cameras
from edge_agent.capture.video4linux.node import (
    BUFFERS,
    VideoFormat,
    VideoFrame,
    VideoMode,
    VideoNode,
)
from edge_agent.capture.video4linux.pixels import READABLE, to_rgb
from edge_agent.capture.video4linux.settings import ControlPort, SettingsLock
from edge_agent.contracts.core.clock import Clock
from edge_agent.contracts.core.errors import DeviceError, InputError
from edge_agent.contracts.core.types import Frame, Unreadable

STALL_S = 1.5
"""A camera that gives nothing for so long is lost."""
SETTLING = 3
"""Frames after a start that are left out: a new exposure takes so many to act."""
OLDEST_S = 2.0
"""A driver's stamp further back, or ahead of now, is none."""


class V4l2Table(SourceTable):
    """A USB or CSI camera under Linux (V4L2)."""

    driver: Literal["v4l2"]
    device: int | str = Field(
        default=0, description="number, or path such as /dev/video0 or /dev/v4l/by-id/..."
    )
    width_px: int = Field(ge=16, le=16384, description="width; another one is refused")
    height_px: int = Field(ge=16, le=16384, description="height; another one is refused")
    rate_hz: float = Field(
        default=0, ge=0, le=1000, description="frames a second; 0: the camera's own rate"
    )
    pixel_format: str = Field(
        default="", pattern=r"^([A-Z0-9]{4})?$", description="FOURCC such as MJPG; empty: its own"
    )
    exposure_us: float = Field(
        default=0, ge=0, le=60_000_000, description="exposure, locked; 0: the camera's own"
    )
    gain: float = Field(
        default=-1, ge=-1, le=1e6, description="gain in the camera's units, locked; -1: its own"
    )
    white_balance_k: float = Field(
        default=0, ge=0, le=20_000, description="colour temperature, locked; 0: the camera's own"
    )
    focus: float = Field(
        default=-1, ge=-1, le=1e6, description="focus in the camera's units, locked; -1: its own"
    )
    controls: dict[str, int] = Field(
        default_factory=dict,
        max_length=64,
        description="further controls by the names that `lineside-agent cameras` shows, locked",
    )
    check_every: int = Field(
        default=30, ge=1, le=100_000, description="frames between two read-backs of the settings"
    )

    @property
    def device_nodes(self) -> tuple[str, ...]:
        """The camera's node."""
        return (self.path,)

    @property
    def names_parts(self) -> bool:
        """A camera only counts its frames."""
        return False

    @property
    def path(self) -> str:
        """The path of the device."""
        return f"/dev/video{self.device}" if isinstance(self.device, int) else self.device

    @property
    def settings(self) -> Mapping[str, float]:
        """What is to be set and locked."""
        named = {
            "exposure_us": self.exposure_us or -1,
            "gain": self.gain,
            "white_balance_k": self.white_balance_k or -1,
            "focus": self.focus,
        }
        return {key: value for key, value in named.items() if value >= 0} | self.controls


class Port(ControlPort, Protocol):
    """The part of a VideoNode that a camera needs."""

    def open(self) -> None: ...

    def formats(self) -> list[VideoFormat]: ...

    def set_mode(self, wanted: VideoMode) -> VideoMode: ...

    def start(self) -> None: ...

    def read(self, timeout_s: float) -> VideoFrame | None: ...

    def close(self) -> None: ...


class V4l2Camera:
    """Frames of one camera in RGB; each frame is a part, numbered from 0."""

    live = True

    def __init__(
        self,
        config: V4l2Table,
        *,
        name: str,
        clock: Clock,
        open_port: Callable[[str], Port] = VideoNode,
    ) -> None:
        self._config = config
        self._name = name
        self._where = f"camera {name} ({config.path})"
        self._clock = clock
        self._open_port = open_port
        self._port: Port | None = None
        self._mode = VideoMode(0, 0, "")
        self._seq = 0
        self._sequence: int | None = None
        self._taken = 0
        self._heard_ns = 0

    def open(self) -> None:
        """Open, set, read back; raises DeviceError when absent or not as asked."""
        self.close()
        port = self._open_port(self._config.path)
        port.open()
        try:
            self._mode = self._set_mode(port)
            self._lock = SettingsLock(port, self._config.settings, self._where)
            self._lock.set()
            port.start()
        except DeviceError:
            port.close()
            raise
        self._port, self._sequence, self._taken = port, None, 0
        self._heard_ns = self._clock.mono_ns()

    def begin(self) -> None:
        """Forget the frames that the driver holds since open(); raises DeviceError."""
        port = self._port
        if port is None:
            raise DeviceError("not open", where=self._where, cure="open it first")
        for _ in range(BUFFERS):
            if port.read(0) is None:
                break
            self._taken += 1
        self._heard_ns = self._clock.mono_ns()

    def next(self, timeout_s: float) -> Frame | Unreadable | None:
        """The next frame; a damaged one, or one with a setting that moved, is Unreadable.

        Raises DeviceError when none came for STALL_S.
        """
        if self._port is None:
            raise DeviceError("not open", where=self._where, cure="open it first")
        frame = self._port.read(timeout_s)
        now = self._clock.mono_ns()
        if frame is None:
            if now - self._heard_ns >= STALL_S * 1e9:
                raise self._error(f"gave nothing for {STALL_S:g} s", "check cable and power")
            return None
        self._heard_ns = now
        self._taken += 1
        if self._taken <= SETTLING:
            return None
        return self._item(frame, now)

    def close(self) -> None:
        """Release the device."""
        port, self._port = self._port, None
        if port is not None:
            port.close()

    def _item(self, frame: VideoFrame, now: int) -> Frame | Unreadable:
        last, self._sequence = self._sequence, frame.sequence
        lost = max(0, frame.sequence - last - 1) if last is not None else 0
        seq = self._seq + lost
        self._seq = seq + 1
        age_ns = 0 if frame.mono_ns is None else now - frame.mono_ns
        age_ns = age_ns if 0 <= age_ns <= OLDEST_S * 1e9 else 0
        stamp = (self._clock.utc_ns() - age_ns, now - age_ns, seq, self._name, str(seq))
        if frame.damaged:
            return Unreadable("damaged frame (the driver says so)", *stamp)
        moved = self._lock.moved() if self._taken % self._config.check_every == 0 else ""
        if moved:
            return Unreadable(moved, *stamp)
        try:
            image = to_rgb(frame.payload, self._mode, self._config.path)
        except InputError as error:
            return Unreadable(str(error), *stamp)
        self._refuse_other_size(image.shape[1], image.shape[0])
        return Frame(image, *stamp, frame.device_ns or None)

    def _set_mode(self, port: Port) -> VideoMode:
        wanted = self._config
        pixel_format = wanted.pixel_format or self._own_format(port)
        asked = VideoMode(wanted.width_px, wanted.height_px, pixel_format, rate_hz=wanted.rate_hz)
        mode = port.set_mode(asked)
        self._refuse_other_size(mode.width_px, mode.height_px)
        if mode.pixel_format != pixel_format:
            self._refuse(f"pixel format {mode.pixel_format!r}", pixel_format, "pixel_format")
        if wanted.rate_hz and abs(mode.rate_hz / wanted.rate_hz - 1) > 0.01:
            self._refuse(f"{mode.rate_hz:g} frames a second", f"{wanted.rate_hz:g}", "rate_hz")
        if mode.pixel_format not in READABLE:
            self._refuse(f"pixel format {mode.pixel_format!r}", "one that is read", "pixel_format")
        return mode

    def _own_format(self, port: Port) -> str:
        """The first format of the camera that has this size and is read."""
        size = f"{self._config.width_px}x{self._config.height_px}"
        able = [one for one in port.formats() if one.pixel_format in READABLE]
        exact = [one for one in able if size in one.sizes]
        found = exact or able
        if not found:
            self._refuse("no pixel format that is read", "one", "pixel_format")
        return found[0].pixel_format

    def _refuse_other_size(self, width_px: int, height_px: int) -> None:
        wanted = (self._config.width_px, self._config.height_px)
        if (width_px, height_px) != wanted:
            asked = f"{wanted[0]}x{wanted[1]}"
            self._refuse(f"{width_px}x{height_px}", asked, "width_px/height_px")

    def _refuse(self, found: str, wanted: str, field: str) -> None:
        cure = f"set {field} to what the camera can do (`lineside-agent cameras`)"
        raise self._error(f"gave {found}, station.toml asks {wanted}", cure)

    def _error(self, what: str, cure: str) -> DeviceError:
        return DeviceError(what, where=self._where, cure=cure)


def _list() -> list[FoundDevice]:
    return find_cameras(Path("/sys/class/video4linux"))


DRIVER = SourceDriver(V4l2Table, V4l2Camera, finds=_list)
