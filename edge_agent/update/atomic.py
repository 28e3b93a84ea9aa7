"""Folders and links that survive a power cut: every name is made durable before the next step."""

from __future__ import annotations

import fcntl
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from edge_agent.contracts.core.errors import StorageError
from edge_agent.contracts.core.files import fsync_dir


def make_folder(path: Path) -> None:
    """Create `path` and its parents, each durable in its own parent; raises OSError."""
    missing = []
    while not path.exists():
        missing.append(path)
        path = path.parent
    for folder in reversed(missing):
        folder.mkdir(exist_ok=True)
        fsync_dir(folder.parent)


def point(link: Path, target: str) -> None:
    """Make the symbolic link `link` lead to `target`, at once and durably; raises OSError."""
    fresh = link.with_name(f".{link.name}.{secrets.token_hex(4)}")
    fresh.symlink_to(target)
    try:
        os.replace(fresh, link)
    except BaseException:
        fresh.unlink(missing_ok=True)
        raise
    fsync_dir(link.parent)


def leads_to(link: Path) -> str | None:
    """Where a symbolic link leads, None when there is none."""
    return str(link.readlink()) if link.is_symlink() else None


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold `folder` for one writer; raises StorageError when another one holds it."""
    handle = os.open(folder / ".lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(handle)
        raise StorageError(
            "another install or rollback is at work",
            where=str(folder),
            cure="wait for it to end",
        ) from None
    try:
        yield
    finally:
        os.close(handle)
