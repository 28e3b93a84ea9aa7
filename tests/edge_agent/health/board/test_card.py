"""Wear of eMMC as JEDEC JESD84-B51 codes it, and of SD cards, which do not tell it."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge_agent.health.board.card import check_card
from tests.board_trees import CARD, PI5, board, plant


@pytest.mark.parametrize(
    ("life", "spare", "grade", "detail"),
    [
        ("0x01 0x01", "0x01", "OK", "0-10 % of its life used, spare blocks normal"),
        ("0x02 0x09", "0x01", "WARN", "80-90 % of its life used"),
        ("0x0b 0x03", "0x01", "FAIL", "its life is over"),
        ("0x01 0x01", "0x02", "WARN", "80 % of the spare blocks"),
        ("0x01 0x01", "0x03", "FAIL", "90 % of the spare blocks"),
        ("0x00 0x00", "0x00", "UNKNOWN", "does not tell"),
        ("", "", "UNKNOWN", "does not tell"),
    ],
)
def test_wear_of_emmc(tmp_path: Path, life: str, spare: str, grade: str, detail: str) -> None:
    tree = {"type": "MMC", "name": "BJTD4R", "life_time": life, "pre_eol_info": spare}
    plant(tmp_path, {f"{CARD}/{name}": f"{text}\n" for name, text in tree.items()})
    (result,) = check_card(board(tmp_path))
    assert (result.what, result.grade) == ("card mmcblk0", grade)
    assert detail in result.detail
    assert ("replace it" in result.cure) == (grade in ("WARN", "FAIL"))


def test_an_sd_card_does_not_tell_its_wear(tmp_path: Path) -> None:
    (result,) = check_card(board(plant(tmp_path, PI5)))
    assert (result.grade, "SD64G" in result.detail) == ("UNKNOWN", True)


def test_a_board_that_starts_from_an_ssd_has_no_card(tmp_path: Path) -> None:
    assert not list(check_card(board(tmp_path)))
