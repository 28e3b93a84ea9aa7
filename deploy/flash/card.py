"""A disk that is open for this program alone, read and written past the page cache.

O_DIRECT is what makes a read-back tell of the medium: a cached read repeats what was written
even where the medium kept nothing. O_EXCL is the kernel's own refusal of a disk in use.
"""

from __future__ import annotations

import errno
import fcntl
import mmap
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from deploy.flash.disk import Disk, inspect_disk
from deploy.flash.refusal import refuse_changed
from edge_agent.contracts.core.errors import DeviceError, StorageError

CHUNK_BYTES = 4 << 20
BLOCK_BYTES = 4096
"""Offsets and lengths are multiples of it, but at the end of a disk: O_DIRECT asks for them."""

BLKROGET = 0x125E
BLKFLSBUF = 0x1261
"""linux/fs.h"""


@dataclass(frozen=True)
class Card:
    """An open disk. Offsets and lengths are multiples of its sector; buffers come from `buffer`."""

    disk: Disk
    handle: int

    def write(self, offset: int, payload: memoryview) -> None:
        """Write all of `payload` at `offset`; raises StorageError, DeviceError when it is gone."""
        with self._named("write", offset):
            while payload:
                done = os.pwrite(self.handle, payload, offset)
                payload, offset = payload[done:], offset + done

    def read(self, offset: int, into: memoryview) -> None:
        """Fill `into` from `offset`, past the page cache."""
        with self._named("read", offset):
            while into:
                done = os.preadv(self.handle, [into], offset)
                if done == 0:
                    raise OSError(errno.EIO, "the disk ends before its size")
                into, offset = into[done:], offset + done

    def flush(self) -> None:
        """Everything written is on the medium, and the page cache of the disk is empty."""
        with self._named("flush", 0):
            os.fsync(self.handle)
            fcntl.ioctl(self.handle, BLKFLSBUF, 0)

    @contextmanager
    def _named(self, verb: str, offset: int) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            where = f"{self.disk.path} at {offset >> 20} MiB"
            if error.errno in (errno.ENXIO, errno.ENODEV, errno.ENOMEDIUM):
                cure = "plug it in again and start anew; it cannot boot as it is"
                raise DeviceError("the card was removed", where=where, cure=cure) from error
            cure = "use another card or reader; this card cannot boot as it is"
            what = f"{verb} failed ({error.strerror})"
            raise StorageError(what, where=where, cure=cure) from error


@contextmanager
def open_card(planned: Disk) -> Iterator[Card]:
    """Open the disk that was planned; raises DeviceError where it is busy or another one by now."""
    try:
        handle = os.open(planned.path, os.O_RDWR | os.O_EXCL | os.O_DIRECT | os.O_CLOEXEC)
    except OSError as error:
        busy = error.errno == errno.EBUSY
        raise DeviceError(
            "in use by another program" if busy else f"cannot be opened ({error.strerror})",
            where=planned.path,
            cure="unmount it and stop what uses it" if busy else "run as root, with a card in",
        ) from error
    try:
        refuse_changed(planned, inspect_disk(planned.path))
        _refuse_other_node(planned, handle)
        yield Card(planned, handle)
    finally:
        os.close(handle)


def buffer(size_bytes: int = CHUNK_BYTES) -> memoryview:
    """Zeroed memory that O_DIRECT takes: it begins at a page."""
    return memoryview(mmap.mmap(-1, size_bytes))


def _refuse_other_node(planned: Disk, handle: int) -> None:
    node = os.fstat(handle).st_rdev
    if f"{os.major(node)}:{os.minor(node)}" != planned.number:
        raise DeviceError("the device changed", where=planned.path, cure="start again")
    answer = bytearray(4)
    # A read-only disk opens for writing all the same; only this question tells.
    fcntl.ioctl(handle, BLKROGET, answer)
    if any(answer):
        raise DeviceError("read-only", where=planned.path, cure="open the card's write lock")
