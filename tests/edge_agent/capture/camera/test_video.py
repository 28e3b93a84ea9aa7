"""A video file as a camera."""

from __future__ import annotations

from pathlib import Path

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


def write_video(path: Path, frames: int, code: str = "MJPG") -> Path:
    """A red video with some noise, so that every frame takes room."""
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*code), 10, (64, 48))
    noise = np.random.default_rng(0)
    for _ in range(frames):
        writer.write(noise.integers((0, 0, 235), (15, 15, 255), (48, 64, 3)).astype(np.uint8))
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
    with pytest.raises(DeviceError, match=r"text\.mp4: not a video that OpenCV reads"):
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
