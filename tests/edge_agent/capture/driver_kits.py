"""For every capture driver: a table that works here, and what stands in for its device.

A new driver adds one function to KITS; the contract test fails without it.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path

import cv2
import numpy as np

from benchmarks.brokers import free_port
from edge_agent.contracts.core.clock import Clock, ManualClock, SystemClock
from edge_agent.contracts.core.errors import DeviceError
from edge_agent.simulator.belt_link import BeltAddress, BeltLink
from tests.edge_agent.capture.camera.gi_kit import missing
from tests.edge_agent.capture.camera.test_aravis import fake_camera, missing_camera
from tests.edge_agent.capture.camera.test_rtsp import missing_server, rtsp_server
from tests.edge_agent.capture.camera.test_v4l2 import Webcam
from tests.edge_agent.capture.industrial_io.iio_kit import Accelerometer
from tests.edge_agent.capture.process.test_modbus_rows import modbus_server
from tests.edge_agent.capture.process.test_opc_ua import missing_server as no_opc_ua
from tests.edge_agent.capture.process.test_opc_ua import opc_ua_server
from tests.edge_agent.capture.signal_kit import Microcontroller, QuickClock
from tests.edge_agent.capture.vibration.chips import Adxl345OnBus, Adxl355OnBus
from tests.edge_agent.capture.vibration.pulse_kit import missing_sound, tone
from tests.station_kit import mosquitto, wait_until, write_frame


@dataclass(frozen=True)
class Kit:
    """table: of a device that is there; absent: keys that name one that is not;
    parts: collaborators for the driver's constructor; clock: what the device goes by; missing: why
    it cannot run here.
    """

    table: Mapping[str, object]
    absent: Mapping[str, object] = field(default_factory=dict)
    parts: Mapping[str, object] = field(default_factory=dict)
    clock: Clock = field(default_factory=SystemClock)
    missing: str = ""


@contextmanager
def folder(room: Path) -> Iterator[Kit]:
    for k in range(4):
        write_frame(room / "frames" / f"{k}.png", 200)
    yield Kit({"path": room / "frames", "at_end": "repeat"}, {"path": room / "gone"})


@contextmanager
def video(room: Path) -> Iterator[Kit]:
    path = room / "line.avi"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 10, (64, 48))
    for k in range(8):
        writer.write(np.full((48, 64, 3), 20 * k, np.uint8))
    writer.release()
    yield Kit({"path": path}, {"path": room / "gone.avi"})


@contextmanager
def v4l2(room: Path) -> Iterator[Kit]:
    def plug_in(device: str) -> Webcam:
        return Webcam([(640, 480)], frames=20)

    size = {"width_px": 640, "height_px": 480}
    yield Kit(size, {"device": "/dev/video99"}, {"open_port": plug_in})


@contextmanager
def picamera2(room: Path) -> Iterator[Kit]:
    size = {"width_px": 640, "height_px": 480}
    yield Kit(size, missing="" if find_spec("libcamera") else "no libcamera on this machine")


@contextmanager
def rtsp(room: Path) -> Iterator[Kit]:
    missing = missing_server()
    if missing:
        yield Kit({"url": "rtsp://127.0.0.1/cam"}, missing=missing)
        return
    port = free_port()
    absent = {"url": f"rtsp://127.0.0.1:{free_port()}/cam", "open_s": 1}
    with rtsp_server(port):
        yield Kit({"url": f"rtsp://127.0.0.1:{port}/cam"}, absent)


@contextmanager
def gstreamer(room: Path) -> Iterator[Kit]:
    pipeline = "videotestsrc is-live=true pattern=snow"
    reason = missing("Gst", "1.0") or missing("GstApp", "1.0")
    yield Kit({"pipeline": pipeline}, {"pipeline": "v4l2src device=/dev/video99"}, missing=reason)


@contextmanager
def aravis(room: Path) -> Iterator[Kit]:
    reason = missing_camera()
    size = {"width_px": 320, "height_px": 240}
    if reason:
        yield Kit(size, missing=reason)
        return
    with fake_camera("LS09"):
        yield Kit({"device": "Aravis-LS09", **size}, {"device": "Aravis-NONE"})


@contextmanager
def simulated(room: Path) -> Iterator[Kit]:
    yield Kit({"seed": 3})


@contextmanager
def belt(room: Path) -> Iterator[Kit]:
    port, absent = free_port(), free_port()
    command = [sys.executable, "-m", "edge_agent", "belt", "--quiet", "--look", "plain"]
    command += ["--rate-hz", "20", "--port", str(port)]
    others = [BeltLink(BeltAddress(port=port), role) for role in ("barrier", "gate")]
    with subprocess.Popen(command) as process:
        try:
            for link in others:
                assert wait_until(lambda link=link: opens(link))
            yield Kit({"port": port}, {"port": absent})
        finally:
            for link in others:
                link.close()
            process.terminate()


def opens(link: BeltLink) -> bool:
    try:
        link.open()
    except DeviceError:
        return False
    return True


@contextmanager
def replay(room: Path) -> Iterator[Kit]:
    runs = room / "runs"
    runs.mkdir()
    for k in range(8):
        (runs / f"{k}.csv").write_text("x\n" + "0.1\n" * 100, encoding="utf-8")
    table = {"path": runs, "axes": ["x"], "sample_rate_hz": 1000}
    yield Kit(table, {"path": room / "gone"})


@contextmanager
def serial_line(room: Path) -> Iterator[Kit]:
    clock = QuickClock()
    board = Microcontroller(1000 * clock.times)
    table = {"device": board.path, "axes": ["x", "y", "z"], "rate_hz": 1000, "counter": True}
    try:
        yield Kit(table | {"window_s": 0.2}, {"device": "/dev/ttyGONE"}, clock=clock)
    finally:
        board.unplug()


@contextmanager
def iio(room: Path) -> Iterator[Kit]:
    chip = Accelerometer(room / "iio", 1000, times=5)
    table = {"device": "adxl345", "axes": ["accel_x"], "rate_hz": 1000, "window_s": 0.2}
    try:
        yield Kit(table, {"device": "gone"}, {"sysfs": chip.sysfs, "dev": chip.dev})
    finally:
        chip.unplug()


@contextmanager
def adxl345(room: Path) -> Iterator[Kit]:
    table = {"device": "/dev/i2c-71", "window_s": 0.2}
    clock = ManualClock(mono_ns=10**9)
    chip = Adxl345OnBus(800, clock, lambda number: (number, -number, 256))
    yield Kit(table, {"device": "/dev/i2c-71"}, {"bus": chip}, clock)


@contextmanager
def adxl355(room: Path) -> Iterator[Kit]:
    table = {"device": "/dev/spidev71.0", "window_s": 0.2}
    clock = ManualClock(mono_ns=10**9)
    chip = Adxl355OnBus(1000, clock, lambda number: (number, -number, 256))
    yield Kit(table, {"device": "/dev/spidev71.0"}, {"bus": chip}, clock)


@contextmanager
def audio(room: Path) -> Iterator[Kit]:
    table = {"device": "tone", "axes": ["x"], "full_scale": 1.0, "window_s": 0.2, "stall_s": 5}
    reason = missing_sound()
    if reason:
        yield Kit(table, missing=reason)
        return
    with tone(room / "sound"):
        yield Kit(table)


@contextmanager
def rows(room: Path) -> Iterator[Kit]:
    path = room / "shift.csv"
    path.write_text("torque,speed\n" + "20,1200\n" * 8, encoding="utf-8")
    yield Kit({"path": path}, {"path": room / "gone.csv"})


@contextmanager
def mqtt_tags(room: Path) -> Iterator[Kit]:
    if shutil.which("mosquitto") is None:
        yield Kit({}, missing="no mosquitto on this machine")
        return
    with mosquitto(room / "broker") as broker:
        address = {"host": "127.0.0.1", "port": broker.port}
        tag = [{"name": "torque", "topic": "plant/torque"}]
        table = {"broker": address, "tag": tag, "period_s": 0.05, "start_s": 0.1}
        yield Kit(table, {"broker": address | {"port": 1}})


@contextmanager
def modbus(room: Path) -> Iterator[Kit]:
    port = free_port()
    device = {"host": "127.0.0.1", "port": port}
    tag = [{"name": "torque", "address": 3}]
    table = {"device": device, "tag": tag, "period_s": 0.02}
    with modbus_server("tcp", str(port)):
        yield Kit(table, {"device": device | {"port": 1}})


@contextmanager
def opc_ua(room: Path) -> Iterator[Kit]:
    port = free_port()
    tag = [{"name": "Force", "node": "ns=2;s=Press.Force"}]
    reason = no_opc_ua()
    if reason:
        yield Kit({"url": "opc.tcp://127.0.0.1:1", "tag": tag}, missing=reason)
        return
    absent = {"url": f"opc.tcp://127.0.0.1:{free_port()}"}
    with opc_ua_server(port):
        yield Kit({"url": f"opc.tcp://127.0.0.1:{port}", "tag": tag, "period_s": 0.05}, absent)


KITS: dict[tuple[str, str], Callable[[Path], AbstractContextManager[Kit]]] = {
    ("image", "folder"): folder,
    ("image", "video"): video,
    ("image", "v4l2"): v4l2,
    ("image", "picamera2"): picamera2,
    ("image", "rtsp"): rtsp,
    ("image", "gstreamer"): gstreamer,
    ("image", "aravis"): aravis,
    ("image", "simulated"): simulated,
    ("image", "belt"): belt,
    ("vibration", "simulated"): simulated,
    ("vibration", "replay"): replay,
    ("vibration", "serial_line"): serial_line,
    ("vibration", "iio"): iio,
    ("vibration", "adxl345"): adxl345,
    ("vibration", "adxl355"): adxl355,
    ("vibration", "audio"): audio,
    ("tabular", "rows"): rows,
    ("tabular", "mqtt_tags"): mqtt_tags,
    ("tabular", "modbus"): modbus,
    ("tabular", "opc_ua"): opc_ua,
}

NEEDS_PEER = frozenset(
    {
        ("image", "rtsp"),
        ("image", "gstreamer"),
        ("image", "aravis"),
        ("vibration", "audio"),
        ("tabular", "opc_ua"),
    }
)
"""Drivers whose peer comes from Debian packages: `make test-drivers`."""
