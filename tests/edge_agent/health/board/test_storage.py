"""Folders that the station writes: real ones, on mounts as /proc/self/mountinfo shows them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from edge_agent.contracts.core.check_result import CheckResult
from edge_agent.health.board.board import Folder, Needs, User
from edge_agent.health.board.storage import check_storage, grade_speed, read_mounts
from tests.board_trees import MOUNTS, PI5, board, plant


def results(
    root: Path, folder: Path, needed_mb: float = 1, uid: int | None = None
) -> dict[str, CheckResult]:
    needs = Needs(folders=(Folder("state folder", folder, needed_mb, "lower the quota"),))
    user = User("lineside", os.geteuid() if uid is None else uid, frozenset())
    return {result.what: result for result in check_storage(board(root, needs, user=user))}


def test_a_folder_with_room_is_written_to_and_left_clean(tmp_path: Path) -> None:
    state = tmp_path / "state"
    state.mkdir()
    found = results(plant(tmp_path / "root", PI5), state)
    assert set(found) == {"state folder", "state folder speed"}
    assert found["state folder"].grade == "OK"
    assert "median of" in found["state folder speed"].detail
    assert not list(state.iterdir())


def test_a_folder_without_room_says_how_much_is_missing(tmp_path: Path) -> None:
    found = results(tmp_path, tmp_path, needed_mb=1e9)["state folder"]
    assert found.grade == "FAIL"
    assert found.cure.startswith("free ")
    assert found.cure.endswith("or lower the quota")


def test_a_folder_that_is_not_there_is_not_made(tmp_path: Path) -> None:
    found = results(tmp_path, tmp_path / "state")["state folder"]
    assert found.grade == "WARN"
    assert found.cure == f"sudo install -d -o lineside -m 750 {tmp_path / 'state'}"
    assert not (tmp_path / "state").exists()


def test_a_folder_of_another_user_is_a_fault_even_where_root_looks(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    found = results(tmp_path, tmp_path, uid=990_990)["state folder owner"]
    assert (found.grade, found.cure) == ("FAIL", f"sudo chown -R lineside: {tmp_path}")


@pytest.mark.parametrize(
    ("line", "grade"),
    [
        ("40 22 179:3 / {at} ro,noatime - ext4 /dev/mmcblk0p3 ro", "FAIL"),
        ("40 22 179:3 / {at} rw,noatime - ext4 /dev/mmcblk0p3 ro,errors=remount-ro", "FAIL"),
        ("40 22 0:40 / {at} rw,relatime - overlay overlay rw,upperdir=/up", "WARN"),
        ("40 22 0:41 / {at} rw,nosuid shared:5 - tmpfs tmpfs rw,size=8k", "WARN"),
    ],
)
def test_a_mount_that_loses_what_is_written_is_named(tmp_path: Path, line: str, grade: str) -> None:
    tree = {"proc/self/mountinfo": MOUNTS + line.format(at=tmp_path) + "\n"}
    found = results(plant(tmp_path / "root", tree), tmp_path)["state folder mount"]
    assert (found.grade, str(tmp_path) in found.detail) == (grade, True)


def test_mounts_have_their_spaces_and_the_root_is_writable() -> None:
    extra = r"41 22 8:1 / /media/USB\040STICK rw - vfat /dev/sda1 rw"
    mounts = read_mounts(f"{MOUNTS}{extra}\nnot a mount\n")
    assert [mount.point for mount in mounts] == ["/", "/proc", "/boot/firmware", "/media/USB STICK"]
    assert not any(mount.read_only for mount in mounts)


def test_a_slow_card_is_warned_of() -> None:
    assert grade_speed("state folder", 12, "").grade == "OK"
    slow = grade_speed("state folder", 400, "")
    assert (slow.grade, "A1" in slow.cure) == ("WARN", True)
