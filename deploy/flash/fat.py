"""How much a FAT file system has room for, from the image in which it lies.

Source: Microsoft, "FAT: General Overview of On-Disk Format", 1.03, 2000 (fatgen103).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import numpy as np

from deploy.flash.image import READ_BYTES, open_image
from edge_agent.contracts.core.errors import InputError, StorageError

BOOT_SECTOR = 512
FAT12_BELOW, FAT16_BELOW = 4085, 65_525
"""The count of clusters alone tells the kind (page 14)."""
LONG_NAME_CHARACTERS, ENTRY_BYTES = 13, 32


@dataclass(frozen=True)
class Room:
    """What is free, in clusters of `cluster_bytes`."""

    clusters: int
    cluster_bytes: int


def read_room(image: Path, offset: int) -> Room:
    """The room of the FAT at `offset` bytes of an image; raises InputError where there is none."""
    with open_image(image) as stream:
        _skip(stream, offset)
        boot = _exactly(stream, BOOT_SECTOR, image)
        layout = _layout(boot, image)
        _skip(stream, layout.fat_at - BOOT_SECTOR)
        fat = _exactly(stream, layout.fat_bytes, image)
    entries = _entries(fat, layout.clusters)[2 : layout.clusters + 2]
    return Room(int((entries == 0).sum()), layout.cluster_bytes)


def refuse_too_much(room: Room, files: Mapping[str, bytes | Path], where: str) -> None:
    """Raises StorageError where the files have no room. Folders count, for each takes a cluster
    and grows with the names in it."""
    needed = sum(_clusters(_size(content), room) for content in files.values())
    names: dict[Path, int] = {}
    for file in files:
        for path in (Path(file), *Path(file).parents):
            entries = 1 + -(-len(path.name) // LONG_NAME_CHARACTERS)
            names[path.parent] = names.get(path.parent, 2) + entries
    needed += sum(_clusters(count * ENTRY_BYTES, room) for count in names.values())
    if needed > room.clusters:
        mib = room.cluster_bytes / (1 << 20)
        raise StorageError(
            f"its boot partition has {room.clusters * mib:.1f} MiB free, the station's files "
            f"need {needed * mib:.1f} MiB",
            where=where,
            cure="leave wheels or bundles out, and bring them by `provision` or `push`; "
            "nothing was written",
        )


@dataclass(frozen=True)
class _Layout:
    fat_at: int
    fat_bytes: int
    clusters: int
    cluster_bytes: int


def _layout(boot: bytes, image: Path) -> _Layout:
    """From the boot sector (pages 7 to 14)."""

    def number(at: int, size: int) -> int:
        return int.from_bytes(boot[at : at + size], "little")

    sector, per_cluster, reserved, fats = number(11, 2), boot[13], number(14, 2), boot[16]
    fat_sectors = number(22, 2) or number(36, 4)
    total = number(19, 2) or number(32, 4)
    if sector not in (512, 1024, 2048, 4096) or not (per_cluster and reserved and fats):
        raise InputError(
            "its boot partition is no FAT file system",
            where=str(image),
            cure="use an image of Raspberry Pi OS or Debian; others are flashed without --board",
        )
    root = -(-number(17, 2) * ENTRY_BYTES // sector)
    clusters = max(0, total - reserved - fats * fat_sectors - root) // per_cluster
    return _Layout(reserved * sector, fat_sectors * sector, clusters, per_cluster * sector)


def _entries(fat: bytes, clusters: int) -> np.ndarray:
    """The entries of the first FAT: what follows each cluster, 0 for a free one."""
    if clusters >= FAT16_BELOW:
        whole = np.frombuffer(fat[: len(fat) // 4 * 4], "<u4")
        return whole & 0x0FFFFFFF
    if clusters >= FAT12_BELOW:
        return np.frombuffer(fat[: len(fat) // 2 * 2], "<u2")
    three = np.frombuffer(fat[: len(fat) // 3 * 3], np.uint8).reshape(-1, 3).astype(np.uint16)
    even, odd = three[:, 0] | (three[:, 1] & 15) << 8, three[:, 1] >> 4 | three[:, 2] << 4
    return np.stack([even, odd], axis=1).reshape(-1)


def _size(content: bytes | Path) -> int:
    return content.stat().st_size if isinstance(content, Path) else len(content)


def _clusters(size: int, room: Room) -> int:
    return -(-size // room.cluster_bytes)


def _skip(stream: IO[bytes], count: int) -> None:
    while count > 0 and (piece := stream.read(min(READ_BYTES, count))):
        count -= len(piece)


def _exactly(stream: IO[bytes], count: int, image: Path) -> bytes:
    """A pipe gives less than was asked for."""
    found = b""
    while len(found) < count and (piece := stream.read(count - len(found))):
        found += piece
    if len(found) < count:
        raise InputError("ends in its boot partition", where=str(image), cure="download it again")
    return found
