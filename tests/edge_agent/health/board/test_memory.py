"""Memory of the board, and the limits of control groups (v2)."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge_agent.contracts.core.check_result import CheckResult
from edge_agent.health.board.memory import check_memory, rss_mb
from tests.board_trees import MEMINFO, PI5, board, plant

SERVICE = "sys/fs/cgroup/system.slice/lineside-agent.service"


def results(root: Path) -> dict[str, CheckResult]:
    return {result.what: result for result in check_memory(board(root))}


@pytest.mark.parametrize(
    ("free_kb", "grade"), [("6912345", "OK"), ("200000", "WARN"), ("40000", "FAIL")]
)
def test_available_memory(tmp_path: Path, free_kb: str, grade: str) -> None:
    tree = {"proc/meminfo": MEMINFO.replace("6912345", free_kb)}
    found = results(plant(tmp_path, PI5, tree))
    assert {what: result.grade for what, result in found.items()} == {"memory": grade}


def test_a_kernel_of_raspberry_pi_os_that_counts_no_memory_is_named(tmp_path: Path) -> None:
    tree = {"sys/fs/cgroup/cgroup.controllers": "cpuset cpu io pids\n"}
    found = results(plant(tmp_path, PI5, tree))["control groups"]
    assert (found.grade, "cgroup_enable=memory" in found.cure) == ("WARN", True)


def test_limits_of_the_service_and_what_the_kernel_killed(tmp_path: Path) -> None:
    tree = {
        f"{SERVICE}/memory.max": "134217728\n",
        f"{SERVICE}/cpu.max": "50000 100000\n",
        f"{SERVICE}/memory.events": "low 0\nhigh 0\nmax 9\noom 2\noom_kill 2\n",
    }
    checks = list(check_memory(board(plant(tmp_path, PI5, tree))))[1:]
    assert [result.grade for result in checks] == ["WARN"] * 3
    assert "128 MB" in checks[0].detail
    assert "50 % of a core" in checks[1].detail
    assert "ended 2 processes" in checks[2].detail


def test_a_limit_of_a_group_above_counts_and_max_is_none(tmp_path: Path) -> None:
    tree = {
        "sys/fs/cgroup/user.slice/memory.max": "100000000\n",
        "sys/fs/cgroup/user.slice/user-1000.slice/memory.max": "max\n",
        "sys/fs/cgroup/user.slice/user-1000.slice/cpu.max": "max 100000\n",
    }
    found = results(plant(tmp_path, PI5, tree))
    assert found["memory limit"].detail.startswith("user.slice may")
    assert "processor limit" not in found


def test_nothing_is_known_without_proc(tmp_path: Path) -> None:
    assert results(tmp_path)["memory"].grade == "UNKNOWN"


def test_resident_memory_is_what_the_kernel_says() -> None:
    said = Path("/proc/self/status").read_text().split("VmRSS:")[1].split()[0]
    assert rss_mb() == pytest.approx(int(said) / 1024, rel=0.05)
