"""Whether the user may open the device nodes that station.toml names."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from edge_agent.contracts.core.check_result import CheckResult
from edge_agent.health.board.board import Board, User, rights

UNIT = "etc/systemd/system/lineside-agent.service"
ABSENT = 4
"""Exit code where a device is absent."""


def check_device_nodes(board: Board) -> Iterator[CheckResult]:
    """One result for each node; nodes are looked at, none is opened."""
    user = _as_service(board)
    for node in board.needs.device_nodes:
        path = board.root / node.lstrip("/")
        try:
            status = path.stat()
        except OSError:
            cure = f"plug it in, or correct station.toml; {_cure_of(node)}"
            yield CheckResult(node, "FAIL", "no such device", cure, exit_code=ABSENT)
            continue
        if rights(user, status) & 6 == 6:
            yield CheckResult(node, "OK", f"{board.user.name} may use it")
            continue
        detail = f"{board.user.name} may not use it ({_mode(status)})"
        yield CheckResult(node, "FAIL", detail, _right(board, status))


def _as_service(board: Board) -> User:
    """The user with the groups that systemd gives the agent too (systemd.exec(5))."""
    lines = [line.partition("=") for line in board.text(UNIT).splitlines()]
    settings = {key: value for key, _, value in lines}
    if settings.get("User") != board.user.name:
        return board.user
    named = settings.get("SupplementaryGroups", "").split()
    given = (int(gid) for gid, name in _group_names(board).items() if name in named)
    return replace(board.user, groups=board.user.groups | frozenset(given))


def _group_names(board: Board) -> dict[str, str]:
    rows = (line.split(":") for line in board.text("etc/group").splitlines())
    return {row[2]: row[0] for row in rows if len(row) == 4 and row[2].isdigit()}


def _right(board: Board, status: os.stat_result) -> str:
    """A group that may use the node, or a rule of udev where none may."""
    group = _group_names(board).get(str(status.st_gid), str(status.st_gid))
    if status.st_mode & 0o060 == 0o060 and status.st_gid != 0:
        return f"sudo adduser {board.user.name} {group}, and start the agent anew"
    return f"a udev rule that gives it to a group, and {board.user.name} into that group"


def _mode(status: os.stat_result) -> str:
    return f"mode {stat.S_IMODE(status.st_mode):04o}, owner {status.st_uid}:{status.st_gid}"


def _cure_of(node: str) -> str:
    """A bus that a Raspberry Pi has switched off is switched on by its own program."""
    name = Path(node).name
    for prefix, bus in (("i2c-", "i2c"), ("spidev", "spi"), ("ttyAMA", "serial_hw")):
        if name.startswith(prefix):
            return f"on a Raspberry Pi `sudo raspi-config nonint do_{bus} 0`"
    return "`lineside-agent cameras` and `sensors` list what is there"
