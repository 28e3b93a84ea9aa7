"""Where the boot partition begins, by tables made by hand; files in a FAT that mtools made."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from deploy.flash.boot_partition import EFI_SYSTEM, BootPartition, boot_offset, put_files
from edge_agent.contracts.core.errors import InputError, StorageError
from tests.deploy.flash.memory_card import MemoryCard, disk

MIB = 1 << 20
AT = 3 * MIB


def mbr(*partitions: tuple[int, int]) -> bytearray:
    """A first MiB with (type, first sector) of up to four partitions."""
    head = bytearray(MIB)
    for place, (kind, start) in enumerate(partitions):
        at = 446 + 16 * place
        head[at + 4] = kind
        head[at + 8 : at + 12] = start.to_bytes(4, "little")
    head[510:512] = b"\x55\xaa"
    return head


def gpt(*starts: int, kind: bytes = EFI_SYSTEM, size: int = 128) -> bytearray:
    head = mbr((0xEE, 1))
    head[512:520] = b"EFI PART"
    head[584:592] = (2).to_bytes(8, "little")
    head[592:600] = len(starts).to_bytes(4, "little") + size.to_bytes(4, "little")
    for place, start in enumerate(starts):
        at = 1024 + place * size
        head[at : at + 16] = kind
        head[at + 32 : at + 40] = start.to_bytes(8, "little")
    return head


@pytest.mark.parametrize(
    ("head", "offset"),
    [
        (mbr((0x0C, 8192), (0x83, 1_000_000)), 4 * MIB),
        (mbr((0x83, 2048), (0x0E, 16_384)), 8 * MIB),
        (mbr((0x0B, 16_384), (0x06, 8192)), 4 * MIB),
        (mbr((0x0C, 2048)), MIB),
        (gpt(8192), 4 * MIB),
        (gpt(8192, size=256), 4 * MIB),
    ],
    ids=["pi os", "second entry", "the first of two", "just behind", "gpt", "gpt, large entries"],
)
def test_the_offset_is_that_of_the_fat_partition(head: bytearray, offset: int) -> None:
    assert boot_offset(bytes(head)) == offset


@pytest.mark.parametrize(
    "head",
    [
        mbr((0x83, 8192)),
        mbr((0x0C, 2047)),
        gpt(8192, kind=bytes(16)),
        gpt(8192, size=64),
        gpt(*range(8192, 16_384)),
        bytearray(MIB),
    ],
    ids=["linux only", "in the first MiB", "no EFI", "short entries", "a table too long", "empty"],
)
def test_an_image_without_one_is_refused(head: bytearray) -> None:
    with pytest.raises(InputError, match="no FAT boot partition"):
        boot_offset(bytes(head[:MIB]))


@pytest.fixture
def card(tmp_path: Path) -> MemoryCard:
    """A file with a FAT of 8 MiB at 3 MiB."""
    if shutil.which("mformat") is None:
        pytest.skip("NOT TESTED: no mtools here")
    path = tmp_path / "card.img"
    path.write_bytes(bytes(12 * MIB))
    command = ["mformat", "-i", f"{path}@@{AT}", "-T", str(8 * MIB // 512), "::"]
    subprocess.run(command, check=True)
    return MemoryCard(disk(12 * MIB, path=str(path)), -1)


def test_files_and_folders_are_written_and_their_sums_read_back(
    card: MemoryCard, tmp_path: Path
) -> None:
    (tmp_path / "wheel").write_bytes(b"w" * 70_000)
    files = {"lineside/hostname": b"press3", "a/b/c.bin": tmp_path / "wheel", "user-data": b""}
    sums = put_files(card, AT, files)
    assert sums.keys() == files.keys()
    partition = BootPartition(card.disk.path, AT)
    assert partition.read("a/b/c.bin") == b"w" * 70_000
    assert partition.read("lineside/hostname") == b"press3"


def test_an_older_file_is_replaced_and_the_label_set(card: MemoryCard) -> None:
    partition = BootPartition(card.disk.path, AT)
    for content in (b"a long old line", b"new"):
        partition.write("cmdline.txt", content)
    partition.label("CIDATA")
    assert partition.read("cmdline.txt") == b"new"
    shown = subprocess.run(
        ["mlabel", "-s", "-i", f"{card.disk.path}@@{AT}", "::"], capture_output=True, check=True
    )
    assert b"CIDATA" in shown.stdout


def test_a_full_partition_and_a_missing_file_are_named(card: MemoryCard) -> None:
    partition = BootPartition(card.disk.path, AT)
    with pytest.raises(StorageError, match=r"mcopy failed.*cannot boot as it is"):
        partition.write("big", bytes(9 * MIB))
    with pytest.raises(StorageError, match="mtype failed"):
        partition.read("none.txt")
