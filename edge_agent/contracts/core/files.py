"""Files that are there whole or not at all, also after a power cut; and those of a folder."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import re
import shutil
import tempfile
from collections.abc import Collection, Iterator
from pathlib import Path

from edge_agent.contracts.core.errors import StorageError
from edge_agent.contracts.core.folder_scan import scan_folder

_UNFINISHED = re.compile(r"\..+\.[a-z0-9_]{8}")
"""Names that mkstemp gives: a dot, the file's own name, a random part."""


def sha256_hex(payload: bytes) -> str:
    """The sha256 of `payload` as 64 lower-case hex digits."""
    return hashlib.sha256(payload).hexdigest()


def write_atomic(path: Path, payload: bytes, mode: int = 0o644) -> None:
    """Write `payload` to `path`: temporary file, fsync, rename, fsync of the folder.

    Raises StorageError when the disk is full or the folder cannot be written; `path` is then
    what it was before.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        try:
            _fill(handle, payload, mode)
            os.replace(name, path)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise
        fsync_dir(path.parent)
    except OSError as error:
        raise storage_error(path, error) from error


def remove_unfinished(folder: Path, before_s: float) -> None:
    """Remove what writes of write_atomic left in `folder` and its folders when they were killed.

    before_s: time of the file system; a file that is younger may still be written.
    """
    for path in (*folder.glob(".*"), *folder.glob("*/.*")):
        with contextlib.suppress(OSError):
            if _UNFINISHED.fullmatch(path.name) and path.lstat().st_mtime < before_s:
                path.unlink()


@contextlib.contextmanager
def whole_folder(path: Path) -> Iterator[Path]:
    """A folder to fill, which takes the place of `path` when the block ends well.

    Otherwise nothing of it stays, and `path` is what it was. Raises StorageError.
    """
    path = path.absolute()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        workshop = Path(tempfile.mkdtemp(dir=path.parent, prefix=f".{path.name}."))
    except OSError as error:
        raise storage_error(path, error) from error
    try:
        workshop.chmod(0o755)
        yield workshop
        _take_place(workshop, path)
    except OSError as error:
        raise storage_error(path, error) from error
    finally:
        shutil.rmtree(workshop, ignore_errors=True)


def files_below(folder: Path, suffixes: Collection[str]) -> list[Path]:
    """The files below `folder` with one of `suffixes` (lower case), sorted; hidden ones left out.

    Raises OSError for a folder that cannot be listed: what lies in it would go by unseen.
    """
    # A part whose file has an odd name is still a part: messages show the name escaped.
    return sorted(folder / name for name in scan_folder(folder, suffixes, any_name=True).files)


def fsync_dir(path: Path) -> None:
    """Make the names in the folder `path` durable."""
    handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def storage_error(path: Path, error: OSError) -> StorageError:
    """Turn an operating-system error about `path` into one that says what to do."""
    cures = {
        errno.ENOSPC: "free some space, or name another folder",
        errno.EDQUOT: "raise the quota, or name another folder",
        errno.EACCES: "give this user the right to write there, or name another folder",
        errno.EROFS: "the file system is read-only; name another folder",
        errno.EEXIST: "a file lies where a folder is needed; name another folder",
        errno.ENOTDIR: "a file lies where a folder is needed; name another folder",
    }
    cure = cures.get(error.errno or 0, "check that the folder exists and can be written")
    return StorageError(f"cannot write ({error.strerror or error})", where=str(path), cure=cure)


def _take_place(workshop: Path, path: Path) -> None:
    """Move a finished folder to its place; an old one is moved aside first, then removed."""
    aside = workshop.with_name(f"{workshop.name}.old")
    if path.exists():
        os.replace(path, aside)
    os.replace(workshop, path)
    fsync_dir(path.parent)
    shutil.rmtree(aside, ignore_errors=True)


def _fill(handle: int, payload: bytes, mode: int) -> None:
    with os.fdopen(handle, "wb") as stream:
        stream.write(payload)
        stream.flush()
        os.fchmod(stream.fileno(), mode)
        os.fsync(stream.fileno())
