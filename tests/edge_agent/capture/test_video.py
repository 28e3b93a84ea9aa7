"""A video file as a camera."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from edge_agent.capture.source import EndOfSource
from edge_agent.capture.video import VideoCamera
from edge_agent.contracts.clock import ManualClock
from edge_agent.contracts.errors import DeviceError
from edge_agent.sources import VideoSource


def camera(path: Path) -> VideoCamera:
    return VideoCamera(VideoSource(driver="video", path=path), name="top", clock=ManualClock())


def write_video(path: Path, frames: int) -> Path:
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 10, (64, 48))
    for _ in range(frames):
        writer.write(np.full((48, 64, 3), (0, 0, 250), np.uint8))
    writer.release()
    return path


def test_every_frame_comes_in_rgb_and_then_the_end(tmp_path: Path) -> None:
    source = camera(write_video(tmp_path / "run.avi", 5))
    source.open()
    frames = [source.next(0.1) for _ in range(5)]
    assert [frame.part_id for frame in frames if frame] == [f"run-{k}" for k in range(5)]
    first = frames[0]
    assert first is not None
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
