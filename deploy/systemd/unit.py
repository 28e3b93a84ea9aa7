"""The systemd unit of a station, written for its folder, its user and its program."""

from __future__ import annotations

import re
from importlib.resources import files
from pathlib import PurePosixPath

from edge_agent.contracts.core.errors import ConfigError

NAME = "lineside-agent.service"
PROGRAM = "/opt/lineside/bin/lineside-agent"
CONFIG = "/var/lib/lineside/station.toml"
USER = "lineside"
STATE_ROOT = "/var/lib"
HIDDEN = ("/home", "/root", "/run/user", "/tmp", "/var/tmp")
"""What ProtectHome and PrivateTmp take out of the agent's sight."""


def unit_text(*, program: str = PROGRAM, config: str = CONFIG, user: str = USER) -> str:
    """The unit that runs `program run config` as `user`; raises ConfigError."""
    folder = str(PurePosixPath(config).parent)
    for option, path in (("--program", program), ("--station", config)):
        _refuse_strange(option, path)
    if not re.fullmatch(r"[a-z_][a-z0-9_-]{0,31}", user):
        raise ConfigError(f"{user!r} is no name of a user", where="--user", cure="adduser --system")
    text = (files("deploy") / "systemd" / NAME).read_text(encoding="utf-8")
    text = text.replace(PROGRAM, program).replace(CONFIG, config)
    text = text.replace(f"WorkingDirectory={STATE_ROOT}/lineside", f"WorkingDirectory={folder}")
    text = text.replace("StateDirectory=lineside\nStateDirectoryMode=0750", _writable(folder))
    return text.replace("User=lineside\nGroup=lineside", f"User={user}\nGroup={user}")


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
    """The line by which the station's folder is the only thing that the agent writes."""
    path = PurePosixPath(folder)
    if path.is_relative_to(STATE_ROOT) and folder != STATE_ROOT:
        return f"StateDirectory={path.relative_to(STATE_ROOT)}\nStateDirectoryMode=0750"
    return f"ReadWritePaths={folder}"
