"""Every check of the board, in the order in which they are shown."""

from __future__ import annotations

import grp
import os
import pwd
from collections.abc import Callable, Iterator
from pathlib import Path

from edge_agent.contracts.core.check_result import CheckResult
from edge_agent.contracts.core.clock import Clock
from edge_agent.contracts.core.errors import ConfigError
from edge_agent.health.board.board import Board, Needs, User
from edge_agent.health.board.card import check_card
from edge_agent.health.board.device_nodes import check_device_nodes
from edge_agent.health.board.heat import check_heat
from edge_agent.health.board.memory import check_memory
from edge_agent.health.board.ports import check_ports
from edge_agent.health.board.power import check_power
from edge_agent.health.board.realtime import check_realtime
from edge_agent.health.board.software import check_software
from edge_agent.health.board.station_key import check_station_key
from edge_agent.health.board.storage import check_storage
from edge_agent.health.board.wall_clock import check_wall_clock, clock_synchronised

CHECKS: tuple[Callable[[Board], Iterator[CheckResult]], ...] = (
    check_power,
    check_heat,
    check_card,
    check_storage,
    check_station_key,
    check_wall_clock,
    check_memory,
    check_device_nodes,
    check_software,
    check_realtime,
    check_ports,
)


def check_board(board: Board) -> Iterator[CheckResult]:
    """Every result, as it is found."""
    for check in CHECKS:
        yield from check(board)


def this_board(needs: Needs, clock: Clock, user: str = "") -> Board:
    """The machine that this runs on; user: whose rights are looked at, empty: this process's.

    Raises ConfigError where there is no such user.
    """
    rights = _named(user) if user else _own()
    return Board(Path("/"), clock, rights, needs, clock_synchronised())


def _own() -> User:
    uid = os.geteuid()
    try:
        name = pwd.getpwuid(uid).pw_name
    except KeyError:
        name = str(uid)
    return User(name, uid, frozenset({os.getegid(), *os.getgroups()}))


def _named(name: str) -> User:
    try:
        row = pwd.getpwnam(name)
    except KeyError as error:
        cure = "`getent passwd` lists all"
        raise ConfigError(f"no user {name!r}", where="--user", cure=cure) from error
    member = (group.gr_gid for group in grp.getgrall() if name in group.gr_mem)
    return User(name, row.pw_uid, frozenset({row.pw_gid, *member}))
