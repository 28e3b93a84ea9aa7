"""A card of 64 MiB as a file: `lying_card.py MOUNT MEMORY [options]`.

holds: keeps that many MiB and wraps. refuse FROM TO: writes between these two MiB fail. flip: a
byte at that MiB reads wrong.
direct_io, or the page cache would hide the lie.
"""

from __future__ import annotations

import argparse
import errno
import os
from pathlib import Path

import mfusepy

SIZE = 64 << 20


class Card(mfusepy.Operations):
    def __init__(self, memory: Path, holds: int, refuse: list[int], flip: int) -> None:
        memory.write_bytes(bytes(holds))
        self.file = os.open(memory, os.O_RDWR)
        self.holds, self.refuse, self.flip = holds, refuse, flip

    @mfusepy.overrides(mfusepy.Operations)
    def getattr(self, path, fh=None):
        if path == "/":
            return {"st_mode": 0o40755, "st_nlink": 2}
        if path != "/card":
            raise mfusepy.FuseOSError(errno.ENOENT)
        return {"st_mode": 0o100644, "st_nlink": 1, "st_size": SIZE}

    def readdir(self, path, fh):
        return [".", "..", "card"]

    def open(self, path, flags):
        return 0

    def read(self, path, size, offset, fh):
        found = bytearray(os.pread(self.file, size, offset % self.holds))
        if offset <= self.flip < offset + size:
            found[self.flip - offset] ^= 1
        return bytes(found)

    def write(self, path, data, offset, fh):
        if self.refuse[0] <= offset >> 20 < self.refuse[1]:
            raise mfusepy.FuseOSError(errno.EIO)
        at = offset % self.holds
        os.pwrite(self.file, data[: self.holds - at], at)
        return len(data)

    def fsync(self, path, datasync, fh):
        return 0


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("mount")
    parser.add_argument("memory", type=Path)
    parser.add_argument("--refuse", type=int, nargs=2, default=[64, 64])
    for name in ("--holds", "--flip"):
        parser.add_argument(name, type=int, default=64)
    args = parser.parse_args()
    card = Card(args.memory, args.holds << 20, args.refuse, args.flip << 20)
    mfusepy.FUSE(card, args.mount, foreground=True, nothreads=True, direct_io=True)
