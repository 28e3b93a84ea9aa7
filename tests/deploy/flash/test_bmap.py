"""Block maps as bmap-tools writes them, and maps that are no longer what it wrote."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from deploy.flash.bmap import BlockMap, Extent, read_bmap
from edge_agent.contracts.core.errors import ConfigError

A, B = hashlib.sha256(b"a").hexdigest(), hashlib.sha256(b"b").hexdigest()
RANGES = f'<Range chksum="{A}">0-1</Range><Range chksum="{B}">5</Range>'


def bmap(
    ranges: str = RANGES, size: int = 24_000, block: int = 4096, kind: str = "sha256"
) -> bytes:
    """A map with its own sum, which is taken with zeros in its place (bmap-tools, 1.4)."""
    text = (
        f'<?xml version="1.0" ?><bmap version="2.0"><ImageSize> {size} </ImageSize>'
        f"<BlockSize> {block} </BlockSize><ChecksumType> {kind} </ChecksumType>"
        f"<BmapFileChecksum> {'0' * 64} </BmapFileChecksum>"
        f"<BlockMap>{ranges}</BlockMap></bmap>"
    )
    own = hashlib.sha256(text.encode()).hexdigest()
    return text.replace("0" * 64, own, 1).encode()


def read(folder: Path, payload: bytes) -> BlockMap:
    (folder / "os.bmap").write_bytes(payload)
    return read_bmap(folder / "os.bmap")


def test_ranges_are_bytes_and_the_last_ends_with_the_image(tmp_path: Path) -> None:
    found = read(tmp_path, bmap())
    assert found == BlockMap(24_000, (Extent(0, 8192, A), Extent(20_480, 24_000, B)))


def test_a_range_without_a_sum_is_taken(tmp_path: Path) -> None:
    assert read(tmp_path, bmap("<Range>0</Range>")).extents == (Extent(0, 4096),)


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        (bmap().replace(b">5<", b">4<"), "its own checksum is another"),
        (bmap().replace(A.encode(), B.encode()), "its own checksum is another"),
        (bmap().replace(b"BmapFileChecksum>", b"Other>"), "its own checksum is missing"),
        (bmap(kind="sha1"), "not sha256"),
        (bmap("<Range>3</Range><Range>1</Range>"), "out of order"),
        (bmap("<Range>0-2</Range><Range>2</Range>"), "out of order"),
        (bmap("<Range>9</Range>"), "out of order"),
        (bmap("<Range>1</Range>", block=512), "out of order"),
        (bmap("<Range>x</Range>"), "invalid literal"),
        (b'<!DOCTYPE a [<!ENTITY b "c">]><bmap/>', "not a block map"),
        (b"<bmap", "no block map"),
    ],
)
def test_a_map_that_cannot_be_trusted_is_refused(
    payload: bytes, reason: str, tmp_path: Path
) -> None:
    with pytest.raises(ConfigError, match=reason):
        read(tmp_path, payload)
