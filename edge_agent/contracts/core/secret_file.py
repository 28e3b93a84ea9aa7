"""Files that hold a secret, which nobody else may read: passwords, pass phrases, tokens, keys."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from edge_agent.contracts.core.errors import ConfigError

CONTAINER_SECRETS = Path("/run/secrets")
"""Here Docker and Podman hand secrets over, which anybody in the container may read (mode 444)."""
WRITE_IT = "write it there, readable by this user only (chmod 600)"


def read_secret(path: Path, what: str, cure: str = WRITE_IT) -> bytes:
    """The content of a secret's file; what: such as "the password".

    Raises ConfigError where it cannot be read (with `cure`), or where others may read it.
    """
    try:
        with path.open("rb") as stream:
            payload, found = stream.read(), os.fstat(stream.fileno())
    except OSError as error:
        raise ConfigError(
            f"{what} cannot be read ({error.strerror or error})", where=str(path), cure=cure
        ) from error
    if is_open(path, found):
        raise _open_to_others(path, found, what)
    return payload


def secret_line(path: Path, what: str) -> str:
    """The first line of a secret's file, in UTF-8; raises ConfigError, also where it is empty."""
    try:
        lines = read_secret(path, what).decode("utf-8-sig").splitlines()
    except UnicodeDecodeError as error:
        raise ConfigError(f"{what} is no text", where=str(path), cure=WRITE_IT) from error
    if not lines or not lines[0]:
        raise ConfigError(f"{what} is empty", where=str(path), cure="write one there")
    return lines[0]


def refuse_open(path: Path, what: str) -> None:
    """Raises ConfigError for a file that others may read; another program reads the file itself.

    One that is not there is left to that program, which may take more than paths of files.
    """
    try:
        found = path.stat()
    except (OSError, ValueError):
        return
    if is_open(path, found):
        raise _open_to_others(path, found, what)


def is_open(path: Path, found: os.stat_result) -> bool:
    """Whether other users may read the file at `path`, or their group may change it.

    A group may read what root owns: so root hands a secret to a service (libpq takes keys by the
    same rule). A pipe is no file, and a container is one user's.
    """
    if os.name != "posix" or not stat.S_ISREG(found.st_mode):
        return False
    groups = stat.S_IWGRP | stat.S_IXGRP if found.st_uid == 0 else stat.S_IRWXG
    if not found.st_mode & (stat.S_IRWXO | groups):
        return False
    return not path.resolve().is_relative_to(CONTAINER_SECRETS)


def _open_to_others(path: Path, found: os.stat_result, what: str) -> ConfigError:
    return ConfigError(
        f"{what} is open to others (mode {stat.S_IMODE(found.st_mode):o})",
        where=str(path),
        cure=f"chmod 600 {path} (on a FAT stick that does nothing: copy it to this machine's disk)",
    )
