"""Memory of the board, and what control groups leave of it.

Source: proc(5), /proc/meminfo; the kernel's "Control Group v2".
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from edge_agent.contracts.core.check_result import CheckResult
from edge_agent.health.board.board import Board, number

SERVICE = "system.slice/lineside-agent.service"
FEW_MB, NEEDED_MB = 256.0, 64.0
"""Available memory: a warning and a fault below. A station with one channel takes about 200 MB."""
CGROUPS = "sys/fs/cgroup"


def check_memory(board: Board) -> Iterator[CheckResult]:
    """Available memory, limits of the service's control group, and whether they can act."""
    yield _available(board)
    if not board.text(f"{CGROUPS}/cgroup.controllers"):
        return
    if "memory" not in board.text(f"{CGROUPS}/cgroup.controllers").split():
        detail = "the kernel counts no memory in control groups: the service's MemoryMax is void"
        cure = "add cgroup_enable=memory to /boot/firmware/cmdline.txt and restart"
        yield CheckResult("control groups", "WARN", detail, cure)
    yield from _limits(board, _own_group(board))


def rss_mb() -> float:
    """The resident memory of this process (proc(5), statm)."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / (1 << 20)


def _available(board: Board) -> CheckResult:
    rows = (line.partition(":") for line in board.text("proc/meminfo").splitlines())
    sizes = {key: number(rest.split()[0]) for key, _, rest in rows if rest.split()}
    total, free = sizes.get("MemTotal"), sizes.get("MemAvailable")
    if total is None or free is None:
        return CheckResult("memory", "UNKNOWN", "the kernel does not tell it")
    free_mb = free / 1024
    detail = f"{free_mb:.0f} of {total / 1024:.0f} MB available"
    cure = "end other programs, use fewer channels or a smaller model, or a board with more"
    if free_mb < NEEDED_MB:
        return CheckResult("memory", "FAIL", detail, cure)
    if free_mb < FEW_MB:
        return CheckResult("memory", "WARN", detail, cure)
    return CheckResult("memory", "OK", detail)


def _own_group(board: Board) -> str:
    """The service's control group where it runs, else that of this process."""
    if board.paths(f"{CGROUPS}/{SERVICE}"):
        return SERVICE
    lines = board.text("proc/self/cgroup").splitlines()
    return next((line[3:].strip("/") for line in lines if line.startswith("0::")), "")


def _limits(board: Board, group: str) -> Iterator[CheckResult]:
    """Nothing where no limit is near."""
    steps = group.split("/") if group else []
    for depth in range(len(steps), 0, -1):
        folder = "/".join([CGROUPS, *steps[:depth]])
        most = number(board.text(f"{folder}/memory.max"))
        if most is not None and most < FEW_MB * (1 << 20):
            detail = f"{'/'.join(steps[:depth])} may use {most / (1 << 20):.0f} MB"
            yield CheckResult("memory limit", "WARN", detail, "raise MemoryMax of the service")
        quota, period = [*board.text(f"{folder}/cpu.max").split(), "", ""][:2]
        allowed, whole = number(quota), number(period)
        if allowed is not None and whole and allowed < whole:
            detail = f"{'/'.join(steps[:depth])} may use {100 * allowed / whole:.0f} % of a core"
            yield CheckResult("processor limit", "WARN", detail, "raise CPUQuota of the service")
    if steps:
        yield from _killed(board, f"{CGROUPS}/{group}/memory.events")


def _killed(board: Board, name: str) -> Iterator[CheckResult]:
    rows = [line.split() for line in board.text(name).splitlines()]
    killed = sum(number(row[1]) or 0 for row in rows if len(row) == 2 and row[0] == "oom_kill")
    if killed:
        detail = f"the kernel ended {killed} processes of the agent for want of memory"
        yield CheckResult("memory limit", "WARN", detail, "raise MemoryMax, or a smaller model")
