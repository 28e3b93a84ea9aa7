"""The board as its kernel shows it: files below one root, and what station.toml needs of it."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from edge_agent.contracts.core.clock import Clock
from edge_agent.contracts.core.extras import Library


@dataclass(frozen=True)
class User:
    """Who the agent runs as; groups: numbers of all its groups."""

    name: str
    uid: int
    groups: frozenset[int]


@dataclass(frozen=True)
class Folder:
    """A folder that the station writes; needed_mb: space without which it does not go on.

    cure: what else helps than to free space.
    """

    name: str
    path: Path
    needed_mb: float
    cure: str


@dataclass(frozen=True)
class Needs:
    """What a station asks of its board.

    runtimes: distributions of which one runs the networks; native: their shared libraries.
    station_folder: where the station keeps its keys.
    """

    folders: tuple[Folder, ...] = ()
    device_nodes: tuple[str, ...] = ()
    libraries: tuple[Library, ...] = ()
    ports: tuple[int, ...] = ()
    runtimes: tuple[str, ...] = ()
    native: tuple[Path, ...] = ()
    station_folder: Path | None = None


@dataclass(frozen=True)
class Board:
    """root: below it lie sys, proc, dev and etc, as they do below /.

    synchronised: whether the kernel's clock follows a reference; None where it is not told.
    """

    root: Path
    clock: Clock
    user: User
    needs: Needs
    synchronised: bool | None

    def text(self, name: str) -> str:
        """The file's text without its end; empty where it is absent or cannot be read."""
        try:
            return (self.root / name).read_text(errors="replace").strip("\0\n ")
        except OSError:
            return ""

    def paths(self, pattern: str) -> list[str]:
        """What matches, sorted, each relative to the root."""
        return sorted(str(path.relative_to(self.root)) for path in self.root.glob(pattern))


def rights(user: User, status: os.stat_result) -> int:
    """Bits 4 read, 2 write, 1 execute: by owner, else group, else others (path_resolution(7)).

    User 0 is root and may everything.
    """
    if user.uid == 0:
        return 7
    if user.uid == status.st_uid:
        return status.st_mode >> 6 & 7
    return (status.st_mode >> 3 if status.st_gid in user.groups else status.st_mode) & 7


def number(text: str, base: int = 10) -> int | None:
    """The whole number that a file of the kernel holds; None where it holds another thing."""
    try:
        return int(text, base)
    except ValueError:
        return None
