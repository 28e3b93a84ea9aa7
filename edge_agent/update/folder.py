"""A folder held by its handle: what lies in it is reached through the handle, and no link is
followed. So nobody who owns a folder above can lead a write or a removal elsewhere.

Every change is durable before the next one: files by fsync, names by fsync of their folder.
"""

from __future__ import annotations

import fcntl
import logging
import os
import secrets
import shutil
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, Self

from edge_agent.contracts.core.errors import StorageError
from edge_agent.contracts.core.files import fsync_dir, storage_error

LOG = logging.getLogger("lineside.update")

FOLDER_MODE, FILE_MODE = 0o755, 0o644
"""The agent's user reads what root installed, whatever root's umask."""
WRITABLE_BY_OTHERS = 0o022


class Folder:
    """An open folder at `path`; close it, or use `with`. Methods raise OSError."""

    def __init__(self, handle: int, path: Path, *, guarded: bool) -> None:
        self._handle = handle
        self._guarded = guarded
        self.path = path

    @classmethod
    def open(cls, path: Path, *, guarded: bool = True) -> Self:
        """Open the folder that the caller named; a link in `path` is the caller's own choice.

        `guarded`: root enters no folder below that another user can change. Only whoever does no
        more than look may do without.
        """
        handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        return cls(handle, path, guarded=guarded)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Give the handle back; a second time does nothing."""
        if self._handle >= 0:
            os.close(self._handle)
        self._handle = -1

    def is_safe(self) -> bool:
        """Whether nobody but its owner can change the folder, and for root, nobody but root."""
        found = os.fstat(self._handle)
        return os.geteuid() != 0 or (
            found.st_uid == 0 and not stat.S_IMODE(found.st_mode) & WRITABLE_BY_OTHERS
        )

    def subfolder(self, name: str, *, create: bool = False) -> Folder:
        """Open the folder `name` in this one, made where `create` asks for it.

        Raises StorageError for a link, and for root also for a folder that another user can
        change; FileNotFoundError where there is none.
        """
        if create:
            self._make(name)
        path = self.path / name
        flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
        try:
            handle = os.open(name, flags, dir_fd=self._handle)
        except OSError as error:
            if self.link(name) is None:
                raise
            raise StorageError(
                "a link lies where a folder is needed",
                where=str(path),
                cure="find out who put it there, and remove it",
            ) from error
        inner = Folder(handle, path, guarded=self._guarded)
        if self._guarded and not inner.is_safe():
            inner.close()
            raise StorageError(
                "another user than root can change this folder, so root does not work in it",
                where=str(path),
                cure="look at what is in it; then `chown -R root:root` and `chmod -R go-w` it",
            )
        return inner

    def names(self) -> list[str]:
        """The names in the folder, sorted."""
        return sorted(os.listdir(self._handle))

    def read(self, name: str) -> bytes | None:
        """The content of the file `name`, None where there is none.

        Raises StorageError for what is no regular file: a FIFO would let the reader wait for ever.
        """
        flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
        try:
            handle = os.open(name, flags, dir_fd=self._handle)
        except FileNotFoundError:
            return None
        with os.fdopen(handle, "rb") as stream:
            if stat.S_ISREG(os.fstat(handle).st_mode):
                return stream.read()
        raise StorageError(
            "no regular file",
            where=str(self.path / name),
            cure="find out who put it there, and remove it",
        )

    def write(self, name: str, payload: bytes, mode: int = FILE_MODE) -> None:
        """Write the file `name`, whole or not at all; durable on return."""
        fresh = _fresh(name)
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        handle = os.open(fresh, flags, 0o600, dir_fd=self._handle)
        try:
            with os.fdopen(handle, "wb") as stream:
                stream.write(payload)
                stream.flush()
                os.fchmod(handle, mode)
                os.fsync(handle)
            self.rename(fresh, name)
        except BaseException:
            self.remove(fresh)
            raise

    def growing(self, name: str, mode: int = 0o600) -> BinaryIO:
        """The file `name`, open to be read and to be written at its end; made where there is none.

        Neither the file nor what is written is durable: what reads it later judges it by its hash.
        """
        flags = os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC
        handle = os.open(name, flags, mode, dir_fd=self._handle)
        return os.fdopen(handle, "r+b")

    def link(self, name: str) -> str | None:
        """The target of the symbolic link `name`, None where there is no link."""
        try:
            return os.readlink(name, dir_fd=self._handle)
        except OSError:
            return None

    def switch_link(self, name: str, target: str) -> None:
        """Make the symbolic link `name` lead to `target`, at once and durably."""
        fresh = _fresh(name)
        os.symlink(target, fresh, dir_fd=self._handle)
        try:
            self.rename(fresh, name)
        except BaseException:
            self.remove(fresh)
            raise

    def rename(self, old: str, new: str) -> None:
        """Rename within the folder, durably; a file or link named `new` is replaced."""
        os.rename(old, new, src_dir_fd=self._handle, dst_dir_fd=self._handle)
        os.fsync(self._handle)

    def remove(self, name: str) -> None:
        """Remove the file or link `name`, where there is one."""
        try:
            os.unlink(name, dir_fd=self._handle)
        except FileNotFoundError:
            return

    def sync(self) -> None:
        """Make the names in the folder durable."""
        os.fsync(self._handle)

    def remove_tree(self, name: str) -> None:
        """Remove the folder `name` with its content; what cannot be removed is logged."""
        shutil.rmtree(name, onerror=self._warn, dir_fd=self._handle)

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the folder for one writer; raises StorageError when another one holds it."""
        flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
        handle = os.open(".lock", flags, FILE_MODE, dir_fd=self._handle)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(handle)
            raise StorageError(
                "another install or rollback is at work",
                where=str(self.path),
                cure="wait for it to end",
            ) from None
        try:
            yield
        finally:
            os.close(handle)

    def _make(self, name: str) -> None:
        try:
            os.mkdir(name, FOLDER_MODE, dir_fd=self._handle)
        except FileExistsError:
            return
        with self.subfolder(name) as made:
            os.fchmod(made._handle, FOLDER_MODE)
        os.fsync(self._handle)

    def _warn(self, _: object, name: str, fault: tuple[object, BaseException, object]) -> None:
        # The switch is done by then: a slot that stays only costs space.
        LOG.warning("cannot be removed: %s/%s: %s", self.path, name, fault[1])


