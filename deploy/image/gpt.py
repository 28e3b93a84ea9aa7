"""A GUID partition table (UEFI 2.10, chapter 5.3), as bytes."""

from __future__ import annotations

import struct
import uuid
import zlib
from collections.abc import Sequence
from dataclasses import dataclass

SECTOR = 512
ENTRIES, ENTRY_BYTES = 128, 128
TABLE_SECTORS = ENTRIES * ENTRY_BYTES // SECTOR
EFI_SYSTEM = "c12a7328-f81f-11d2-ba4b-00a0c93ec93b"
LINUX = "0fc63daf-8483-4772-8e79-3d69d8477de4"
PROTECTIVE = 0xEE


@dataclass(frozen=True)
class Partition:
    """kind, guid: as text; start, size: bytes, whole sectors."""

    name: str
    kind: str
    guid: str
    start: int
    size: int


def tables(disk_bytes: int, guid: str, partitions: Sequence[Partition]) -> tuple[bytes, bytes]:
    """What lies at the beginning of a disk of `disk_bytes`, and what at its very end."""
    sectors = disk_bytes // SECTOR
    entries = b"".join(map(_entry, partitions)).ljust(ENTRIES * ENTRY_BYTES, b"\0")
    first = _header(1, sectors - 1, 2, sectors, guid, entries)
    last = _header(sectors - 1, 1, sectors - 1 - TABLE_SECTORS, sectors, guid, entries)
    return _protective(sectors) + first + entries, entries + last


def _entry(one: Partition) -> bytes:
    first, last = one.start // SECTOR, (one.start + one.size) // SECTOR - 1
    ids = uuid.UUID(one.kind).bytes_le + uuid.UUID(one.guid).bytes_le
    return ids + struct.pack("<QQQ", first, last, 0) + one.name.encode("utf-16-le").ljust(72, b"\0")


def _header(own: int, other: int, table: int, sectors: int, guid: str, entries: bytes) -> bytes:
    """One sector; its checksum is taken over the header with zeros in its place."""

    def filled(checksum: int) -> bytes:
        usable = (2 + TABLE_SECTORS, sectors - 2 - TABLE_SECTORS)
        return struct.pack(
            "<8sIIIIQQQQ16sQIII",
            *(b"EFI PART", 0x10000, 92, checksum, 0, own, other, *usable),
            *(uuid.UUID(guid).bytes_le, table, ENTRIES, ENTRY_BYTES, zlib.crc32(entries)),
        )

    return filled(zlib.crc32(filled(0))).ljust(SECTOR, b"\0")


def _protective(sectors: int) -> bytes:
    """An MBR that says of the whole disk that it is taken (UEFI 2.10, 5.2.3)."""
    size = min(sectors - 1, 0xFFFFFFFF)
    entry = b"\0\0\x02\0" + bytes([PROTECTIVE]) + b"\xff\xff\xff" + struct.pack("<II", 1, size)
    return bytes(446) + entry.ljust(64, b"\0") + b"\x55\xaa"
