"""Where a run is written: its name, and what must not be overwritten."""

from __future__ import annotations

import errno
import os
import re
import unicodedata
from pathlib import Path

from edge_agent.contracts.core.errors import ConfigError
from edge_agent.contracts.core.files import storage_error
from edge_agent.contracts.run_folder.files import CONFIG

LONGEST_NAME = 63


def slug(text: str) -> str:
    """`text` as a name that manifests accept."""
    letters = unicodedata.normalize("NFKD", text).casefold()
    ascii_only = letters.encode("ascii", "ignore").decode()
    plain = re.sub(r"[^a-z0-9_-]+", "-", ascii_only).strip("-_")
    return plain[:LONGEST_NAME] or "model"


def refuse_existing(path: Path, force: bool) -> None:
    """Raise ConfigError where a run would be overwritten, or where the folder is no run."""
    refuse_unwritable(path)
    if not path.exists() or (path.is_dir() and not any(path.iterdir())):
        return
    if not (path / CONFIG).is_file():
        raise ConfigError(
            "exists and is no run", where=str(path), cure="name another folder with --out"
        )
    if not force:
        raise ConfigError(
            "this run exists", where=str(path), cure="name another with --out, or add --force"
        )


def refuse_unwritable(path: Path) -> None:
    """Raise StorageError before hours of work where `path` could not be written at their end."""
    path = path.absolute()
    there = next(parent for parent in path.parents if parent.exists())
    if there.is_dir() and os.access(there, os.W_OK | os.X_OK):
        return
    code = errno.EACCES if there.is_dir() else errno.ENOTDIR
    raise storage_error(path, OSError(code, os.strerror(code)))