def read_below(root: Path, folder: str, name: str) -> bytes | None:
    """The file ROOT/FOLDER/NAME, None where there is none; raises StorageError."""
    try:
        with Folder.open(root) as station, station.subfolder(folder) as inner:
            return inner.read(name)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise storage_error(root / folder / name, error) from error


def write_below(root: Path, folder: str, name: str, payload: bytes, mode: int = FILE_MODE) -> None:
    """Write ROOT/FOLDER/NAME, whole and durable or not at all; raises StorageError, also where
    there is no ROOT."""
    refuse_missing(root)
    try:
        with Folder.open(root) as station, station.subfolder(folder, create=True) as inner:
            inner.write(name, payload, mode)
    except OSError as error:
        raise storage_error(root / folder / name, error) from error


def remove_below(root: Path, folder: str, name: str) -> None:
    """Remove ROOT/FOLDER/NAME durably, where there is one; raises StorageError."""
    try:
        with Folder.open(root) as station, station.subfolder(folder) as inner:
            inner.remove(name)
            inner.sync()
    except FileNotFoundError:
        return
    except OSError as error:
        raise storage_error(root / folder / name, error) from error


def refuse_missing(root: Path) -> None:
    """Raises StorageError for a station folder that is not there: a mistyped path makes none.

    Who sets a station up, as `slots install --trust` does, makes it.
    """
    if not root.is_dir():
        raise StorageError(
            "no such station folder",
            where=str(root),
            cure="check the path; a new station has its folder after the first push, or `mkdir`",
        )


def make_folder(path: Path) -> None:
    """Create `path` and its parents, each durable in its own parent; raises OSError."""
    missing = []
    while not path.exists():
        missing.append(path)
        path = path.parent
    for folder in reversed(missing):
        folder.mkdir(exist_ok=True)
        folder.chmod(FOLDER_MODE)
        fsync_dir(folder.parent)


def _fresh(name: str) -> str:
    """A name beside `name` for what is not whole yet; `is_leftover` knows it again."""
    return f".{name}.{secrets.token_hex(4)}"
