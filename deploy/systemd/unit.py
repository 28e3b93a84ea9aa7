"""The systemd units of a station, written for its folder, its user and its program."""

from __future__ import annotations

import re
from importlib.resources import files
from pathlib import PurePosixPath
from string import Template

from edge_agent.contracts.core.errors import ConfigError

NAME = "lineside-agent.service"
FOLLOW_NAME = "lineside-follow.service"
TEMPLATE, FOLLOW_TEMPLATE = f"{NAME}.in", f"{FOLLOW_NAME}.in"
PROGRAM = "/opt/lineside/bin/lineside-agent"
CONFIG = "/var/lib/lineside/station.toml"
USER = "lineside"
STATE_ROOT = "/var/lib"
CA = "/var/lib/lineside/tls/releases-ca.pem"
CURES = {"--station": CONFIG, "--program": PROGRAM, "--ca": CA}
HIDDEN = ("/home", "/root", "/run/user", "/tmp", "/var/tmp")
"""ProtectHome and PrivateTmp hide these folders from the agent."""


def unit_text(*, program: str = PROGRAM, config: str = CONFIG, user: str = USER) -> str:
    """The unit that runs `program launch config` as `user`; raises ConfigError."""
    for option, path in (("--program", program), ("--station", config)):
        _refuse_strange(option, path)
    if not re.fullmatch(r"[a-z_][a-z0-9_-]{0,31}", user):
        raise ConfigError(
            f"{user!r} is no name of a user",
            where="--user",
            cure="lower-case letters, digits, _ and -, as `adduser --system` takes them",
        )
    folder = str(PurePosixPath(config).parent)
    return _filled(
        TEMPLATE,
        program=program,
        config=config,
        user=user,
        folder=folder,
        writable=_writable(folder),
    )


def follow_text(
    source: str, *, ca: str | None = None, program: str = PROGRAM, config: str = CONFIG
) -> str:
    """The unit that runs `program follow config --from source` as root; raises ConfigError.

    source: the folder of releases, a path or an address. ca: path there of who signs the
    certificate of its server, where that is nobody whom the machine knows.
    """
    for option, path in (("--program", program), ("--station", config), ("--ca", ca or CA)):
        _refuse_strange(option, path)
    if re.match(r"https?://", source) is None:
        _refuse_strange("--follow", source)
    elif not re.fullmatch(r"https?://[\w./:@+~-]+", source):
        raise ConfigError(
            f"{source!r} is no address that a unit can hold",
            where="--follow",
            cure="an address of letters, digits and . _ + @ ~ : -",
        )
    folder = str(PurePosixPath(config).parent)
    source += f" --ca {ca}" if ca else ""
    return _filled(FOLLOW_TEMPLATE, program=program, config=config, folder=folder, source=source)


def _filled(template: str, **values: str) -> str:
    text = (files("deploy") / "systemd" / template).read_text(encoding="utf-8")
    # substitute() raises for a name without a value: a template that was edited cannot lose one.
    return Template(text).substitute(values)


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
            cure=f"use {CURES.get(option, 'a share below /mnt')}",
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
