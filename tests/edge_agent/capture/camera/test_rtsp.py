"""A network camera: a real RTSP server (gst-rtsp-server), killed, stopped and started again."""

from __future__ import annotations

import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path

import pytest

from benchmarks.brokers import free_port
from edge_agent.capture.camera.rtsp import RtspCamera, RtspTable
from edge_agent.contracts.core.clock import SystemClock
from edge_agent.contracts.core.errors import DeviceError
from edge_agent.contracts.core.types import Frame, Item

PYTHON = "/usr/bin/python3"
SERVER = Path(__file__).with_name("rtsp_server.py")
NEEDS = "needs Debian's python3-gi, gir1.2-gst-rtsp-server-1.0 and gstreamer1.0-plugins-good"


def missing_server() -> str:
    """Why there is no RTSP server here, or nothing."""
    code = (
        "import gi; gi.require_version('GstRtspServer', '1.0'); "
        "from gi.repository import Gst; Gst.init(None); "
        "assert Gst.ElementFactory.find('jpegenc') and Gst.ElementFactory.find('rtpjpegpay')"
    )
    try:
        done = subprocess.run([PYTHON, "-c", code], capture_output=True, timeout=30, check=False)
    except OSError:
        return NEEDS
    return "" if done.returncode == 0 else NEEDS


@contextmanager
def rtsp_server(port: int, codec: str = "JPEG") -> Iterator[subprocess.Popen[str]]:
    """A running server; its camera is rtsp://127.0.0.1:PORT/cam."""
    words = [PYTHON, str(SERVER), str(port), codec]
    process = subprocess.Popen(words, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        assert process.stdout.readline() == "up\n"
        yield process
    finally:
        process.kill()
        process.wait(10)
        process.stdout.close()


@pytest.fixture(autouse=True, scope="module")
def _needs_a_server() -> None:
    reason = missing_server()
    if reason:
        pytest.skip(f"RTSP: {reason}")


pytestmark = pytest.mark.drivers


def camera(port: int, **keys: object) -> RtspCamera:
    asked = {"driver": "rtsp", "url": f"rtsp://127.0.0.1:{port}/cam", **keys}
    return RtspCamera(RtspTable.model_validate(asked), name="top", clock=SystemClock())


def frames(source: RtspCamera, count: int, within_s: float = 20) -> list[Item]:
    items: list[Item] = []
    until = time.monotonic() + within_s
    while len(items) < count and time.monotonic() < until:
        item = source.next(0.2)
        if item is not None:
            items.append(item)
    return items


@pytest.mark.parametrize("codec", ["JPEG", "VP8"])
def test_frames_come_whole_numbered_and_with_the_cameras_time(codec: str) -> None:
    port = free_port()
    with rtsp_server(port, codec):
        source = camera(port, width_px=320, height_px=240)
        source.open()
        items = frames(source, 8)
        source.close()
    assert [type(item) for item in items] == [Frame] * 8
    stamps = [item.device_ns for item in items if isinstance(item, Frame)]
    assert all(b > a for a, b in pairwise(stamps) if a and b)
    assert items[0].seq < items[-1].seq


def test_another_size_is_refused() -> None:
    port = free_port()
    with rtsp_server(port), pytest.raises(DeviceError, match="gave 320x240, station"):
        camera(port, width_px=640).open()


def test_nobody_there_is_an_absent_device_without_the_password(tmp_path: Path) -> None:
    (tmp_path / "password").write_text("geheim\n")
    source = camera(free_port(), username="u", password_file=tmp_path / "password", open_s=1)
    with pytest.raises(DeviceError) as raised:
        source.open()
    assert "geheim" not in str(raised.value)


def _lost_after(source: RtspCamera) -> float:
    began = time.monotonic()
    while time.monotonic() - began < 10:
        try:
            source.next(0.2)
        except DeviceError:
            return time.monotonic() - began
    pytest.fail("the loss was not noticed")


def test_a_killed_camera_is_lost_at_once_and_comes_back() -> None:
    port = free_port()
    source = camera(port)
    with rtsp_server(port) as server:
        source.open()
        before = frames(source, 3)
        server.kill()
        assert _lost_after(source) < 3
        source.close()
    with rtsp_server(port):
        source.open()
        after = frames(source, 3)
        source.close()
    assert len(before) == len(after) == 3
    assert after[0].seq > before[-1].seq


def test_a_camera_that_stalls_is_lost_after_its_time() -> None:
    port = free_port()
    source = camera(port, stall_s=1)
    with rtsp_server(port) as server:
        source.open()
        assert len(frames(source, 3)) == 3
        server.send_signal(signal.SIGSTOP)
        assert 0.5 < _lost_after(source) < 4
        server.send_signal(signal.SIGCONT)
        source.close()
