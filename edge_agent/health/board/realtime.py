"""Real-time priority. Source: proc(5), /proc/PID/limits."""

from __future__ import annotations

import re
from collections.abc import Iterator

from edge_agent.contracts.core.check_result import CheckResult
from edge_agent.health.board.board import Board


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
