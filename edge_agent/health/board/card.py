"""Wear of eMMC.

Source: the kernel's "SD and MMC Block Device Attributes"; JEDEC JESD84-B51, 7.4.
"""

from __future__ import annotations

from collections.abc import Iterator

from edge_agent.contracts.core.check_result import CheckResult, Grade
from edge_agent.health.board.board import Board, number

WORN = 0x0B
"""life_time: n means that up to n tenths of the life are used, this one that it is over."""
OLD = 0x09
"""From here on a card should be planned to be replaced."""
SPARE_WORDS: dict[int, tuple[Grade, str]] = {
    1: ("OK", "spare blocks normal"),
    2: ("WARN", "80 % of the spare blocks are used"),
    3: ("FAIL", "90 % of the spare blocks are used"),
}
UNTOLD: tuple[Grade, str] = ("OK", "spare blocks not told")
CURE = "replace it soon: copy the state folder, flash a new one, provision it"


def check_card(board: Board) -> Iterator[CheckResult]:
    """One result for each SD card and eMMC."""
    for device in board.paths("sys/block/mmcblk*/device"):
        what = f"card {device.split('/')[2]}"
        name = board.text(f"{device}/name") or "no name"
        if board.text(f"{device}/type") == "SD":
            detail = f"SD card {name}: an SD card does not tell its wear"
            yield CheckResult(what, "UNKNOWN", detail)
        else:
            yield _wear(what, name, board.text(f"{device}/life_time"), board, device)


def _wear(what: str, name: str, life: str, board: Board, device: str) -> CheckResult:
    used = max((number(word, 16) or 0 for word in life.split()), default=0)
    spare = number(board.text(f"{device}/pre_eol_info") or "0", 16) or 0
    if not used and spare not in SPARE_WORDS:
        return CheckResult(what, "UNKNOWN", f"eMMC {name}: it does not tell its wear")
    grade, detail = SPARE_WORDS.get(spare, UNTOLD)
    share = (
        f"{10 * used - 10}-{10 * used} % of its life used" if 0 < used < WORN else "life not told"
    )
    if used >= WORN:
        grade, share = "FAIL", "its life is over"
    elif used >= OLD and grade == "OK":
        grade = "WARN"
    cure = "" if grade == "OK" else CURE
    return CheckResult(what, grade, f"eMMC {name}: {share}, {detail}", cure)
