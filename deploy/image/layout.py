"""Where things lie in an appliance image: three partitions in an MBR table.

1  boot, FAT32: loader, kernel, initramfs, and the station's files until the first boot
2  root, ext4, never written
3  state, ext4, the last one, so that it can grow with the card
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

MIB = 1 << 20
SECTOR = 512
START = 4 * MIB
"""Cards erase in blocks of up to 4 MiB."""

BOOT_BYTES = 256 * MIB
STATE_BYTES = 192 * MIB
EFI_SYSTEM, LINUX = 0xEF, 0x83


@dataclass(frozen=True)
class Span:
    """Bytes [start, start + size) of the image."""

    start: int
    size: int


@dataclass(frozen=True)
class Layout:
    """The partitions of one image, in bytes; disk_id: the signature of its table."""

    boot: Span
    root: Span
    state: Span
    disk_id: int

    @property
    def image_bytes(self) -> int:
        """The size of the whole image."""
        return self.state.start + self.state.size

    def partition_uuid(self, number: int) -> str:
        """As the kernel and blkid name partition `number`."""
        return f"{self.disk_id:08x}-{number:02d}"


def layout_for(root_bytes: int, disk_id: int) -> Layout:
    """The layout for a root file system of `root_bytes`."""
    root = -(-root_bytes // (4 * MIB)) * (4 * MIB)
    boot = Span(START, BOOT_BYTES)
    return Layout(
        boot=boot,
        root=Span(boot.start + boot.size, root),
        state=Span(boot.start + boot.size + root, STATE_BYTES),
        disk_id=disk_id,
    )


def partition_table(layout: Layout) -> bytes:
    """The first sector: no code, three partitions, the boot signature (UEFI 2.10, 5.2.1)."""
    kinds = ((EFI_SYSTEM, layout.boot), (LINUX, layout.root), (LINUX, layout.state))
    entries = b"".join(_entry(kind, span) for kind, span in kinds)
    return (
        bytes(440) + struct.pack("<IH", layout.disk_id, 0) + entries.ljust(64, b"\0") + b"\x55\xaa"
    )


def _entry(kind: int, span: Span) -> bytes:
    """Cylinders, heads and sectors are the marks for "see the numbers of the sectors"."""
    beyond = b"\xfe\xff\xff"
    start, sectors = span.start // SECTOR, span.size // SECTOR
    return b"\0" + beyond + bytes([kind]) + beyond + struct.pack("<II", start, sectors)
