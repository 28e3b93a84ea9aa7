"""A GigE Vision or USB3 Vision camera through Aravis; what was set is read back."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from typing import Any, Literal

import numpy as np
from pydantic import Field

from edge_agent.capture.gobject import glib_error, import_namespace
from edge_agent.capture.live_reader import LiveFrame, LiveReader
from edge_agent.capture.source import FoundDevice, SourceDriver, SourceTable
from edge_agent.contracts.core.clock import Clock
from edge_agent.contracts.core.errors import DeviceError
from edge_agent.contracts.core.extras import GOBJECT, Library
from edge_agent.contracts.core.types import Frame, Unreadable

BUFFERS = 8
SOCKET_BYTES = 4 << 20
"""The kernel holds so many bytes of a network camera while this process does not run."""
CHANNELS = {"Mono8": 1, "RGB8": 3, "BGR8": 3}
"""Pixel formats (PFNC) that are read, and their bytes a pixel."""


class AravisTable(SourceTable):
    """A GigE Vision or USB3 Vision camera."""

    driver: Literal["aravis"]
    device: str = Field(
        default="", description="name as `arv-tool-0.8` lists it; empty: the only camera"
    )
    width_px: int = Field(ge=16, le=65536, description="width; another one is refused")
    height_px: int = Field(ge=16, le=65536, description="height; another one is refused")
    pixel_format: Literal["Mono8", "RGB8", "BGR8"] = Field(
        default="Mono8", description="pixel format; another one is refused"
    )
    rate_hz: float = Field(
        default=0, ge=0, le=10_000, description="frames a second; 0: the camera's own rate"
    )
    exposure_us: float = Field(
        default=0, ge=0, le=60_000_000, description="exposure; 0: the camera's own setting"
    )
    gain_db: float = Field(
        default=-1, ge=-1, le=100, description="gain; -1: the camera's own setting"
    )
    packet_socket: bool = Field(
        default=False,
        description="network cameras: read raw packets, which is faster and needs CAP_NET_RAW",
    )
    check_every: int = Field(
        default=100, ge=1, le=100_000, description="frames between two read-backs of the settings"
    )
    stall_s: float = Field(
        default=1.5, gt=0, le=60, description="a camera that gives nothing for so long is lost"
    )

    @property
    def libraries(self) -> tuple[Library, ...]:
        """What it needs beyond the extra [device]."""
        return (GOBJECT,)

    @property
    def names_parts(self) -> bool:
        """A camera only counts its frames."""
        return False


class AravisCamera:
    """Frames of one camera in RGB; each frame is a part. Lost frames leave holes in `seq`."""

    live = True

    def __init__(self, config: AravisTable, *, name: str, clock: Clock) -> None:
        self._config = config
        self._where = f"camera {name} ({config.device or 'the only one'})"
        self._aravis: Any = None
        self._camera: Any = None
        self._stream: Any = None
        self._frame_id: int | None = None
        self._taken = 0
        self._reader = LiveReader(self._read, name, clock)

    def open(self) -> None:
        """Find, set, read back and start; raises DeviceError when absent or not as asked."""
        self.close()
        self._aravis = import_namespace("Aravis", "0.8", "gir1.2-aravis-0.8", self._where)
        try:
            self._camera = self._aravis.Camera.new(self._config.device or None)
            self._set()
            self._start()
        except DeviceError:
            self.close()
            raise
        except glib_error(self._where) as error:
            self.close()
            raise self._error(f"cannot be used ({error})") from error
        self._frame_id = None
        self._reader.start()

    def begin(self) -> None:
        """Forget the frames that came since open(); raises DeviceError when it is lost."""
        self._reader.begin()

    def next(self, timeout_s: float) -> Frame | Unreadable | None:
        """The next frame; raises DeviceError when none came for `stall_s`."""
        if self._stream is None:
            raise DeviceError("not open", where=self._where, cure="open it first")
        return self._reader.next(timeout_s)

    def close(self) -> None:
        """Stop the camera and let it go."""
        self._reader.stop()
        camera, self._camera, self._stream = self._camera, None, None
        if camera is not None:
            # A camera that is gone cannot be stopped either.
            with suppress(glib_error(self._where)):
                camera.stop_acquisition()

    def _set(self) -> None:
        config, camera = self._config, self._camera
        camera.set_pixel_format_from_string(config.pixel_format)
        camera.set_region(0, 0, config.width_px, config.height_px)
        self._set_values()
        self._read_back()

    def _set_values(self) -> None:
        config, camera = self._config, self._camera
        if config.rate_hz:
            camera.set_frame_rate(config.rate_hz)
        if config.exposure_us:
            camera.set_exposure_time(config.exposure_us)
        if config.gain_db >= 0:
            camera.set_gain(config.gain_db)

    def _moved(self) -> str:
        """What somebody or the camera itself has moved, in a sentence; it is set again."""
        try:
            self._read_values()
        except DeviceError as error:
            self._set_values()
            return f"camera setting moved: {error.what}"
        return ""

    def _read_back(self) -> None:
        config, camera = self._config, self._camera
        _, _, width, height = camera.get_region()
        found_format = camera.get_pixel_format_as_string()
        if (width, height) != (config.width_px, config.height_px):
            asked = f"{config.width_px}x{config.height_px}"
            raise self._error(f"gave {width}x{height}, station.toml asks {asked}")
        if found_format != config.pixel_format:
            raise self._error(f"gave {found_format}, station.toml asks {config.pixel_format}")
        self._read_values()

    def _read_values(self) -> None:
        config, camera = self._config, self._camera
        for field, wanted, read in (
            ("rate_hz", config.rate_hz, camera.get_frame_rate),
            ("exposure_us", config.exposure_us, camera.get_exposure_time),
            ("gain_db", max(0.0, config.gain_db), camera.get_gain),
        ):
            if wanted and abs(read() / wanted - 1) > 0.05:
                raise self._error(f"gave {field} = {read():g}, station.toml asks {wanted:g}")

    def _start(self) -> None:
        aravis, is_network = self._aravis, self._camera.is_gv_device()
        if is_network and not self._config.packet_socket:
            options = aravis.GvStreamOption.PACKET_SOCKET_DISABLED
            self._camera.get_device().set_stream_options(options)
        stream = self._camera.create_stream(None, None)
        if stream is None:
            raise self._error("opens no stream")
        if is_network:
            stream.set_property("socket-buffer", aravis.GvStreamSocketBuffer.FIXED)
            stream.set_property("socket-buffer-size", SOCKET_BYTES)
        payload = self._camera.get_payload()
        for _ in range(BUFFERS):
            stream.push_buffer(self._aravis.Buffer.new_allocate(payload))
        self._camera.start_acquisition()
        self._stream = stream

    def _read(self) -> LiveFrame:
        stream = self._stream
        buffer = stream.timeout_pop_buffer(round(self._config.stall_s * 1e6))
        if buffer is None:
            raise self._error(f"gave nothing for {self._config.stall_s:g} s")
        try:
            frame = self._frame(buffer)
        finally:
            stream.push_buffer(buffer)
        self._taken += 1
        if self._taken % self._config.check_every:
            return frame
        moved = self._moved()
        return LiveFrame(None, moved, frame.device_ns, frame.lost) if moved else frame

    def _frame(self, buffer: Any) -> LiveFrame:
        frame_id = int(buffer.get_frame_id())
        # The number of a frame begins again at 1 after 65,535 with GigE Vision 1.x.
        last, self._frame_id = self._frame_id, frame_id
        lost = max(0, frame_id - last - 1) if last is not None else 0
        if buffer.get_status() != self._aravis.BufferStatus.SUCCESS:
            reason = f"damaged frame ({buffer.get_status().value_nick})"
            return LiveFrame(None, reason, None, lost)
        config = self._config
        shape = (config.height_px, config.width_px, CHANNELS[config.pixel_format])
        pixels = np.frombuffer(buffer.get_data(), np.uint8)
        if pixels.size < np.prod(shape):
            return LiveFrame(None, f"damaged frame ({pixels.size} bytes)", None, lost)
        image = pixels[: np.prod(shape)].reshape(shape)
        if config.pixel_format == "BGR8":
            image = image[:, :, ::-1]
        image = np.ascontiguousarray(np.broadcast_to(image, (*shape[:2], 3)))
        return LiveFrame(image, "", int(buffer.get_timestamp()) or None, lost)

    def _error(self, what: str) -> DeviceError:
        cure = "look at it with `arv-tool-0.8`: cable, power, address and what it can do"
        return DeviceError(what, where=self._where, cure=cure)


def find_cameras() -> list[FoundDevice]:
    """Every camera that Aravis discovers, or why it cannot look."""
    try:
        aravis = import_namespace("Aravis", "0.8", "gir1.2-aravis-0.8", "GigE and USB3 Vision")
    except DeviceError as error:
        return [FoundDevice("aravis", "GigE and USB3 Vision", fault=f"{error.what}: {error.cure}")]
    aravis.update_device_list()
    return [_look(aravis, at) for at in range(aravis.get_n_devices())]


def _look(aravis: Any, at: int) -> FoundDevice:
    name = aravis.get_device_id(at)
    where = aravis.get_device_address(at) or ""
    try:
        camera = aravis.Camera.new(name)
        able = tuple(_able(camera))
        _, _, width, height = camera.get_region()
        formats = [
            one for one in camera.dup_available_pixel_formats_as_strings() if one in CHANNELS
        ]
    except glib_error(name) as error:
        return FoundDevice("aravis", name, where, fault=f"cannot be opened ({error})")
    table = {"driver": "aravis", "device": name, "width_px": width, "height_px": height}
    fault = "" if formats else f"has none of the formats {', '.join(CHANNELS)}"
    return FoundDevice(
        "aravis", name, where, able, table | {"pixel_format": (formats or ["Mono8"])[0]}, fault
    )


def _able(camera: Any) -> Iterator[str]:
    """Formats, and the bounds of what can be set and read back."""
    yield f"model {camera.get_vendor_name()} {camera.get_model_name()}"
    for form in camera.dup_available_pixel_formats_as_strings():
        yield f"format {form}{'' if form in CHANNELS else ' (not read)'}"
    yield "size to {}x{}".format(*camera.get_sensor_size())
    for key, there, bounds, value in (
        ("rate_hz", camera.is_frame_rate_available, camera.get_frame_rate_bounds, "frame_rate"),
        (
            "exposure_us",
            camera.is_exposure_time_available,
            camera.get_exposure_time_bounds,
            "exposure_time",
        ),
        ("gain_db", camera.is_gain_available, camera.get_gain_bounds, "gain"),
    ):
        if there():
            low, high = bounds()
            now = getattr(camera, f"get_{value}")()
            yield f"control {key}: {low:g} to {high:g}, now {now:g}"
        else:
            yield f"has no control for {key}"


DRIVER = SourceDriver(AravisTable, AravisCamera, finds=find_cameras)
