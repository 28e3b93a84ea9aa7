"""A GStreamer pipeline as a camera: Jetson's CSI, and whatever else has a GStreamer source."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from pydantic import Field

from edge_agent.capture.gobject import glib_error, import_namespace
from edge_agent.capture.live_reader import LiveFrame, LiveReader
from edge_agent.capture.source import FoundDevice, SourceDriver, SourceTable
from edge_agent.contracts.core.clock import Clock
from edge_agent.contracts.core.errors import DeviceError
from edge_agent.contracts.core.extras import GOBJECT, Library
from edge_agent.contracts.core.types import Frame, Image, Unreadable

SINK = "videoconvert ! video/x-raw,format=RGB ! appsink name=lineside max-buffers=2 drop=true"
START_S = 10
"""Longest wait until a pipeline runs: some cameras start slowly."""


class GstreamerTable(SourceTable):
    """A GStreamer pipeline."""

    driver: Literal["gstreamer"]
    pipeline: str = Field(
        min_length=1,
        description="the pipeline up to its raw video, such as `nvarguscamerasrc ! nvvidconv`",
    )
    stall_s: float = Field(
        default=1.5, gt=0, le=60, description="a camera that gives nothing for so long is lost"
    )
    width_px: int | None = Field(
        default=None, ge=16, le=16384, description="width; another one is refused"
    )
    height_px: int | None = Field(
        default=None, ge=16, le=16384, description="height; another one is refused"
    )

    @property
    def libraries(self) -> tuple[Library, ...]:
        """What it needs beyond the extra [device]."""
        return (GOBJECT,)

    @property
    def names_parts(self) -> bool:
        """A camera only counts its frames."""
        return False


class GstreamerCamera:
    """Frames of a pipeline in RGB; each frame is a part, numbered from 0."""

    live = True

    def __init__(self, config: GstreamerTable, *, name: str, clock: Clock) -> None:
        self._config = config
        self._where = f"camera {name} (GStreamer)"
        self._gst: Any = None
        self._pipeline: Any = None
        self._sink: Any = None
        self._reader = LiveReader(self._read, name, clock)

    def open(self) -> None:
        """Start the pipeline; raises DeviceError with GStreamer's own words."""
        self.close()
        packages = "gir1.2-gst-plugins-base-1.0 gstreamer1.0-plugins-good"
        gst = import_namespace("Gst", "1.0", packages, self._where)
        import_namespace("GstApp", "1.0", packages, self._where)
        gst.init(None)
        try:
            self._pipeline = gst.parse_launch(f"{self._config.pipeline} ! {SINK}")
        except glib_error(self._where) as error:
            raise self._error(f"is no pipeline ({error})") from error
        self._gst = gst
        self._sink = self._pipeline.get_by_name("lineside")
        self._pipeline.set_state(gst.State.PLAYING)
        change, _, _ = self._pipeline.get_state(START_S * gst.SECOND)
        fault = self._fault()
        if change == gst.StateChangeReturn.FAILURE or fault:
            self.close()
            raise self._error(f"does not start ({fault or 'no reason given'})")
        self._reader.start()

    def begin(self) -> None:
        """Forget the frames that came since open(); raises DeviceError when it is lost."""
        self._reader.begin()

    def next(self, timeout_s: float) -> Frame | Unreadable | None:
        """The next frame; raises DeviceError when none came for `stall_s`."""
        if self._pipeline is None:
            raise DeviceError("not open", where=self._where, cure="open it first")
        return self._reader.next(timeout_s)

    def close(self) -> None:
        """Stop the pipeline."""
        self._reader.stop()
        if self._pipeline is not None:
            self._pipeline.set_state(self._gst.State.NULL)
            self._pipeline = self._sink = None

    def _read(self) -> LiveFrame:
        gst = self._gst
        sample = self._sink.try_pull_sample(round(self._config.stall_s * gst.SECOND))
        if sample is None:
            fault = self._fault() or f"gave nothing for {self._config.stall_s:g} s"
            raise self._error(fault)
        buffer = sample.get_buffer()
        if buffer.has_flags(gst.BufferFlags.CORRUPTED):
            return LiveFrame(None, "damaged frame (GStreamer marks it as corrupted)")
        image = self._image(buffer, sample.get_caps().get_structure(0))
        stamp = buffer.pts
        return LiveFrame(image, "", None if stamp == gst.CLOCK_TIME_NONE else int(stamp))

    def _image(self, buffer: Any, caps: Any) -> Image:
        width, height = caps.get_value("width"), caps.get_value("height")
        config = self._config
        for field, found, asked in (
            ("width_px", width, config.width_px),
            ("height_px", height, config.height_px),
        ):
            if asked is not None and found != asked:
                raise self._error(f"gave {width}x{height}, station.toml asks {field} = {asked}")
        whole, mapped = buffer.map(self._gst.MapFlags.READ)
        if not whole:
            raise self._error("gave a buffer that cannot be read")
        try:
            # Rows of RGB are padded to four bytes.
            rows = np.frombuffer(mapped.data, np.uint8).reshape(height, -1)
            return np.ascontiguousarray(rows[:, : 3 * width]).reshape(height, width, 3)
        finally:
            buffer.unmap(mapped)

    def _fault(self) -> str:
        """What the pipeline reports, or nothing."""
        kinds = self._gst.MessageType.ERROR | self._gst.MessageType.EOS
        message = self._pipeline.get_bus().pop_filtered(kinds)
        if message is None:
            return ""
        if message.type == self._gst.MessageType.EOS:
            return "the pipeline ended"
        return str(message.parse_error()[0].message)

    def _error(self, what: str) -> DeviceError:
        cure = "try the pipeline with gst-launch-1.0, and correct `pipeline`"
        return DeviceError(what, where=self._where, cure=cure)


def find_cameras() -> list[FoundDevice]:
    """The video sources that GStreamer's own monitor lists, or why it cannot look."""
    try:
        gst = import_namespace("Gst", "1.0", "gir1.2-gstreamer-1.0", "GStreamer")
    except DeviceError as error:
        return [FoundDevice("gstreamer", "GStreamer", fault=f"{error.what}: {error.cure}")]
    gst.init(None)
    monitor = gst.DeviceMonitor.new()
    monitor.add_filter("Video/Source", None)
    found = [_found(gst, device) for device in monitor.get_devices() or ()]
    if gst.ElementFactory.find("nvarguscamerasrc") is not None:
        table = {"driver": "gstreamer", "pipeline": "nvarguscamerasrc ! nvvidconv"}
        found.append(FoundDevice("gstreamer", "Jetson CSI", "nvarguscamerasrc", (), table))
    return found


def _found(gst: Any, device: Any) -> FoundDevice:
    element = device.create_element(None)
    source = element.get_factory().get_name() if element is not None else "autovideosrc"
    path = device.get_properties()
    where = (path.get_string("device.path") if path is not None else None) or ""
    pipeline = f"{source} device={where}" if where else source
    caps = device.get_caps().to_string().split("; ")[:12] if device.get_caps() else []
    table = {"driver": "gstreamer", "pipeline": pipeline}
    return FoundDevice("gstreamer", device.get_display_name(), where, tuple(caps), table)


DRIVER = SourceDriver(GstreamerTable, GstreamerCamera, finds=find_cameras)
