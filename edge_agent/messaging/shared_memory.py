"""Small files in shared memory that outlive a killed agent; everybody may write that folder."""

from __future__ import annotations

import contextlib
import hashlib
import mmap
import os
import stat
from pathlib import Path

SHARED_MEMORY = Path("/dev/shm")
"""A tmpfs: a store there never waits for the disk, as one to a mapped file of an SD card may."""


def file_prefix(folder: Path, kind: str = "") -> str:
    """How the files of the station begin whose state folder is `folder`."""
    digest = hashlib.sha256(os.fsencode(folder.resolve())).hexdigest()[:16]
    return f"lineside-{kind}{digest}-"


def new_map(path: Path, size: int) -> mmap.mmap:
    """A new file of `size` zeros, mapped; raises OSError, and no file is left then."""
    # Never follow or reuse what somebody else put there.
    flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    handle = os.open(path, flags, 0o600)
    try:
        # Reserved: a page of a full memory that is written first ends the process.
        os.posix_fallocate(handle, 0, size)
        return mmap.mmap(handle, size)
    except OSError:
        with contextlib.suppress(OSError):
            path.unlink()
        raise
    finally:
        os.close(handle)


def read_own(path: Path, most_bytes: int) -> bytes | None:
    """A file of this user or root; None where there is none, it is another's, or it is larger."""
    # A pipe that lies there would be waited for without end.
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK
    try:
        handle = os.open(path, flags)
        try:
            found = os.fstat(handle)
            is_own = stat.S_ISREG(found.st_mode) and found.st_uid in (os.geteuid(), 0)
            is_small = found.st_size <= most_bytes
            return os.read(handle, found.st_size) if is_own and is_small else None
        finally:
            os.close(handle)
    except OSError:
        return None
