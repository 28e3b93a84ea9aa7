"""Ports as /proc/net/tcp and the processes' links show them."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge_agent.contracts.core.check_result import CheckResult
from edge_agent.health.board.board import Needs, User
from edge_agent.health.board.ports import check_ports
from tests.board_trees import LINESIDE, PI5, TCP, board, plant

ROOT = User("root", 0, frozenset({0}))


def result(root: Path, port: int, user: User = LINESIDE) -> CheckResult:
    (found,) = check_ports(board(root, Needs(ports=(port,)), user=user))
    return found


def hold(root: Path, command: str, inode: int = 20431) -> None:
    """A process 812 that holds a socket."""
    plant(root, {"proc/812/cmdline": command, "proc/812/fd/.folder": ""})
    (root / "proc/812/fd/7").symlink_to(f"socket:[{inode}]")


@pytest.mark.parametrize("table", ["proc/net/tcp", "proc/net/tcp6"])
def test_a_port_of_another_program_is_a_fault_that_names_it(tmp_path: Path, table: str) -> None:
    text = TCP.replace("0100007F:1F90", "00000000000000000000000000000000:1F90")
    plant(tmp_path, PI5, {table: text if table.endswith("6") else TCP})
    hold(tmp_path, "/usr/bin/python3\0-m\0http.server\0")
    found = result(tmp_path, 8080)
    assert found.grade == "FAIL"
    assert "in use by /usr/bin/python3 -m http.server (process 812)" in found.detail


def test_the_running_agent_is_no_fault(tmp_path: Path) -> None:
    plant(tmp_path, PI5, {"proc/net/tcp": TCP})
    hold(tmp_path, "/opt/lineside/bin/python\0/opt/lineside/bin/lineside-agent\0run\0")
    assert result(tmp_path, 8080).grade == "OK"


def test_a_port_whose_owner_is_hidden_is_a_warning(tmp_path: Path) -> None:
    plant(tmp_path, PI5, {"proc/net/tcp": TCP})
    hold(tmp_path, "other\0", inode=1)
    assert result(tmp_path, 8080).grade == "WARN"


def test_a_connection_leaves_its_port_free_to_listen(tmp_path: Path) -> None:
    assert result(plant(tmp_path, PI5, {"proc/net/tcp": TCP}), 50000).grade == "OK"


@pytest.mark.parametrize(
    ("first", "user", "grade"),
    [("1024", LINESIDE, "FAIL"), ("502", LINESIDE, "OK"), ("0", LINESIDE, "OK"),
     ("1024", ROOT, "OK")],
    ids=["not allowed", "allowed from 502", "all allowed", "root"],
)  # fmt: skip
def test_a_low_port_needs_a_right(tmp_path: Path, first: str, user: User, grade: str) -> None:
    tree = {"proc/sys/net/ipv4/ip_unprivileged_port_start": f"{first}\n"}
    found = result(plant(tmp_path, PI5, tree), 502, user)
    assert found.grade == grade
    assert ("ip_unprivileged_port_start=502" in found.cure) == (grade == "FAIL")
