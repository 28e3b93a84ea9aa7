"""Rights on device nodes: files with the modes of udev, looked at for another user."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge_agent.contracts.core.check_result import CheckResult
from edge_agent.health.board.board import Needs, User, rights
from edge_agent.health.board.device_nodes import UNIT, check_device_nodes
from tests.board_trees import GROUPS, board, plant


def result(root: Path, node: str, groups: frozenset[int] = frozenset()) -> CheckResult:
    user = User("lineside", 990_990, groups)
    (found,) = check_device_nodes(board(root, Needs(device_nodes=(node,)), user=user))
    return found


def make_node(root: Path, mode: int) -> Path:
    node = plant(root, {"dev/video0": ""}) / "dev/video0"
    node.chmod(mode)
    return node


@pytest.mark.parametrize(
    ("mode", "member", "grade"),
    [(0o660, True, "OK"), (0o660, False, "FAIL"), (0o666, False, "OK"), (0o640, True, "FAIL")],
)
def test_group_and_mode_decide(tmp_path: Path, mode: int, member: bool, grade: str) -> None:
    gid = make_node(tmp_path, mode).stat().st_gid
    groups = frozenset({gid} if member else ())
    assert result(tmp_path, "/dev/video0", groups).grade == grade


def test_the_cure_is_the_group_of_the_node(tmp_path: Path) -> None:
    gid = make_node(tmp_path, 0o660).stat().st_gid
    plant(tmp_path, {"etc/group": f"{GROUPS}cameras:x:{gid}:\n" if gid else GROUPS})
    cure = result(tmp_path, "/dev/video0").cure
    assert ("sudo adduser lineside cameras" in cure) if gid else ("udev rule" in cure)


@pytest.mark.parametrize(("name", "grade"), [("lineside", "OK"), ("somebody", "FAIL")])
def test_groups_that_the_service_gives_its_user_count(
    tmp_path: Path, name: str, grade: str
) -> None:
    gid = make_node(tmp_path, 0o660).stat().st_gid
    unit = f"[Service]\nUser={name}\nSupplementaryGroups=video cameras\nUMask=0027\n"
    tree = {"etc/group": f"root:x:1:\ncameras:x:{gid}:\n", UNIT: unit}
    assert result(plant(tmp_path, tree), "/dev/video0").grade == grade


def test_root_may_and_an_owner_goes_by_its_own_bits(tmp_path: Path) -> None:
    status = make_node(tmp_path, 0o466).stat()
    assert rights(User("root", 0, frozenset()), status) == 7
    owner = User("owner", status.st_uid, frozenset({status.st_gid}))
    assert rights(owner, status) == (7 if status.st_uid == 0 else 4)
    assert rights(User("other", 990_990, frozenset()), status) == 6


@pytest.mark.parametrize(
    ("node", "cure"),
    [
        ("/dev/i2c-1", "do_i2c 0"),
        ("/dev/spidev0.0", "do_spi 0"),
        ("/dev/ttyAMA0", "do_serial_hw 0"),
        ("/dev/video3", "lineside-agent cameras"),
    ],
)
def test_an_absent_device_has_exit_code_4(tmp_path: Path, node: str, cure: str) -> None:
    found = result(tmp_path, node)
    assert (found.grade, found.exit_code, cure in found.cure) == ("FAIL", 4, True)
