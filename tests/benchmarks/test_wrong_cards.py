"""The table of cards that must never be written, against the real flasher."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks.wrong_cards import (
    CARD_BYTES,
    MIB,
    WrongCard,
    loop_device,
    tries_that_wrote,
    wrong_cards,
)

TRIES = 500


@pytest.fixture
def image(tmp_path: Path) -> Path:
    if os.geteuid() != 0 or subprocess.run(["losetup", "-f"], check=False).returncode:
        pytest.skip("NOT TESTED: loop devices need root")
    path = tmp_path / "os.img"
    path.write_bytes(bytes(510) + b"\x55\xaa" + b"x" * (2 * MIB))
    return path


@pytest.fixture
def cards(tmp_path: Path) -> Iterator[list[WrongCard]]:
    folder = tmp_path / "cards"
    folder.mkdir()
    with wrong_cards(folder) as table:
        yield table


@pytest.mark.faults
def test_none_of_500_wrong_busy_or_lying_cards_is_written(
    image: Path, cards: list[WrongCard]
) -> None:
    assert {"not removable", "held by another program", "mounted"} <= {one.name for one in cards}
    assert tries_that_wrote(image, cards, TRIES) == []


def test_a_card_that_is_written_would_be_noticed(image: Path, tmp_path: Path) -> None:
    """The same card, when it is the right one: the count tells."""
    card = tmp_path / "card"
    card.write_bytes(bytes(CARD_BYTES))
    with loop_device(card) as device:
        right = WrongCard("right", (device, f"--serial={card}"), card)
        assert tries_that_wrote(image, [right], 1) == ["right"]
