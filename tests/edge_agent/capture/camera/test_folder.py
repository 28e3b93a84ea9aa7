"""The folder as a camera."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from edge_agent.capture.camera.folder import FolderTable
from edge_agent.capture.drivers import build_source
from edge_agent.capture.folder_watch import FolderWatch
from edge_agent.capture.source import Source
from edge_agent.contracts.core.clock import ManualClock
from edge_agent.contracts.core.errors import DeviceError
from edge_agent.contracts.core.types import Frame, Item, Unreadable
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


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


def waiting(folder: Path, clock: ManualClock, **keys: object) -> Source:
    """A camera that waits for new files, and has taken those that are there."""
    source = camera(folder, clock, at_end="wait", **keys)
    source.open()
    taken(source, clock)
    return source


def taken(source: Source, clock: ManualClock, within_s: float = 1.0) -> list[Item]:
    """What the camera gives within a time of its own clock."""
    until = clock.mono_ns() + within_s * 1e9
    items = []
    while clock.mono_ns() < until:
        item = source.next(0.2)
        if item is not None:
            items.append(item)
    return items


def ids(items: list[Item]) -> list[str]:
    return [item.part_id for item in items]


def test_a_new_file_is_read_when_it_did_not_change_between_two_looks(
    tmp_path: Path, clock: ManualClock
) -> None:
    source = waiting(tmp_path, clock)
    write_frame(tmp_path / "new.png", 200)
    assert source.next(0.1) is None, "a file that may still be written was read"
    assert ids(taken(source, clock)) == ["new.png"]
    assert taken(source, clock) == []


@pytest.mark.parametrize("at_s", [1, 4_000_000_000], ids=["1970", "2096"])
def test_the_time_stamp_of_a_file_is_no_clock(
    tmp_path: Path, clock: ManualClock, at_s: int
) -> None:
    source = waiting(tmp_path, clock)
    os.utime(write_frame(tmp_path / "shot.png", 200), (at_s, at_s))
    assert ids(taken(source, clock)) == ["shot.png"]


def in_place(path: Path, level: int) -> None:
    fresh = write_frame(path.parent / ".fresh.png", level, seed=level)
    path.write_bytes(fresh.read_bytes())


def by_rename(path: Path, level: int) -> None:
    write_frame(path.parent / ".fresh.png", level, seed=level).rename(path)


def with_the_old_time_stamp(path: Path, level: int) -> None:
    before = path.stat()
    by_rename(path, level)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def of_the_same_size_and_time(path: Path, level: int) -> None:
    """As `rsync --inplace --times` writes uncompressed pictures."""
    before = path.stat()
    payload = cv2.imencode(".bmp", np.full((40, 60, 3), level, np.uint8))[1].tobytes()
    with path.open("r+b") as file:
        file.write(payload)
        file.truncate()
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


@pytest.mark.parametrize(
    "write_again", [in_place, by_rename, with_the_old_time_stamp, of_the_same_size_and_time]
)
def test_a_file_that_is_written_again_is_a_new_frame(
    tmp_path: Path, clock: ManualClock, write_again: Callable[[Path, int], None]
) -> None:
    path = write_frame(tmp_path / "snapshot.png", 200)
    source = waiting(tmp_path, clock)
    seen = []
    for level in (40, 90, 140):
        write_again(path, level)
        seen += taken(source, clock)
    assert ids(seen) == ["snapshot.png#2", "snapshot.png#3", "snapshot.png#4"]
    assert [round(item.image.mean(), -1) for item in seen if isinstance(item, Frame)] == [
        40,
        90,
        140,
    ]


def test_a_file_that_changes_its_rights_is_no_new_frame(tmp_path: Path, clock: ManualClock) -> None:
    path, bad = write_frame(tmp_path / "a.png", 200), tmp_path / "b.png"
    bad.write_bytes(b"no image")
    source = camera(tmp_path, clock, at_end="wait", patience_s=1)
    source.open()
    assert ids(taken(source, clock, 3)) == ["a.png", "b.png"]
    path.chmod(0o600)
    bad.chmod(0o600)
    os.link(path, tmp_path / "c.txt")
    assert taken(source, clock, 3) == []
    in_place(path, 40)
    assert ids(taken(source, clock)) == ["a.png#2"]


def test_an_upload_that_pauses_is_read_when_it_is_whole(tmp_path: Path, clock: ManualClock) -> None:
    source = waiting(tmp_path, clock)
    payload = write_frame(tmp_path / ".whole.png", 200).read_bytes()
    path = tmp_path / "a.png"
    for end in (0, 100, len(payload) // 2, len(payload) - 8):
        path.write_bytes(payload[:end])
        assert taken(source, clock, 2.0) == []
    path.write_bytes(payload)
    assert [type(item) for item in taken(source, clock)] == [Frame]


def test_a_file_that_never_becomes_whole_is_unreadable_after_a_while(
    tmp_path: Path, clock: ManualClock
) -> None:
    source = waiting(tmp_path, clock, patience_s=3)
    payload = write_frame(tmp_path / ".whole.png", 200).read_bytes()
    (tmp_path / "a.png").write_bytes(payload[:200])
    write_frame(tmp_path / "b.png", 200)
    items = taken(source, clock, 6.0)
    assert ids(items) == ["b.png", "a.png"], "a broken file must not keep the others waiting"
    assert isinstance(items[1], Unreadable)


def test_many_old_files_cost_nothing_and_hide_no_new_one(
    tmp_path: Path, clock: ManualClock
) -> None:
    payload = write_frame(tmp_path / ".one.png", 200).read_bytes()
    for k in range(3000):
        (tmp_path / f"old{k:05d}.png").write_bytes(payload)
    watch = FolderWatch(tmp_path, [".png"], clock)
    watch.look()
    clock.advance_s(1)
    for path in watch.settled(0.2):
        watch.give(path, b"")
    looked = []
    clock.advance_s(1)
    watch.look()
    began = time.process_time()
    for _ in range(50):
        clock.advance_s(0.05)
        watch.look()
    idle_s = time.process_time() - began
    began = time.process_time()
    list(map(Path.stat, tmp_path.iterdir()))
    assert idle_s < 10 * (time.process_time() - began), "50 looks cost more than 10 listings"
    (tmp_path / "old00007.png").write_bytes(payload + b" ")
    write_frame(tmp_path / "new.png", 40)
    for _ in range(200):
        clock.advance_s(0.05)
        watch.look()
        looked = watch.settled(0.2)
        if len(looked) == 2:
            break
    assert [path.name for path in looked] == ["new.png", "old00007.png"]


def test_files_that_are_not_read_are_named_once(
    tmp_path: Path, clock: ManualClock, caplog: pytest.LogCaptureFixture
) -> None:
    source = waiting(tmp_path, clock)
    for name in ("a.heic", "b.heic", "notes"):
        (tmp_path / name).write_bytes(b"?")
    taken(source, clock, 12.0)
    assert sorted(record.getMessage() for record in caplog.records) == [
        "channel top: 1 files without suffix are not read",
        "channel top: 2 files .heic are not read",
    ]


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


def test_folder_that_goes_away_is_a_lost_device(tmp_path: Path, clock: ManualClock) -> None:
    folder = tmp_path / "share"
    write_frame(folder / "a.png", 200)
    source = waiting(folder, clock)
    folder.rename(tmp_path / "gone")
    with pytest.raises(DeviceError, match="no such folder"):
        source.next(0.1)
    (tmp_path / "gone").rename(folder)
    source.open()
    assert taken(source, clock) == [], "the same file is no new part"


def test_name_that_went_away_and_came_back_is_a_new_part(
    tmp_path: Path, clock: ManualClock
) -> None:
    write_frame(tmp_path / "shot.png", 200)
    source = waiting(tmp_path, clock)
    (tmp_path / "shot.png").unlink()
    assert taken(source, clock) == []
    write_frame(tmp_path / "shot.png", 40)
    assert ids(taken(source, clock)) == ["shot.png"]
