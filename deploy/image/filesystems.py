"""File systems inside an image file, made in place and without mounting anything."""

from __future__ import annotations

import os
import uuid
from collections.abc import Mapping
from pathlib import Path

from deploy.flash.boot_partition import BootPartition
from deploy.image.layout import SECTOR, Span
from deploy.image.workstation import run_tool

BLOCK = 4096
LABEL = "LINESIDE"
"""By which /etc/fstab finds the boot partition."""


def make_boot(image: Path, span: Span, files: Mapping[str, bytes | Path]) -> None:
    """A FAT32 file system with `files`; raises StorageError where they do not fit."""
    # Clusters of 1 KiB: firmware and mtools take less than 65,525 clusters for FAT16.
    words = ["mkfs.vfat", "-F", "32", "-s", "2", "-n", LABEL, "--invariant", "--offset"]
    sized = [str(span.start // SECTOR), str(image), str(span.size // 1024)]
    run_tool([*words, *sized], "the boot partition cannot be made")
    partition = BootPartition(str(image), span.start)
    for name, content in files.items():
        partition.write(name, content)


def make_root(image: Path, span: Span, tree: Path) -> None:
    """An ext4 file system with the folder `tree`, without a journal: nobody writes to it.

    And without a seed of its checksums, with which GRUB 2.06 reads none.
    """
    _make_ext4(image, span, tree, "root", ["-O", "^has_journal,^metadata_csum_seed", "-m", "0"])


def make_state(image: Path, span: Span, tree: Path) -> None:
    """An ext4 file system with a journal, which can grow online to 1024 times its size."""
    _make_ext4(image, span, tree, "state", ["-m", "1"])


def tree_bytes(tree: Path) -> int:
    """What `tree` takes in an ext4 file system of 4 KiB blocks, with room for its inodes."""
    total = 0
    for folder, folders, files in os.walk(tree):
        for name in (*folders, *files):
            size = os.lstat(Path(folder) / name).st_size
            total += -(-size // BLOCK) * BLOCK + 512
    return total + total // 20 + (32 << 20)


def _make_ext4(image: Path, span: Span, tree: Path, name: str, options: list[str]) -> None:
    """Journal and inode tables are written out, so that a block map of the image has them.

    Else a card that is flashed by the map keeps those of before, and a journal is replayed.
    The UUID is of this image alone: ext4 takes no block of a journal with another.
    """
    own = str(uuid.uuid4())
    words = ["mke2fs", "-q", "-F", "-t", "ext4", "-b", str(BLOCK), "-L", name, "-U", own]
    place = f"nodiscard,offset={span.start},lazy_itable_init=0,lazy_journal_init=0"
    sized = ["-E", place, "-d", str(tree), str(image), str(span.size // BLOCK)]
    what = f"the partition {name} cannot be made"
    # e2fsprogs, lib/ext2fs/unix_io.c: zeros are written, not made as holes of a file.
    run_tool([*words, *options, *sized], what, UNIX_IO_NOZEROOUT="1")
