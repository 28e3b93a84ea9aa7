"""The real-time priority that /proc/self/limits allows."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from edge_agent.health.board.realtime import _policy, check_realtime
from tests.board_trees import LIMITS, board, plant

ROW = "Max realtime priority     {}"


@pytest.mark.parametrize(
    ("soft", "grade", "detail"),
    [("0", "OK", "not allowed"), ("95", "OK", "up to 95"), ("unlimited", "OK", "up to unlimited")],
)
def test_soft_limit(tmp_path: Path, soft: str, grade: str, detail: str) -> None:
    limits = LIMITS.replace(ROW.format("0"), ROW.format(soft))
    (result,) = check_realtime(board(plant(tmp_path, {"proc/self/limits": limits})))
    assert (result.grade, detail in result.detail) == (grade, True)


def test_not_known_without_the_row(tmp_path: Path) -> None:
    (result,) = check_realtime(board(tmp_path))
    assert result.grade == "UNKNOWN"


def stat(policy: int) -> str:
    """proc_pid_stat(5) of a thread whose name holds what parsers stumble over."""
    return "7 (a) b) S " + "0 " * 37 + f"{policy} 0 0"


@pytest.mark.parametrize(
    ("environ", "policies", "expected"),
    [
        ("A=1\0LINESIDE_REAL_TIME=1\0", (0, 2, 0), [("OK", "process 7: 1 of 3 threads")]),
        ("LINESIDE_REAL_TIME=1\0", (0, 0), [("WARN", "none of its 2 threads has it")]),
        ("LINESIDE_REAL_TIME=0\0", (0, 0), []),
        ("XLINESIDE_REAL_TIME=1\0", (0, 0), []),
    ],
)
def test_an_agent_that_asked_and_did_not_get_it_is_told(
    tmp_path: Path, environ: str, policies: tuple[int, ...], expected: list[tuple[str, str]]
) -> None:
    tasks = {f"proc/7/task/{k}/stat": stat(policy) for k, policy in enumerate(policies)}
    tree = {"proc/self/limits": LIMITS, "proc/7/environ": environ, **tasks}
    _, *found = check_realtime(board(plant(tmp_path, tree)))
    assert len(found) == len(expected)
    for result, (grade, words) in zip(found, expected, strict=True):
        assert result.grade == grade
        assert words in result.detail
        assert bool(result.cure) == (grade != "OK")


def test_the_policy_is_where_the_kernel_puts_it() -> None:
    text = Path("/proc/self/task", str(os.getpid()), "stat").read_text(encoding="utf-8")
    assert _policy(text) == str(os.sched_getscheduler(0) & ~os.SCHED_RESET_ON_FORK)
