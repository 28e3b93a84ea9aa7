"""A V4L2 camera: what it gives is read back, and anything else than asked is refused."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from edge_agent.__main__ import main
from edge_agent.capture.camera.v4l2 import V4l2Camera, V4l2Table
from edge_agent.contracts.core.clock import ManualClock
from edge_agent.contracts.core.errors import DeviceError
from edge_agent.contracts.core.types import Frame, Unreadable
from tests.station_kit import write_image_bundle


class Webcam:
    """A port with the manners of a UVC camera: it takes the nearest mode it has, silently."""

    def __init__(self, modes: list[tuple[int, int]], rate_hz: float = 30, frames: int = 3) -> None:
        self.modes = modes
        self.asked = {cv2.CAP_PROP_FRAME_WIDTH: 640.0, cv2.CAP_PROP_FRAME_HEIGHT: 480.0}
        self.rate_hz = rate_hz
        self.frames = frames
        self.open = True
        self.lost_bytes = 0
        self.stamp_ms = 1000.0

    def isOpened(self) -> bool:  # noqa: N802
        return self.open

    def set(self, prop: int, value: float) -> bool:
        self.asked[prop] = value
        return True

    def size(self) -> tuple[int, int]:
        width = self.asked[cv2.CAP_PROP_FRAME_WIDTH]
        return min(self.modes, key=lambda mode: abs(mode[0] - width))

    def get(self, prop: int) -> float:
        width, height = self.size()
        known = {
            cv2.CAP_PROP_FRAME_WIDTH: width,
            cv2.CAP_PROP_FRAME_HEIGHT: height,
            cv2.CAP_PROP_FPS: self.rate_hz,
            cv2.CAP_PROP_POS_MSEC: self.stamp_ms,
            cv2.CAP_PROP_FOURCC: cv2.VideoWriter.fourcc(*"MJPG"),
        }
        return float(known[prop])

    def read(self) -> tuple[bool, np.ndarray | None]:
        self.frames -= 1
        if self.frames < 0:
            return False, None
        width, height = self.size()
        frame = np.full((height, width, 3), (0, 0, 255), np.uint8)
        if self.asked.get(cv2.CAP_PROP_CONVERT_RGB, 1):
            return True, frame
        _, jpeg = cv2.imencode(".jpg", frame)
        return True, jpeg.reshape(1, -1)[:, : jpeg.size - self.lost_bytes]

    def release(self) -> None:
        self.open = False


def camera(port: Webcam, **keys: object) -> V4l2Camera:
    asked = {"driver": "v4l2", "width_px": 1280, "height_px": 960, **keys}
    return V4l2Camera(
        V4l2Table.model_validate(asked),
        name="top",
        clock=ManualClock(),
        open_port=lambda device: port,
    )


def test_frames_are_rgb_and_numbered() -> None:
    source = camera(Webcam([(640, 480), (1280, 960)]), rate_hz=30, pixel_format="MJPG")
    source.open()
    frames = [source.next(0.1) for _ in range(2)]
    assert [frame.seq for frame in frames if frame] == [0, 1]
    assert isinstance(frames[0], Frame)
    assert frames[0].image.shape == (960, 1280, 3)
    assert np.allclose(frames[0].image[0, 0], (255, 0, 0), atol=2)
    assert frames[0].device_ns == 1_000_000_000


@pytest.mark.parametrize("lost", [1000, 8])
def test_a_jpeg_that_lost_bytes_on_the_cable_is_not_judged(lost: int) -> None:
    port = Webcam([(1280, 960)])
    source = camera(port)
    source.open()
    port.lost_bytes = lost
    cut = source.next(0.1)
    port.lost_bytes = 0
    whole = source.next(0.1)
    assert isinstance(cut, Unreadable)
    assert "/dev/video0: damaged JPEG" in cut.reason
    assert isinstance(whole, Frame)
    assert (cut.seq, whole.seq) == (0, 1)


@pytest.mark.parametrize(
    ("modes", "keys", "words"),
    [
        ([(640, 480)], {}, "gave 640x480, station.toml asks 1280x960"),
        ([(1280, 960)], {"rate_hz": 60}, "gave 30 frames a second, station.toml asks 60"),
        (
            [(1280, 960)],
            {"pixel_format": "YUYV"},
            "gave pixel format 'MJPG', station.toml asks YUYV",
        ),
    ],
    ids=["size", "rate", "format"],
)
def test_another_mode_than_asked_is_refused(
    modes: list[tuple[int, int]], keys: dict[str, object], words: str
) -> None:
    port = Webcam(modes)
    with pytest.raises(DeviceError) as caught:
        camera(port, **keys).open()
    assert words in str(caught.value)
    assert "/dev/video0" in str(caught.value)
    assert not port.open, "the refused device was not released"


def test_camera_that_goes_away_is_a_lost_device() -> None:
    source = camera(Webcam([(1280, 960)], frames=1))
    source.open()
    source.next(0.1)
    with pytest.raises(DeviceError, match="gives no more frames"):
        source.next(0.1)


def test_size_that_changes_while_running_is_refused() -> None:
    port = Webcam([(1280, 960)])
    source = camera(port)
    source.open()
    port.modes = [(640, 480)]
    with pytest.raises(DeviceError, match="gave 640x480"):
        source.next(0.1)


def test_missing_device_ends_the_agent_with_4_and_lists_what_is_there(
    tmp_path: object, capsys: pytest.CaptureFixture[str]
) -> None:
    from pathlib import Path

    folder = Path(str(tmp_path))
    write_image_bundle(folder / "brightness.bundle")
    (folder / "station.toml").write_text(
        '[station]\nid = "a"\n[trust]\nallow_unsigned = true\n[[channel]]\nname = "top"\n'
        'kind = "image"\nbundle = "brightness.bundle"\n[channel.source]\ndriver = "v4l2"\n'
        'device = "/dev/video97"\nwidth_px = 640\nheight_px = 480\n'
    )
    assert main(["run", str(folder / "station.toml"), "--no-wait", "--quiet"]) == 4
    said = capsys.readouterr().err
    assert "error: /dev/video97: no such camera; found " in said
    assert "plug the camera in" in said
