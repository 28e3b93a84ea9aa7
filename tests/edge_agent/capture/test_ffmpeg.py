"""FFmpeg's stream: whole frames with their times, damage named, an address that is no video."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("av", reason="NOT TESTED: PyAV is not installed")

from edge_agent.capture.ffmpeg import DecodedFrame, FfmpegStream
from edge_agent.contracts.core.errors import DeviceError
from tests.edge_agent.capture.camera.test_video import write_video


def frames_of(path: Path) -> list[DecodedFrame]:
    stream = FfmpegStream(str(path))
    stream.open()
    found = list(iter(stream.next, None))
    stream.close()
    return found


@pytest.mark.parametrize("code", ["MJPG", "mp4v"])
def test_frames_have_the_size_and_the_times_of_the_file(code: str, tmp_path: Path) -> None:
    path = write_video(tmp_path / "run.avi", 5, code)
    stream = FfmpegStream(str(path))
    assert (stream.announced, stream.rate_hz, stream.size_px) == (0, 0.0, (0, 0))
    stream.open()
    assert (stream.announced, stream.rate_hz, stream.size_px) == (5, 10.0, (64, 48))
    stream.close()
    found = frames_of(path)
    assert [frame.time_ns for frame in found] == [k * 100_000_000 for k in range(5)]
    assert all(frame.image is not None and frame.image.shape == (48, 64, 3) for frame in found)


def test_damage_is_a_fault_and_never_a_picture_of_the_frame_before(tmp_path: Path) -> None:
    path = write_video(tmp_path / "run.avi", 4, size=(160, 120))
    content = bytearray(path.read_bytes())
    starts = [at for at in range(len(content)) if content[at : at + 4] == b"\xff\xd8\xff\xfe"]
    middle = (starts[1] + starts[2]) // 2
    content[middle : starts[2] - 8] = bytes(starts[2] - 8 - middle)
    path.write_bytes(content)
    found = frames_of(path)
    assert [frame.image is None for frame in found] == [False, True, False, False]
    assert "damaged JPEG" in found[1].fault
    assert found[1].time_ns == 100_000_000


def test_what_is_no_video_is_named_by_its_public_name(tmp_path: Path) -> None:
    (tmp_path / "x").write_text("text")
    with pytest.raises(DeviceError, match="camera 7: no video that FFmpeg reads") as error:
        FfmpegStream(str(tmp_path / "x"), where="camera 7").open()
    assert str(tmp_path) not in str(error.value)
