"""Whether the board knows what time it is."""

from __future__ import annotations

import ctypes
from collections.abc import Iterator
from datetime import UTC, datetime

from edge_agent.contracts.core.check_result import CheckResult
from edge_agent.health.board.board import Board

UNSYNCHRONISED = 5
"""adjtimex(2): TIME_ERROR, the clock is not synchronised."""
EPOCHS = (
    "usr/lib/clock-epoch",
    "var/lib/systemd/timesync/clock",
    "var/lib/dpkg/status",
    "etc/machine-id",
)
"""Files that were written in the past: now cannot be before any of them (systemd-timesyncd(8))."""
EARLIEST_S = datetime(2026, 1, 1, tzinfo=UTC).timestamp()
"""No release of Lineside is older."""
SYNC = "let it reach a time server: `timedatectl set-ntp true`, NTP= in /etc/systemd/timesyncd.conf"


def check_wall_clock(board: Board) -> Iterator[CheckResult]:
    """The year, the reference, and a clock that runs without power."""
    now_s = board.clock.utc_ns() / 1e9
    shown = datetime.fromtimestamp(now_s, UTC).isoformat(" ", "seconds")
    newest_s = max([EARLIEST_S, *(_written_s(board, name) for name in EPOCHS)])
    if now_s < newest_s:
        past = datetime.fromtimestamp(newest_s, UTC).date()
        yield CheckResult("clock", "FAIL", f"{shown} is before {past}, which has been", SYNC)
    elif board.synchronised is None:
        yield CheckResult("clock", "UNKNOWN", f"{shown}; the kernel does not tell its reference")
    elif not board.synchronised:
        yield CheckResult("clock", "WARN", f"{shown} follows no time server", SYNC)
    else:
        yield CheckResult("clock", "OK", f"{shown}, synchronised")
    if board.paths("sys/class/rtc/rtc*"):
        yield CheckResult("real-time clock", "OK", "the board has one")
    else:
        detail = "none, so the time is wrong after a power cut until a time server answers"
        cure = "a time server on the line's own network, or an RTC module with a battery"
        yield CheckResult("real-time clock", "WARN", detail, cure)


def clock_synchronised() -> bool | None:
    """Whether the kernel's clock follows a reference, adjtimex(2); None where it is not told."""
    buffer = ctypes.create_string_buffer(256)  # struct timex has 208 bytes; modes = 0 only reads
    try:
        state = ctypes.CDLL(None).adjtimex(buffer)
    except (OSError, AttributeError):
        return None
    return None if state < 0 else state != UNSYNCHRONISED


def _written_s(board: Board, name: str) -> float:
    try:
        return (board.root / name).stat().st_mtime
    except OSError:
        return 0.0
