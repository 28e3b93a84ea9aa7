"""A file that is given up when the disk is full, so that the outbox can still delete.

A database in WAL mode needs room in its log even to delete rows. Without it a full disk would stay
full for ever, because what the receiver confirmed could not be removed.
"""

from __future__ import annotations

import contextlib
import errno
import os
from pathlib import Path

PAGE_BYTES = 8192
WAL_PAGES = 128
"""The log is folded back into the database after 1 MiB."""
BALLAST_BYTES = 4 * WAL_PAGES * PAGE_BYTES


class Ballast:
    """The file `ballast` of the folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._path = folder / "ballast"

    @property
    def laid(self) -> bool:
        """Whether the file is there."""
        return self._path.exists()

    def lay(self) -> None:
        """Write the file where it is not there; raises OSError where there is no room."""
        if self.laid and self._path.stat().st_size == BALLAST_BYTES:
            return
        if self.free_bytes() < BALLAST_BYTES:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        try:
            with self._path.open("wb") as stream:
                stream.write(b"\0" * BALLAST_BYTES)
                os.fsync(stream.fileno())
        except OSError:
            self.give()
            raise

    def lay_if_there_is_room(self) -> None:
        """lay(), or nothing."""
        with contextlib.suppress(OSError):
            self.lay()

    def give(self) -> None:
        """Free its space."""
        with contextlib.suppress(OSError):
            self._path.unlink(missing_ok=True)

    def free_bytes(self) -> int:
        """Free bytes of the disk for this user; raises OSError."""
        disk = os.statvfs(self._folder)
        return disk.f_bavail * disk.f_frsize
