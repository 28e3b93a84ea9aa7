"""What a board lacks of what a station needs; a pure function of wish and board."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import PurePosixPath

from deploy.provision.board_state import BoardState
from deploy.systemd.unit import NAME, STATE_ROOT, unit_text
from edge_agent.contracts.core.errors import ConfigError, DeviceError
from edge_agent.contracts.core.files import sha256_hex

FOLDER = f"{STATE_ROOT}/lineside"
STATION = f"{FOLDER}/station.toml"
UNIT = f"/etc/systemd/system/{NAME}"
PLACES = (FOLDER, "/etc/lineside")
"""Below these a station's own files may lie."""
OLDEST_PYTHON = 11
"""Of version 3."""


@dataclass(frozen=True)
class BoardFile:
    """A file of the board; secret: for root and the agent alone."""

    path: str
    payload: bytes
    secret: bool = True

    @property
    def mode(self) -> str:
        """Its rights; the group is the agent's."""
        return "0640" if self.secret else "0644"


@dataclass(frozen=True)
class Wanted:
    """A station as it shall be. wheels: the name of the set, empty to leave the agent as it is."""

    station_id: str
    files: tuple[BoardFile, ...]
    hostname: str = ""
    keys: tuple[str, ...] = ()
    wheels: str = ""
    machine: str = ""


@dataclass(frozen=True)
class Plan:
    """What is to be done, in this order; empty parts are there already."""

    hostname: str = ""
    keys: tuple[str, ...] = ()
    wheels: str = ""
    files: tuple[BoardFile, ...] = field(default=())

    def lines(self) -> list[str]:
        """The plan in words."""
        return [
            *([f"set the name {self.hostname}"] if self.hostname else []),
            *(f"add the key {key.split()[-1]}" for key in self.keys),
            *([f"install the agent's wheels {self.wheels[:12]}"] if self.wheels else []),
            *(f"write {file.path}" for file in self.files),
        ]


def make_plan(wanted: Wanted, board: BoardState, where: str) -> Plan:
    """What `board` lacks; raises DeviceError for a board that cannot become this station."""
    if not board.is_root:
        raise DeviceError(
            f"{board.user} may not become root without a password",
            where=where,
            cure="log in as root, or allow `sudo -n` to this user",
        )
    if not board.python or int(board.python.removeprefix("cp3")) < OLDEST_PYTHON:
        raise DeviceError(
            f"has {board.python or 'no python3'}", where=where, cure="install Python 3.11 or newer"
        )
    if wanted.machine and wanted.machine != board.machine:
        raise DeviceError(
            f"is {board.machine}, the wheels are for {wanted.machine}",
            where=where,
            cure="give the folder of wheels for this kind of board",
        )
    if not (wanted.wheels or board.wheels):
        raise DeviceError("has no agent", where=where, cure="add --wheels DIR")
    changed = (f for f in wanted.files if board.sums.get(f.path, "") != sha256_hex(f.payload))
    return Plan(
        hostname="" if wanted.hostname == board.hostname else wanted.hostname,
        keys=tuple(key for key in wanted.keys if key not in board.keys),
        wheels="" if wanted.wheels == board.wheels else wanted.wheels,
        files=tuple(changed),
    )


def board_path(text: str, where: str) -> str:
    """A path of station.toml as the board has it; raises ConfigError outside of PLACES."""
    path = PurePosixPath(FOLDER) / text
    if ".." in path.parts or not any(path.is_relative_to(place) for place in PLACES):
        raise ConfigError(
            f"{text!r} is not below {' or '.join(PLACES)}",
            where=where,
            cure="let the station's own files lie there",
        )
    return str(path)


def unit_file() -> BoardFile:
    """The agent's systemd unit."""
    return BoardFile(UNIT, unit_text().encode(), secret=False)
