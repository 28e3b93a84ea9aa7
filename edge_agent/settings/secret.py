"""A secret that station.toml names by its file: the first line holds it."""

from __future__ import annotations

from pathlib import Path

from edge_agent.contracts.core.errors import ConfigError


def first_line(path: Path, what: str) -> str:
    """The first line of the file, empty where it is empty; what: such as "the password".

    Raises ConfigError when it cannot be read.
    """
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(
            f"{what} cannot be read ({error})",
            where=str(path),
            cure="write it there, readable by this user only (chmod 600)",
        ) from error
    return lines[0] if lines else ""
