"""The folder as a camera."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from edge_agent.capture.camera.folder import FolderTable
from edge_agent.capture.registry import build_source
from edge_agent.capture.source import Source
from edge_agent.contracts.core.clock import ManualClock
from edge_agent.contracts.core.errors import DeviceError
from edge_agent.contracts.core.types import Frame, Unreadable
from tests.station_kit import take_all, write_frame


def camera(folder: Path, clock: ManualClock | None = None, **keys: object) -> Source:
    config = FolderTable.model_validate({"driver": "folder", "path": folder, **keys})
    return build_source("image", config, name="top", clock=clock or ManualClock())


def test_images_come_in_name_order_and_rgb(tmp_path: Path) -> None:
    for name in ("b.png", "a.png", "sub/c.png"):
        write_frame(tmp_path / name, 200)
    (tmp_path / "notes.txt").write_text("not an image")
    source = camera(tmp_path)
    source.open()
    items = take_all(source.next)
    assert [item.part_id for item in items] == ["a.png", "b.png", "sub/c.png"]
    assert [item.seq for item in items] == [0, 1, 2]
    assert isinstance(items[0], Frame)
    assert items[0].image.shape == (48, 64, 3)


@pytest.mark.parametrize(
    ("payload", "words"),
    [(b"", "empty"), (b"no image at all", "not a readable image")],
    ids=["empty", "text"],
)
def test_unreadable_file_is_an_item_with_its_reason(
    tmp_path: Path, payload: bytes, words: str
) -> None:
    write_frame(tmp_path / "a.png", 200)
    (tmp_path / "b.png").write_bytes(payload)
    source = camera(tmp_path)
    source.open()
    bad = take_all(source.next)[1]
    assert isinstance(bad, Unreadable)
    assert words in bad.reason
    assert "b.png" in bad.reason


@pytest.mark.parametrize(
    ("make", "words"), [(False, "no such folder"), (True, "no images in the folder")]
)
def test_absent_images_are_an_absent_device(tmp_path: Path, make: bool, words: str) -> None:
    folder = tmp_path / "frames"
    if make:
        folder.mkdir()
    with pytest.raises(DeviceError, match=words) as caught:
        camera(folder).open()
    assert caught.value.exit_code == 4


def test_waiting_camera_sees_new_files_once_they_are_settled(tmp_path: Path) -> None:
    source = camera(tmp_path, at_end="wait")
    source.open()
    assert source.next(0.1) is None
    path = write_frame(tmp_path / "new.png", 200)
    assert source.next(0.1) is None, "a file that may still be written was read"
    os.utime(path, (1, 1))
    item = source.next(0.1)
    assert item is not None
    assert item.part_id == "new.png"
    assert source.next(0.1) is None


def test_repeating_camera_begins_again_with_new_numbers(tmp_path: Path) -> None:
    write_frame(tmp_path / "a.png", 200)
    source = camera(tmp_path, at_end="repeat")
    source.open()
    items = [source.next(0.1) for _ in range(3)]
    assert [item.seq for item in items if item] == [0, 1, 2]


def test_rate_is_kept_and_a_short_timeout_gives_nothing(tmp_path: Path) -> None:
    for k in range(4):
        write_frame(tmp_path / f"{k}.png", 200)
    clock = ManualClock()
    source = camera(tmp_path, clock, rate_hz=10)
    assert source.live
    source.open()
    grabbed = []
    while len(grabbed) < 4:
        item = source.next(0.03)
        if item is not None:
            grabbed.append(item.mono_ns / 1e9)
    steps = np.diff(grabbed)
    assert steps == pytest.approx([0.1, 0.1, 0.1], abs=0.001)


def test_folder_that_goes_away_is_a_lost_device(tmp_path: Path) -> None:
    folder = tmp_path / "share"
    write_frame(folder / "a.png", 200)
    os.utime(folder / "a.png", (1, 1))
    source = camera(folder, at_end="wait")
    source.open()
    assert isinstance(source.next(0.1), Frame)
    folder.rename(tmp_path / "gone")
    with pytest.raises(DeviceError, match="no such folder"):
        source.next(0.1)
    (tmp_path / "gone").rename(folder)
    source.open()
    assert source.next(0.1) is None, "the same file is no new part"


def test_name_that_went_away_and_came_back_is_a_new_part(tmp_path: Path) -> None:
    os.utime(write_frame(tmp_path / "shot.png", 200), (1, 1))
    source = camera(tmp_path, at_end="wait")
    source.open()
    assert isinstance(source.next(0.1), Frame)
    (tmp_path / "shot.png").unlink()
    assert source.next(0.1) is None
    os.utime(write_frame(tmp_path / "shot.png", 40), (1, 1))
    assert isinstance(source.next(0.1), Frame)
