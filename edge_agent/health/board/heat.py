"""How hot the board is. Source: the kernel's "Generic Thermal Sysfs driver How To"."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

from edge_agent.contracts.core.check_result import CheckResult
from edge_agent.health.board.board import Board, number

THERMAL = Path("/sys/class/thermal")
WARM_C = 80.0
"""From here a Raspberry Pi slows down."""
CRITICAL_C = 95.0
"""Where the kernel names no critical temperature."""
MARGIN_C = 5.0
"""So near to the critical temperature the board is about to switch off."""
CURE = "cool the board: heat sink, fan, air around the housing, out of the sun"


def check_heat(board: Board) -> Iterator[CheckResult]:
    """One result: the hottest zone against the kernel's critical temperature."""
    hottest = temperature_c(board.root / "sys/class/thermal")
    if hottest is None:
        yield CheckResult("temperature", "UNKNOWN", "this board shows no temperature")
        return
    critical = _critical_c(board)
    detail = f"{hottest:.0f} °C, critical at {critical:.0f} °C"
    if hottest >= critical - MARGIN_C:
        yield CheckResult("temperature", "FAIL", detail, CURE)
    elif hottest >= WARM_C:
        yield CheckResult("temperature", "WARN", detail, CURE)
    else:
        yield CheckResult("temperature", "OK", detail)


def temperature_c(folder: Path = THERMAL) -> float | None:
    """The hottest thermal zone; None where the kernel shows none."""
    found = []
    for path in sorted(folder.glob("thermal_zone*/temp")):
        with contextlib.suppress(OSError, ValueError):
            found.append(int(path.read_text()) / 1000)
    return max(found, default=None)


def _critical_c(board: Board) -> float:
    """The lowest critical trip point of all zones."""
    found = []
    for name in board.paths("sys/class/thermal/thermal_zone*/trip_point_*_type"):
        limit = number(board.text(name.replace("_type", "_temp")))
        if board.text(name) == "critical" and limit is not None and limit > 0:
            found.append(limit / 1000)
    return min(found, default=CRITICAL_C)
