"""Where things lie in an appliance image.

One system, three partitions in an MBR table:

1  boot, FAT32: loader, kernel, initramfs, and the station's files until the first boot
2  root, ext4, never written
3  state, ext4, the last one, so that it can grow with the card

Two systems, four partitions in a GPT: boot, root A, root B, state. Kernel and initramfs lie in the
roots, so that a system is one file system.
"""

from __future__ import annotations

import os
import struct
from dataclasses import dataclass
from pathlib import Path

from deploy.image import gpt

MIB = 1 << 20
SECTOR = gpt.SECTOR
START = 4 * MIB
"""Cards erase in blocks of up to 4 MiB."""

BOOT_BYTES = 256 * MIB
STATE_BYTES = 192 * MIB
EFI_SYSTEM, LINUX = 0xEF, 0x83
NAMES = ("boot", "system-a", "system-b", "state")
"""Of the partitions of two systems."""


@dataclass(frozen=True)
class Span:
    """Bytes [start, start + size) of the image."""

    start: int
    size: int


@dataclass(frozen=True)
class Layout:
    """The partitions of one image, in bytes; disk_id: the signature of its table.

    root: of the system that is in the image; spare: the room for another one, None for one system.
    system: the file system in `root`.
    """

    boot: Span
    root: Span
    state: Span
    disk_id: int
    system: Span
    spare: Span | None = None

    @property
    def image_bytes(self) -> int:
        """The size of the whole image."""
        end = self.state.start + self.state.size
        return end if self.spare is None else end + MIB

    @property
    def spans(self) -> tuple[Span, ...]:
        """The partitions in order."""
        spare = () if self.spare is None else (self.spare,)
        return (self.boot, self.root, *spare, self.state)

    def partition_uuid(self, number: int) -> str:
        """As the kernel and blkid name partition `number`; in a GPT, 0 is the disk itself.

        Both begin with the signature and end with the number in decimal, as init.sh reads them
        (RFC 9562, 5.8: a UUID of version 8 is what its maker wants it to be).
        """
        middle = "" if self.spare is None else "-0000-8000-8000"
        return f"{self.disk_id:08x}{middle}-{number:0{2 if self.spare is None else 12}d}"


def layout_for(root_bytes: int, disk_id: int, *, systems: int = 1) -> Layout:
    """The layout for a root file system of `root_bytes`, and for one or two systems.

    A root that has another one beside it is half as large again: later systems must fit.
    """
    filled = _whole(root_bytes)
    size = filled if systems == 1 else _whole(root_bytes + root_bytes // 2)
    boot = Span(START, BOOT_BYTES)
    start = boot.start + boot.size
    return Layout(
        boot=boot,
        root=Span(start, size),
        state=Span(start + systems * size, STATE_BYTES),
        disk_id=disk_id,
        system=Span(start, filled),
        spare=Span(start + size, size) if systems == 2 else None,
    )


def write_table(image: Path, layout: Layout) -> None:
    """Make `image` of its full size, with nothing in it but its table of partitions."""
    with image.open("wb") as stream:
        stream.truncate(layout.image_bytes)
        if layout.spare is None:
            stream.write(partition_table(layout))
            return
        parts = [
            gpt.Partition(name, kind, layout.partition_uuid(number), span.start, span.size)
            for number, (name, kind, span) in enumerate(
                zip(NAMES, (gpt.EFI_SYSTEM, *3 * (gpt.LINUX,)), layout.spans, strict=True), 1
            )
        ]
        first, last = gpt.tables(layout.image_bytes, layout.partition_uuid(0), parts)
        stream.write(first)
        stream.seek(-len(last), os.SEEK_END)
        stream.write(last)


def partition_table(layout: Layout) -> bytes:
    """The first sector: no code, three partitions, the boot signature (UEFI 2.10, 5.2.1)."""
    kinds = ((EFI_SYSTEM, layout.boot), (LINUX, layout.root), (LINUX, layout.state))
    entries = b"".join(_entry(kind, span) for kind, span in kinds)
    return (
        bytes(440) + struct.pack("<IH", layout.disk_id, 0) + entries.ljust(64, b"\0") + b"\x55\xaa"
    )


def _whole(size: int) -> int:
    """`size`, not cut, in whole blocks of a card."""
    return -(-size // START) * START


def _entry(kind: int, span: Span) -> bytes:
    """Cylinders, heads and sectors are the marks for "see the numbers of the sectors"."""
    beyond = b"\xfe\xff\xff"
    start, sectors = span.start // SECTOR, span.size // SECTOR
    return b"\0" + beyond + bytes([kind]) + beyond + struct.pack("<II", start, sectors)
