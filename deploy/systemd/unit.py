"""The systemd unit of a station, written for its folder, its user and its program."""

from __future__ import annotations

import re
from importlib.resources import files
from pathlib import PurePosixPath
from string import Template

from edge_agent.contracts.core.errors import ConfigError

NAME = "lineside-agent.service"
TEMPLATE = f"{NAME}.in"
PROGRAM = "/opt/lineside/bin/lineside-agent"
CONFIG = "/var/lib/lineside/station.toml"
USER = "lineside"
STATE_ROOT = "/var/lib"
HIDDEN = ("/home", "/root", "/run/user", "/tmp", "/var/tmp")
"""ProtectHome and PrivateTmp hide these folders from the agent."""


def unit_text(*, program: str = PROGRAM, config: str = CONFIG, user: str = USER) -> str:
    """The unit that runs `program run config` as `user`; raises ConfigError."""
    for option, path in (("--program", program), ("--station", config)):
        _refuse_strange(option, path)
    if not re.fullmatch(r"[a-z_][a-z0-9_-]{0,31}", user):
        raise ConfigError(
            f"{user!r} is no name of a user",
            where="--user",
            cure="lower-case letters, digits, _ and -, as `adduser --system` takes them",
        )
    folder = str(PurePosixPath(config).parent)
    # substitute() raises for a name without a value: a template that was edited cannot lose one.
    return Template(
        (files("deploy") / "systemd" / TEMPLATE).read_text(encoding="utf-8")
    ).substitute(
        program=program, config=config, user=user, folder=folder, writable=_writable(folder)
    )


def _refuse_strange(option: str, path: str) -> None:
    if not re.fullmatch(r"/[\w./+@-]+", path) or ".." in PurePosixPath(path).parts:
        raise ConfigError(
            f"{path!r} is no absolute path that a unit can hold",
            where=option,
            cure="an absolute path of letters, digits and . _ + @ -",
        )
    if any(PurePosixPath(path).is_relative_to(hidden) for hidden in HIDDEN):
        raise ConfigError(
            f"{path} is hidden from services",
            where=option,
            cure=f"use {CONFIG if option == '--station' else PROGRAM}",
        )


def _writable(folder: str) -> str:
    """The lines by which the agent may write its state: below /var/lib, systemd makes the folder.

    Elsewhere the station's folder is writable as a whole, for systemd starts no service whose
    ReadWritePaths do not exist.
    """
    path = PurePosixPath(folder)
    if path.is_relative_to(STATE_ROOT) and folder != STATE_ROOT:
        return f"StateDirectory={path.relative_to(STATE_ROOT)}/state\nStateDirectoryMode=0750"
    return f"ReadWritePaths={folder}"
