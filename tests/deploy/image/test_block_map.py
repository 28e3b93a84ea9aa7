"""The block map, as bmaptool takes it."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
from pathlib import Path

import pytest

from deploy.flash.bmap import Extent, read_bmap
from deploy.image.block_map import block_map

KIB = 1 << 10


@pytest.fixture
def sparse(tmp_path: Path) -> Path:
    """64 KiB of data at 0 and at 512 KiB, holes elsewhere, and a last block that is not whole."""
    image = tmp_path / "a.img"
    with image.open("wb") as stream:
        stream.write(b"a" * 64 * KIB)
        stream.seek(512 * KIB)
        stream.write(b"b" * 64 * KIB)
        stream.seek(1024 * KIB)
        stream.write(b"c" * 100)
    (tmp_path / "a.bmap").write_bytes(block_map(image))
    return image


def test_ranges_are_those_that_hold_data(sparse: Path) -> None:
    found = read_bmap(sparse.with_suffix(".bmap"))
    assert found.image_bytes == 1024 * KIB + 100
    payload = sparse.read_bytes()
    assert [extent.start // KIB for extent in found.extents] == [0, 512, 1024]
    assert found.extents[0] == Extent(0, 64 * KIB, hashlib.sha256(payload[: 64 * KIB]).hexdigest())
    holes = bytearray(payload)
    for extent in found.extents:
        holes[extent.start : extent.end] = bytes(extent.end - extent.start)
    assert not any(holes)


def test_bmaptool_copies_by_it(sparse: Path, tmp_path: Path) -> None:
    if shutil.which("bmaptool") is None:
        pytest.skip("NOT TESTED: bmaptool is not installed (apt install bmap-tools)")
    out = tmp_path / "out.img"
    bmap = sparse.with_suffix(".bmap")
    words = ["bmaptool", "-q", "copy", "--bmap", str(bmap), str(sparse), str(out)]
    subprocess.run(words, check=True, capture_output=True)
    assert out.read_bytes() == sparse.read_bytes()


def test_an_image_of_nothing_but_a_hole_has_no_range(tmp_path: Path) -> None:
    image = tmp_path / "a.img"
    with image.open("wb") as stream:
        stream.truncate(1 << 20)
    image.with_suffix(".bmap").write_bytes(block_map(image))
    assert read_bmap(image.with_suffix(".bmap")).extents == ()
