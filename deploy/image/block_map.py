"""The block map of an image: which blocks hold data, as the file system that holds it knows.

The format of bmap-tools, version 2.0 (github.com/yoctoproject/bmaptool).
"""

from __future__ import annotations

import errno
import hashlib
import os
from collections.abc import Iterator
from pathlib import Path

BLOCK = 4096
CHUNK = 4 << 20

HEAD = """\
<?xml version="1.0" ?>
<bmap version="2.0">
    <ImageSize> {size} </ImageSize>
    <BlockSize> {block} </BlockSize>
    <BlocksCount> {count} </BlocksCount>
    <MappedBlocksCount> {mapped} </MappedBlocksCount>
    <ChecksumType> sha256 </ChecksumType>
    <BmapFileChecksum> {own} </BmapFileChecksum>
    <BlockMap>
"""
TAIL = "    </BlockMap>\n</bmap>\n"


def block_map(image: Path) -> bytes:
    """The map of a sparse image, each range with its sha256."""
    size = image.stat().st_size
    ranges = list(_ranges(image, size))
    blank = "0" * 64
    head = HEAD.format(
        size=size,
        block=BLOCK,
        count=-(-size // BLOCK),
        mapped=sum(last - first + 1 for first, last, _ in ranges),
        own=blank,
    )
    lines = (
        f'        <Range chksum="{found}"> {first}-{last} </Range>\n'
        for first, last, found in ranges
    )
    text = head + "".join(lines) + TAIL
    return text.replace(blank, hashlib.sha256(text.encode()).hexdigest(), 1).encode()


def _ranges(image: Path, size: int) -> Iterator[tuple[int, int, str]]:
    """First block, last block and sha256 of every range (lseek(2), SEEK_DATA)."""
    with image.open("rb", buffering=0) as stream:
        at = 0
        while (start := _seek(stream.fileno(), at, os.SEEK_DATA)) is not None:
            first = start // BLOCK
            end = _seek(stream.fileno(), start, os.SEEK_HOLE) or size
            last = -(-end // BLOCK) - 1
            at = (last + 1) * BLOCK
            yield first, last, _sha256(stream.fileno(), first * BLOCK, min(at, size))


def _seek(handle: int, at: int, whence: int) -> int | None:
    try:
        return os.lseek(handle, at, whence)
    except OSError as error:
        if error.errno == errno.ENXIO:  # nothing but a hole up to the end
            return None
        raise


def _sha256(handle: int, start: int, end: int) -> str:
    digest = hashlib.sha256()
    for at in range(start, end, CHUNK):
        digest.update(os.pread(handle, min(CHUNK, end - at), at))
    return digest.hexdigest()
