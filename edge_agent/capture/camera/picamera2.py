"""A Raspberry Pi camera (CSI) through picamera2; settings are locked and every frame says its own.

The colour order of picamera2's format names is that of the bytes in a word: "BGR888" is an array
in R, G, B order. Source: "The Picamera2 Library", Raspberry Pi Ltd, appendix A.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any, Literal

import numpy as np
from pydantic import Field

from edge_agent.capture.live_reader import LiveFrame, LiveReader
from edge_agent.capture.source import FoundDevice, SourceDriver, SourceTable
from edge_agent.contracts.core.clock import Clock
from edge_agent.contracts.core.errors import DeviceError
from edge_agent.contracts.core.extras import PICAMERA2, Library, missing
from edge_agent.contracts.core.types import Frame, Image, Unreadable

STALL_S = 1.5
"""A camera that gives nothing for so long is lost."""
NEAR = 0.05
"""A sensor rounds exposure and gain to its lines and steps."""
SETTLING = 8
"""Frames after a start that are left out: the pipeline takes so many to obey a setting."""
LATE = 1.5
"""A frame that comes so many periods after the last one came after lost ones."""


class Picamera2Table(SourceTable):
    """A Raspberry Pi camera on the CSI connector."""

    driver: Literal["picamera2"]
    device: int = Field(default=0, ge=0, le=7, description="number of the camera")
    width_px: int = Field(ge=16, le=16384, description="width; another one is refused")
    height_px: int = Field(ge=16, le=16384, description="height; another one is refused")
    rate_hz: float = Field(default=30, gt=0, le=1000, description="frames a second")
    exposure_us: float = Field(
        default=0, ge=0, le=60_000_000, description="exposure, locked; 0: automatic"
    )
    gain: float = Field(
        default=0, ge=0, le=64, description="analogue gain as a factor, locked; 0: automatic"
    )
    red_gain: float = Field(
        default=0, ge=0, le=32, description="white balance: gain of red, locked; 0: automatic"
    )
    blue_gain: float = Field(
        default=0, ge=0, le=32, description="white balance: gain of blue, locked; 0: automatic"
    )
    focus_dioptres: float = Field(
        default=-1, ge=-1, le=32, description="lens position, locked; -1: the camera's own"
    )

    @property
    def libraries(self) -> tuple[Library, ...]:
        """What it needs beyond the extra [device]."""
        return (PICAMERA2,)

    @property
    def names_parts(self) -> bool:
        """A camera only counts its frames."""
        return False


class Picamera2Camera:
    """Frames of one camera in RGB; each frame is a part."""

    live = True

    def __init__(self, config: Picamera2Table, *, name: str, clock: Clock) -> None:
        self._config = config
        self._where = f"camera {name} (CSI {config.device})"
        self._camera: Any = None
        self._device_ns: int | None = None
        self._taken = 0
        self._reader = LiveReader(self._read, name, clock)

    def open(self) -> None:
        """Set and start; raises DeviceError when absent or not as asked."""
        self.close()
        library = _library(self._where)
        try:
            self._camera = library.Picamera2(self._config.device)
            self._set()
        except DeviceError:
            self.close()
            raise
        except (RuntimeError, IndexError, KeyError, ValueError) as error:
            self.close()
            raise self._error(f"cannot be used ({error})") from error
        self._device_ns, self._taken = None, 0
        self._reader.start()

    def begin(self) -> None:
        """Forget the frames that came since open(); raises DeviceError when it is lost."""
        self._reader.begin()

    def next(self, timeout_s: float) -> Frame | Unreadable | None:
        """The next frame; raises DeviceError when none came for STALL_S."""
        if self._camera is None:
            raise DeviceError("not open", where=self._where, cure="open it first")
        return self._reader.next(timeout_s)

    def close(self) -> None:
        """Stop the camera and let it go."""
        self._reader.stop()
        camera, self._camera = self._camera, None
        if camera is not None:
            camera.stop()
            camera.close()

    def _set(self) -> None:
        config, camera = self._config, self._camera
        size = (config.width_px, config.height_px)
        wanted = controls_of(config)
        missing = sorted(set(wanted) - set(camera.camera_controls) - {"FrameDurationLimits"})
        if missing:
            raise self._error(f"has no {', '.join(missing)}")
        mode = camera.create_video_configuration(
            main={"size": size, "format": "BGR888"}, controls=wanted, buffer_count=4
        )
        camera.configure(mode)
        found = camera.camera_configuration()["main"]
        if tuple(found["size"]) != size or found["format"] != "BGR888":
            asked = f"{size[0]}x{size[1]} BGR888"
            raise self._error(f"gave {found['size']} {found['format']}, station.toml asks {asked}")
        camera.start()

    def _read(self) -> LiveFrame:
        for _ in range(SETTLING - self._taken):
            self._take()
        image, metadata = self._take()
        stamp = int(metadata.get("SensorTimestamp", 0)) or None
        last, self._device_ns = self._device_ns, stamp
        lost = lost_frames(last, stamp, self._config.rate_hz)
        moved = moved_settings(self._config, metadata)
        return LiveFrame(None if moved else image, moved, stamp, lost)

    def _take(self) -> tuple[Image, dict[str, Any]]:
        """The next frame and what the sensor says of it."""
        try:
            request = self._camera.capture_request(wait=STALL_S)
        except TimeoutError as error:
            raise self._error(f"gave nothing for {STALL_S:g} s") from error
        self._taken += 1
        try:
            pixels = np.ascontiguousarray(request.make_array("main"), np.uint8)
            return pixels, request.get_metadata()
        finally:
            request.release()

    def _error(self, what: str) -> DeviceError:
        cure = "look at it with `rpicam-hello --list-cameras` and `lineside-agent cameras`"
        return DeviceError(what, where=self._where, cure=cure)


def controls_of(config: Picamera2Table) -> dict[str, object]:
    """The libcamera controls that lock what the table asks for."""
    period_us = round(1e6 / config.rate_hz)
    found: dict[str, object] = {"FrameDurationLimits": (period_us, period_us)}
    if config.exposure_us or config.gain:
        found["AeEnable"] = False
    if config.exposure_us:
        found["ExposureTime"] = round(config.exposure_us)
    if config.gain:
        found["AnalogueGain"] = config.gain
    if config.red_gain and config.blue_gain:
        found |= {"AwbEnable": False, "ColourGains": (config.red_gain, config.blue_gain)}
    if config.focus_dioptres >= 0:
        found |= {"AfMode": 0, "LensPosition": config.focus_dioptres}
    return found


def moved_settings(config: Picamera2Table, metadata: dict[str, Any]) -> str:
    """Which locked setting a frame was not taken with, in a sentence; empty: none."""
    wanted = {"ExposureTime": config.exposure_us, "AnalogueGain": config.gain}
    moved = [
        f"{key} was {metadata.get(key)}, it is locked to {value:g}"
        for key, value in wanted.items()
        if value and abs(float(metadata.get(key, 0)) / value - 1) > NEAR
    ]
    return "camera setting moved: " + "; ".join(moved) if moved else ""


def lost_frames(last_ns: int | None, stamp_ns: int | None, rate_hz: float) -> int:
    """How many frames lie between two stamps of the sensor."""
    if last_ns is None or stamp_ns is None:
        return 0
    periods = (stamp_ns - last_ns) * rate_hz / 1e9
    return round(periods) - 1 if periods > LATE else 0


def find_cameras() -> list[FoundDevice]:
    """Every camera that libcamera knows, or why it cannot be asked."""
    try:
        library = _library("Raspberry Pi CSI")
    except DeviceError as error:
        return [FoundDevice("picamera2", "Raspberry Pi CSI", fault=f"{error.what}: {error.cure}")]
    size = {"width_px": 1280, "height_px": 960}
    return [
        FoundDevice(
            "picamera2",
            str(one.get("Model", "camera")),
            f"CSI {one.get('Num', at)}",
            tuple(f"{key}: {value}" for key, value in one.items()),
            {"driver": "picamera2", "device": int(one.get("Num", at)), **size},
        )
        for at, one in enumerate(library.Picamera2.global_camera_info())
    ]


def _library(where: str) -> Any:
    try:
        return import_module("picamera2")
    except ImportError as error:
        raise missing(PICAMERA2, where) from error


DRIVER = SourceDriver(Picamera2Table, Picamera2Camera, finds=find_cameras)
