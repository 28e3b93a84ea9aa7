"""A V4L2 camera: what it gives is read back, and anything else than asked is refused."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest

from edge_agent.__main__ import main
from edge_agent.capture.camera.v4l2 import SETTLING, STALL_S, V4l2Camera, V4l2Table
from edge_agent.capture.video4linux.node import VideoControl, VideoFormat, VideoFrame, VideoMode
from edge_agent.contracts.core.clock import ManualClock
from edge_agent.contracts.core.errors import DeviceError
from edge_agent.contracts.core.types import Frame, Unreadable
from tests.station_kit import write_image_bundle

EXPOSURE, AUTO_EXPOSURE, GAIN = 0x009A0902, 0x009A0901, 0x00980913
CONTROLS = {
    AUTO_EXPOSURE: VideoControl("auto_exposure", AUTO_EXPOSURE, 0, 3, 1, 3),
    EXPOSURE: VideoControl("exposure_time_absolute", EXPOSURE, 1, 5000, 1, 157),
    GAIN: VideoControl("gain", GAIN, 0, 255, 1, None),
}


class Webcam:
    """A port with the manners of a UVC camera: it takes the nearest mode it has, silently; its
    exposure moves by itself while its automatic is on, and its gain cannot be read back.
    """

    def __init__(self, modes: list[tuple[int, int]], rate_hz: float = 30, frames: int = 3) -> None:
        self.modes = modes
        self.mode = VideoMode(0, 0, "MJPG", rate_hz=rate_hz)
        self.left = frames + SETTLING
        self.given = frames + SETTLING
        self.is_open = False
        self.lost_bytes = 0
        self.sequence = 0
        self.stamp_ns = 1_000_000_000
        self.values = {number: one.value for number, one in CONTROLS.items()}

    def open(self) -> None:
        self.is_open = True
        self.left = self.given

    def formats(self) -> list[VideoFormat]:
        sizes = {f"{width}x{height}": (30.0,) for width, height in self.modes}
        return [VideoFormat("H264", "H.264", sizes), VideoFormat("MJPG", "Motion-JPEG", sizes)]

    def set_mode(self, wanted: VideoMode) -> VideoMode:
        width, height = min(self.modes, key=lambda mode: abs(mode[0] - wanted.width_px))
        self.mode = replace(self.mode, width_px=width, height_px=height)
        return self.mode

    def controls(self) -> dict[str, VideoControl]:
        return {one.name: one for one in CONTROLS.values()}

    def read_control(self, number: int) -> int | None:
        return self.values[number]

    def write_control(self, number: int, value: int) -> bool:
        if number == EXPOSURE and self.values[AUTO_EXPOSURE] != 1:
            return False
        self.values[number] = value if CONTROLS[number].readable else None
        return True

    def start(self) -> None:
        pass

    def read(self, timeout_s: float) -> VideoFrame | None:
        self.left -= 1
        if self.left < 0:
            raise DeviceError("gives no more frames", where="/dev/video0", cure="check the cable")
        frame = np.full((self.mode.height_px, self.mode.width_px, 3), (0, 0, 255), np.uint8)
        jpeg = cv2.imencode(".jpg", frame)[1].tobytes()
        payload = jpeg[: len(jpeg) - self.lost_bytes]
        number, self.sequence = self.sequence, self.sequence + 1
        return VideoFrame(payload, number, self.stamp_ns, self.stamp_ns)

    def close(self) -> None:
        self.is_open = False


def take(source: V4l2Camera) -> Frame | Unreadable | None:
    """The next item; frames right after the start are left out."""
    for _ in range(SETTLING + 1):
        item = source.next(0.1)
        if item is not None:
            return item
    return None


def camera(port: Webcam, clock: ManualClock | None = None, **keys: object) -> V4l2Camera:
    asked = {"driver": "v4l2", "width_px": 1280, "height_px": 960, **keys}
    return V4l2Camera(
        V4l2Table.model_validate(asked),
        name="top",
        clock=clock or ManualClock(mono_ns=1_000_500_000),
        open_port=lambda device: port,
    )


def test_frames_are_rgb_and_numbered() -> None:
    source = camera(Webcam([(640, 480), (1280, 960)]), rate_hz=30, pixel_format="MJPG")
    source.open()
    frames = [take(source) for _ in range(2)]
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
    cut = take(source)
    port.lost_bytes = 0
    whole = take(source)
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
    assert not port.is_open, "the refused device was not released"


def test_camera_that_goes_away_is_a_lost_device() -> None:
    source = camera(Webcam([(1280, 960)], frames=1))
    source.open()
    take(source)
    with pytest.raises(DeviceError, match="gives no more frames"):
        take(source)


def test_a_hole_in_the_drivers_numbers_is_a_hole_in_seq() -> None:
    port = Webcam([(1280, 960)], frames=5)
    source = camera(port)
    source.open()
    first = take(source)
    port.sequence += 3
    later = take(source)
    assert first is not None
    assert later is not None
    assert (first.seq, later.seq) == (0, 4)


def test_a_frame_is_as_old_as_the_drivers_stamp() -> None:
    source = camera(Webcam([(1280, 960)]), ManualClock(mono_ns=1_040_000_000))
    source.open()
    frame = take(source)
    assert frame is not None
    assert frame.mono_ns == 1_000_000_000
    assert ManualClock().utc_ns() - frame.captured_at_ns == 40_000_000


def test_exposure_is_set_with_its_automatic_off_and_read_back() -> None:
    port = Webcam([(1280, 960)])
    camera(port, exposure_us=2000).open()
    assert (port.values[AUTO_EXPOSURE], port.values[EXPOSURE]) == (1, 20)


def test_a_frame_taken_while_a_setting_had_moved_is_not_judged_and_it_is_set_again() -> None:
    port = Webcam([(1280, 960)], frames=9)
    source = camera(port, exposure_us=2000, check_every=1)
    source.open()
    assert isinstance(take(source), Frame)
    port.values[EXPOSURE] = 400
    moved = take(source)
    assert isinstance(moved, Unreadable)
    assert "exposure_us was 400, it is locked to 20" in moved.reason
    assert isinstance(take(source), Frame)


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        ({"gain": 10}, "cannot read gain back: nobody knows what it is set to"),
        ({"focus": 10}, "has no focus; it has auto_exposure, exposure_time_absolute, gain"),
        ({"exposure_us": 900_000}, "takes exposure_us from 100 to 500000, 900000 is asked"),
        ({"controls": {"gian": 3}}, "has no gian, did you mean"),
    ],
    ids=["no read-back", "no control", "out of range", "mistyped"],
)
def test_a_setting_that_the_camera_cannot_hold_is_refused(
    keys: dict[str, object], words: str
) -> None:
    with pytest.raises(DeviceError) as caught:
        camera(Webcam([(1280, 960)]), **keys).open()
    assert words in str(caught.value)


def test_a_camera_that_stalls_is_lost_within_two_seconds() -> None:
    clock, port = ManualClock(mono_ns=1_000_000_000), Webcam([(1280, 960)])
    source = camera(port, clock)
    source.open()
    port.read = lambda timeout_s: None  # type: ignore[method-assign]
    clock.advance_s(STALL_S - 0.1)
    assert source.next(0.1) is None
    clock.advance_s(0.2)
    with pytest.raises(DeviceError, match=r"gave nothing for 1\.5 s"):
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
