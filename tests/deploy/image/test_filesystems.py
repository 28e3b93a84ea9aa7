"""Partitions in an image file, as mtools and debugfs read them."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from deploy.flash.bmap import read_bmap
from deploy.flash.boot_partition import BootPartition
from deploy.image.block_map import block_map
from deploy.image.filesystems import BLOCK, make_boot, make_root, make_state, tree_bytes
from deploy.image.layout import MIB, Span
from edge_agent.contracts.core.errors import StorageError

SPAN = Span(4 * MIB, 80 * MIB)


@pytest.fixture
def image(tmp_path: Path) -> Path:
    if shutil.which("mcopy") is None:
        pytest.skip("NOT TESTED: mtools is not installed")
    path = tmp_path / "a.img"
    with path.open("wb") as stream:
        stream.write(b"\x55" * 512)
        stream.truncate(SPAN.start + SPAN.size)
    return path


def debugfs(image: Path, request: str) -> str:
    words = ["/usr/sbin/debugfs", "-R", request, f"{image}?offset={SPAN.start}"]
    return subprocess.run(words, capture_output=True, text=True, check=True).stdout


def test_boot_holds_its_files_and_the_table_is_left_alone(image: Path, tmp_path: Path) -> None:
    (tmp_path / "vmlinuz").write_bytes(b"kernel")
    make_boot(image, SPAN, {"EFI/BOOT/BOOTAA64.EFI": b"MZ", "vmlinuz": tmp_path / "vmlinuz"})
    partition = BootPartition(str(image), SPAN.start)
    assert partition.read("EFI/BOOT/BOOTAA64.EFI") == b"MZ"
    assert partition.read("vmlinuz") == b"kernel"
    assert image.read_bytes()[:512] == b"\x55" * 512


def test_root_and_state_hold_the_tree_and_only_the_state_has_a_journal(
    image: Path, tmp_path: Path
) -> None:
    tree = tmp_path / "tree"
    (tree / "etc").mkdir(parents=True)
    (tree / "etc/hostname").write_text("lineside\n")
    (tree / "etc/hostname").chmod(0o640)
    for make, journal in ((make_root, False), (make_state, True)):
        make(image, SPAN, tree)
        assert debugfs(image, "cat /etc/hostname") == "lineside\n"
        assert "Mode:  0640" in debugfs(image, "stat /etc/hostname")
        assert ("has_journal" in debugfs(image, "features")) == journal


def test_the_block_map_has_the_journal_and_the_inode_tables(image: Path, tmp_path: Path) -> None:
    """Else a card that is flashed by the map keeps what it had there, and e2fsck replays it."""
    (tmp_path / "tree").mkdir()
    make_state(image, SPAN, tmp_path / "tree")
    image.with_suffix(".bmap").write_bytes(block_map(image))
    extents = read_bmap(image.with_suffix(".bmap")).extents
    mapped = {at for one in extents for at in range(one.start, one.end, BLOCK)}
    journal = [int(number) for number in debugfs(image, "blocks <8>").split()]
    tables = [
        int(number) for number in re.findall(r"inode table at (\d+)", debugfs(image, "stats"))
    ]
    assert len(journal) > 1000
    assert tables
    assert {SPAN.start + block * BLOCK for block in (*journal, *tables)} <= mapped


def test_a_tree_that_does_not_fit_is_no_image(image: Path, tmp_path: Path) -> None:
    tree = tmp_path / "tree"
    tree.mkdir()
    (tree / "large").write_bytes(b"x" * 12 * MIB)
    assert tree_bytes(tree) > 12 * MIB
    with pytest.raises(StorageError, match="the partition root cannot be made"):
        make_root(image, Span(SPAN.start, 8 * MIB), tree)
