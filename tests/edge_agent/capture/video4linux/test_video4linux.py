"""The kernel's interface: sizes and request numbers as its header has them; pixels to RGB."""

from __future__ import annotations

import ctypes
from pathlib import Path

import cv2
import numpy as np
import pytest

from edge_agent.capture.video4linux import abi
from edge_agent.capture.video4linux.listing import find_cameras
from edge_agent.capture.video4linux.node import VideoMode, VideoNode
from edge_agent.capture.video4linux.pixels import READABLE, to_rgb
from edge_agent.capture.video4linux.settings import KNOWN
from edge_agent.contracts.core.errors import DeviceError, InputError


@pytest.mark.parametrize(
    ("name", "number"),
    [
        ("QUERYCAP", 0x80685600),
        ("S_FMT", 0xC0D05605),
        ("REQBUFS", 0xC0145608),
        ("QUERYBUF", 0xC0585609),
        ("QBUF", 0xC058560F),
        ("DQBUF", 0xC0585611),
        ("STREAMON", 0x40045612),
        ("S_PARM", 0xC0CC5616),
        ("G_CTRL", 0xC008561B),
        ("QUERYCTRL", 0xC0445624),
        ("ENUM_FRAMESIZES", 0xC02C564A),
        ("ENUM_FRAMEINTERVALS", 0xC034564B),
    ],
)
def test_request_numbers_are_those_that_strace_shows_on_64_bit_linux(
    name: str, number: int
) -> None:
    assert getattr(abi, name) == number


def test_the_stamp_of_a_buffer_lies_where_the_kernel_puts_it() -> None:
    assert (abi.Buffer.timestamp.offset, abi.Buffer.sequence.offset) == (24, 56)
    assert ctypes.sizeof(abi.Buffer) == 88


def test_pixel_formats_are_named_by_their_four_letters() -> None:
    assert abi.fourcc(abi.fourcc_code("YUYV")) == "YUYV"
    assert abi.fourcc(0x56595559) == "YUYV"


@pytest.mark.parametrize("pixel_format", READABLE)
def test_every_pixel_format_becomes_the_same_red(pixel_format: str) -> None:
    red = np.full((16, 32, 3), (200, 30, 40), np.uint8)
    payload, stride = encode(red, pixel_format)
    image = to_rgb(payload, VideoMode(32, 16, pixel_format, stride), "cam")
    assert image.shape == (16, 32, 3)
    expected = red if pixel_format != "GREY" else np.full_like(red, 82)
    assert np.abs(image.astype(int) - expected).max() <= 6


def encode(rgb: np.ndarray, pixel_format: str) -> tuple[bytes, int]:
    """The frame as a camera would send it, two-byte padding at the end of a packed line."""
    if pixel_format in ("MJPG", "JPEG"):
        return cv2.imencode(".jpg", rgb[:, :, ::-1])[1].tobytes(), 0
    if pixel_format in ("NV12", "NV21", "YU12", "YV12"):
        planes = cv2.cvtColor(rgb, cv2.COLOR_RGB2YUV_I420)
        grey, u, v = planes[:16], planes[16:20].reshape(-1), planes[20:24].reshape(-1)
        pairs = {
            "NV12": np.stack([u, v], 1),
            "NV21": np.stack([v, u], 1),
            "YU12": np.concatenate([u, v]),
            "YV12": np.concatenate([v, u]),
        }
        return grey.tobytes() + pairs[pixel_format].tobytes(), 32
    if pixel_format == "GREY":
        rows = cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY)
    elif pixel_format in ("RGB3", "BGR3"):
        rows = (rgb if pixel_format == "RGB3" else rgb[:, :, ::-1]).reshape(16, -1)
    else:
        code = getattr(cv2, f"COLOR_RGB2YUV_{pixel_format.replace('YUYV', 'YUY2')}")
        rows = cv2.cvtColor(rgb, code).reshape(16, -1)
    padded = np.pad(rows.reshape(16, -1), ((0, 0), (0, 2)))
    return padded.tobytes(), padded.shape[1]


def test_a_short_frame_is_damaged() -> None:
    with pytest.raises(InputError, match=r"damaged frame \(100 bytes, 1024 are a frame\)"):
        to_rgb(bytes(100), VideoMode(32, 16, "YUYV", 64), "cam")


def test_a_node_that_is_no_camera_is_refused_and_closed() -> None:
    node = VideoNode("/dev/null")
    with pytest.raises(DeviceError, match="is no camera"):
        node.open()
    node.close()


def test_a_node_that_cannot_be_opened_is_listed_with_the_reason(tmp_path: Path) -> None:
    (tmp_path / "video71").mkdir()
    (tmp_path / "video71" / "name").write_text("HD Camera\n")
    found = find_cameras(tmp_path)
    assert [(one.name, one.where) for one in found] == [("HD Camera", "/dev/video71")]
    assert "no such camera" in found[0].fault
    assert not found[0].table


def test_every_setting_has_its_own_control() -> None:
    assert len({known.control for known in KNOWN.values()}) == len(KNOWN)
