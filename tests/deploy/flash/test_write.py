"""The order of writes: a card that was pulled out before the end has no boot signature."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from deploy.flash.bmap import Extent
from deploy.flash.write import Source, verify_image, write_head, write_image
from edge_agent.contracts.core.errors import InputError, StorageError
from tests.deploy.flash.memory_card import MemoryCard, memory_card

MIB = 1 << 20
SIZE = 6 * MIB + 1536


def image(folder: Path) -> bytes:
    content = b"".join(b"%08d" % n * 64 for n in range(-(-SIZE // 512)))[:SIZE]
    (folder / "os.img").write_bytes(content)
    return content


def quiet(stage: str, done: int, total: int) -> None:
    """Nobody looks."""


def source(folder: Path, *extents: Extent, sha256: str = "", size: int = SIZE) -> Source:
    return Source(folder / "os.img", size, extents or (Extent(0, size),), sha256)


def test_the_first_mib_is_zero_until_the_head_is_written(tmp_path: Path) -> None:
    content, card = image(tmp_path), memory_card(16 * MIB)
    written = write_image(card, source(tmp_path), quiet)
    assert card.memory[:MIB] == bytes(MIB)
    assert card.memory[MIB:SIZE] == content[MIB:]
    assert card.memory[-MIB:] == bytes(MIB), "GPT has a copy of the table at the end"
    assert written.image_sha256 == hashlib.sha256(content).hexdigest()
    verify_image(card, source(tmp_path), written, quiet)
    write_head(card, written.head)
    assert card.memory[:SIZE] == content
    assert card.offsets[-2:] == [4096, 0], "the boot signature comes last"


@pytest.mark.parametrize("at", [MIB, 3 * MIB + 5, SIZE - 1])
def test_one_flipped_bit_is_found_when_read_back(at: int, tmp_path: Path) -> None:
    image(tmp_path)
    card = memory_card(16 * MIB)
    written = write_image(card, source(tmp_path), quiet)
    card.memory[at] ^= 1
    with pytest.raises(StorageError, match="does not give back what was written"):
        verify_image(card, source(tmp_path), written, quiet)


def test_only_the_blocks_of_a_map_are_written(tmp_path: Path) -> None:
    content = image(tmp_path)
    sums = [hashlib.sha256(content[a:b]).hexdigest() for a, b in ((0, 8192), (4 * MIB, 5 * MIB))]
    extents = (Extent(0, 8192, sums[0]), Extent(4 * MIB, 5 * MIB, sums[1]))
    card = memory_card(16 * MIB)
    written = write_image(card, source(tmp_path, *extents), quiet)
    assert card.memory[4 * MIB : 5 * MIB] == content[4 * MIB : 5 * MIB]
    assert card.memory[MIB : 4 * MIB] == b"\xaa" * 3 * MIB
    assert (written.written_bytes, written.image_sha256) == (8192 + MIB, "")


@pytest.mark.parametrize(
    ("wanted", "reason"),
    [
        ({"size": SIZE + 512}, f"ends after {SIZE} of {SIZE + 512} bytes"),
        ({"size": SIZE - 512}, f"longer than the {SIZE - 512} bytes"),
        ({"sha256": "0" * 64}, "sha256 of the unpacked image is"),
    ],
)
def test_an_image_that_is_not_the_one_stated_is_refused(
    wanted: dict[str, object], reason: str, tmp_path: Path
) -> None:
    image(tmp_path)
    card = memory_card(16 * MIB)
    with pytest.raises(InputError, match=reason):
        write_image(card, source(tmp_path, **wanted), quiet)  # type: ignore[arg-type]
    assert card.memory[:MIB] == bytes(MIB), "it cannot boot"


def test_an_extent_with_another_sum_is_refused(tmp_path: Path) -> None:
    image(tmp_path)
    with pytest.raises(InputError, match="bytes 0 to 8192 differ from the block map"):
        write_image(memory_card(16 * MIB), source(tmp_path, Extent(0, 8192, "1" * 64)), quiet)


def test_a_head_that_does_not_stay_is_erased(tmp_path: Path) -> None:
    class Forgetful(MemoryCard):
        """Its first block takes no boot signature."""

        def write(self, offset: int, payload: memoryview) -> None:
            super().write(offset, payload)
            if offset == 0:
                self.memory[510:512] = b"\0\0"

    plain = memory_card(16 * MIB)
    card = Forgetful(plain.disk, -1, plain.memory)
    head = memoryview(bytearray(b"\x55\xaa" * (MIB // 2)))
    with pytest.raises(StorageError, match="its first MiB differs"):
        write_head(card, head)
    assert card.memory[:MIB] == bytes(MIB)
