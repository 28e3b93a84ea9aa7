"""Real-time priority. Source: proc(5), /proc/PID/limits, /proc/PID/environ, /proc/PID/task."""

from __future__ import annotations

import re
from collections.abc import Iterator

from edge_agent.contracts.core.check_result import CheckResult
from edge_agent.contracts.core.real_time import VARIABLE
from edge_agent.health.board.board import Board

REAL_TIME = ("1", "2")
"""SCHED_FIFO and SCHED_RR."""


def check_realtime(board: Board) -> Iterator[CheckResult]:
    """What the limits allow; the station's service asks for it, and none is no fault."""
    row = re.search(r"^Max realtime priority\s+(\S+)", board.text("proc/self/limits"), re.MULTILINE)
    if row is None:
        yield CheckResult("real-time priority", "UNKNOWN", "the kernel does not tell its limit")
    elif row[1] == "0":
        detail = "not allowed to this user; the station's service sets its own limit"
        yield CheckResult("real-time priority", "OK", detail)
    else:
        yield CheckResult("real-time priority", "OK", f"allowed up to {row[1]}")
    for process in _agents(board):
        yield _given(board, process)


def _agents(board: Board) -> Iterator[str]:
    """The folder of every process that asks for real time and that this user may look into."""
    for path in board.paths("proc/[0-9]*/environ"):
        if f"{VARIABLE}=1" in board.text(path).split("\0"):
            yield path.removesuffix("/environ")


def _given(board: Board, process: str) -> CheckResult:
    what, number = "real time of the agent", process.removeprefix("proc/")
    policies = [_policy(board.text(path)) for path in board.paths(f"{process}/task/[0-9]*/stat")]
    count = sum(policy in REAL_TIME for policy in policies)
    if count:
        return CheckResult(what, "OK", f"process {number}: {count} of {len(policies)} threads")
    detail = f"process {number} asks for it, and none of its {len(policies)} threads has it"
    cure = "nothing while it is not armed; else its log says why (docs/station.md)"
    return CheckResult(what, "WARN", detail, cure)


def _policy(stat: str) -> str:
    """Field 41 of proc_pid_stat(5); the thread's name, field 2, may hold spaces."""
    fields = stat.rpartition(")")[2].split()
    return fields[38] if len(fields) > 38 else ""
