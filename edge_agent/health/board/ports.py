"""Whether the TCP ports that the station opens are free, and may be opened.

Source: proc(5), /proc/net/tcp; the kernel's "IP Sysctl", ip_unprivileged_port_start.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from edge_agent.contracts.core.check_result import CheckResult
from edge_agent.health.board.board import Board, number

LISTENS = "0A"
"""State of a socket that waits for connections."""
OURS = "lineside-agent"
UNTOLD = "1024"
"""First port that any user may open, where the kernel does not tell it."""
FIRST_FREE = "proc/sys/net/ipv4/ip_unprivileged_port_start"


def check_ports(board: Board) -> Iterator[CheckResult]:
    """One result for each port; none is opened."""
    listening = _listening(board)
    first = number(board.text(FIRST_FREE) or UNTOLD) or 0
    for port in board.needs.ports:
        what = f"port {port}"
        if port in listening:
            yield _taken(board, what, listening[port])
        elif port < first and board.user.uid != 0:
            detail = f"{board.user.name} may not open ports below {first}"
            cure = f"sysctl net.ipv4.ip_unprivileged_port_start={port} in /etc/sysctl.d, or "
            yield CheckResult(what, "FAIL", detail, f"{cure}another port")
        else:
            yield CheckResult(what, "OK", "free")


def _listening(board: Board) -> dict[int, str]:
    """Port -> inode of the socket that listens on it."""
    found = {}
    for name in ("proc/net/tcp", "proc/net/tcp6"):
        for line in board.text(name).splitlines()[1:]:
            words = line.split()
            if len(words) > 9 and words[3] == LISTENS:
                found[int(words[1].rpartition(":")[2], 16)] = words[9]
    return found


def _taken(board: Board, what: str, inode: str) -> CheckResult:
    pid, words = _owner(board, inode)
    if OURS in " ".join(words):
        return CheckResult(what, "OK", f"the agent listens on it (process {pid})")
    cure = "end that program, or choose another port in station.toml"
    if not pid:
        detail = "in use; by whom only root can see"
        return CheckResult(what, "WARN", detail, f"sudo ss -ltnp; {cure}")
    return CheckResult(what, "FAIL", f"in use by {' '.join(words[:3])} (process {pid})", cure)


def _owner(board: Board, inode: str) -> tuple[str, list[str]]:
    """Process and command line that hold the socket; empty where this user cannot see it."""
    for process in board.paths("proc/[0-9]*"):
        if f"socket:[{inode}]" in _open_files(board.root / process / "fd"):
            return process.rpartition("/")[2], board.text(f"{process}/cmdline").split("\0")
    return "", []


def _open_files(folder: Path) -> set[str]:
    """What the process has open; nothing where it has ended, or is another user's."""
    found = set()
    with suppress(OSError):
        for link in folder.iterdir():
            with suppress(OSError):
                found.add(str(link.readlink()))
    return found
