"""A video file as a camera."""

from __future__ import annotations

from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from edge_agent.capture.camera.video import VideoCamera, VideoTable
from edge_agent.capture.source import EndOfSource
from edge_agent.contracts.core.clock import ManualClock
from edge_agent.contracts.core.errors import DeviceError
from edge_agent.contracts.core.types import Frame, Item, Unreadable
from tests.station_kit import take_all


def camera(path: Path) -> VideoCamera:
    return VideoCamera(VideoTable(driver="video", path=path), name="top", clock=ManualClock())


def items_of(path: Path) -> list[Item]:
    source = camera(path)
    source.open()
    items = take_all(source.next)
    source.close()
    return items


def write_video(
    path: Path, frames: int, code: str = "MJPG", size: tuple[int, int] = (64, 48)
) -> Path:
    """A red video with some noise, so that every frame takes room."""
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*code), 10, size)
    noise = np.random.default_rng(0)
    for _ in range(frames):
        writer.write(noise.integers((0, 0, 235), (15, 15, 255), (*size[::-1], 3)).astype(np.uint8))
    writer.release()
    return path


def test_every_frame_comes_in_rgb_and_then_the_end(tmp_path: Path) -> None:
    source = camera(write_video(tmp_path / "run.avi", 5))
    source.open()
    frames = [source.next(0.1) for _ in range(5)]
    assert [frame.part_id for frame in frames if frame] == [f"run-{k}" for k in range(5)]
    first = frames[0]
    assert isinstance(first, Frame)
    assert first.image[0, 0, 0] > 200 > 60 > first.image[0, 0, 2], "red became blue"
    with pytest.raises(EndOfSource):
        source.next(0.1)
    source.close()
    source.close()


def test_missing_and_wrong_files_are_named(tmp_path: Path) -> None:
    with pytest.raises(DeviceError, match=r"gone\.mp4: no such video file"):
        camera(tmp_path / "gone.mp4").open()
    (tmp_path / "text.mp4").write_text("no video")
    with pytest.raises(DeviceError, match=r"text\.mp4: no video that FFmpeg reads"):
        camera(tmp_path / "text.mp4").open()


@pytest.mark.parametrize(("suffix", "code"), [("avi", "MJPG"), ("mkv", "mp4v"), ("mp4", "mp4v")])
def test_whole_file_ends_without_a_complaint(tmp_path: Path, suffix: str, code: str) -> None:
    items = items_of(write_video(tmp_path / f"run.{suffix}", 12, code))
    assert [type(item) for item in items] == [Frame] * 12


@pytest.mark.parametrize(("suffix", "code"), [("avi", "MJPG"), ("mkv", "mp4v")])
def test_frame_at_which_a_file_breaks_off_is_not_judged(
    tmp_path: Path, suffix: str, code: str, caplog: pytest.LogCaptureFixture
) -> None:
    path = write_video(tmp_path / f"run.{suffix}", 50, code)
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 3 // 5])
    *frames, last = items_of(path)
    assert {type(frame) for frame in frames} == {Frame}
    assert isinstance(last, Unreadable)
    assert last.part_id == f"run-{len(frames)}"
    missing = 50 - len(frames) - 1
    assert 10 < missing < 40
    assert f"breaks off here: {missing} of the 50 frames it announces are missing" in last.reason
    assert "copy it again" in caplog.text


def test_a_frame_whose_picture_is_cut_is_not_judged_and_the_next_one_is(tmp_path: Path) -> None:
    path = write_video(tmp_path / "run.avi", 6, size=(160, 120))
    payload = bytearray(path.read_bytes())
    starts = [at for at in range(len(payload)) if payload[at : at + 4] == b"\xff\xd8\xff\xfe"]
    assert len(starts) == 6
    middle = (starts[1] + starts[2]) // 2
    payload[middle : starts[2] - 8] = bytes(starts[2] - 8 - middle)
    path.write_bytes(payload)
    items = items_of(path)
    assert [type(item) for item in items] == [Frame, Unreadable, *[Frame] * 4]
    assert isinstance(items[1], Unreadable)
    assert "damaged JPEG" in items[1].reason


def write_moving_video(path: Path, frames: int) -> Path:
    """A textured still with a square that moves: most frames build on the one before."""
    still = np.random.default_rng(0).integers(0, 255, (240, 320, 3)).astype(np.uint8)
    still = cv2.GaussianBlur(still, (15, 15), 0)
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"mp4v"), 10, (320, 240))
    for k in range(frames):
        frame = still.copy()
        frame[60:180, 4 * k : 4 * k + 120] = still[:120, 200 - 3 * k : 320 - 3 * k]
        writer.write(frame)
    writer.release()
    return path


def test_what_builds_on_a_damaged_frame_is_not_judged_either(tmp_path: Path) -> None:
    path = write_moving_video(tmp_path / "run.mp4", 40)
    with av.open(path) as container:
        packets = [p for p in container.demux(video=0) if p.size]
        hurt = next(k for k, p in enumerate(packets) if k > 12 and not p.is_keyframe)
        whole = next(k for k in range(hurt, 40) if packets[k].is_keyframe)
        at, size = packets[hurt].pos, packets[hurt].size
    payload = bytearray(path.read_bytes())
    payload[at + size // 2 : at + size] = b"\xff" * (size - size // 2)
    path.write_bytes(payload)
    kinds = "".join("F" if isinstance(item, Frame) else "u" for item in items_of(path))
    assert kinds == "F" * hurt + "u" * (whole - hurt) + "F" * (40 - whole)


def test_frames_that_are_missing_in_the_middle_leave_one_item(tmp_path: Path) -> None:
    path = write_video(tmp_path / "run.mkv", 40, "mp4v", (320, 240))
    payload = bytearray(path.read_bytes())
    third = len(payload) // 3
    payload[third : third + 60_000] = bytes(60_000)
    path.write_bytes(payload)
    items = items_of(path)
    lost = [item.reason for item in items if isinstance(item, Unreadable)]
    assert any("frames are missing here" in reason for reason in lost), lost
    assert not any("breaks off" in reason for reason in lost), lost
