"""The clock against files that were written before, its reference, and the board's own clock."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from edge_agent.health.board.wall_clock import check_wall_clock, clock_synchronised
from tests.board_trees import NOW_NS, PI5, board, plant


@pytest.mark.parametrize(
    ("synchronised", "grade"), [(True, "OK"), (False, "WARN"), (None, "UNKNOWN")]
)
def test_reference_of_the_clock(tmp_path: Path, synchronised: bool | None, grade: str) -> None:
    clock, own = check_wall_clock(board(plant(tmp_path, PI5), synchronised=synchronised))
    assert (clock.grade, own.grade) == (grade, "OK")


def test_a_clock_that_began_in_1970_is_a_fault_and_a_pi_4_has_none_of_its_own(
    tmp_path: Path,
) -> None:
    root = plant(tmp_path, PI5, without="sys/class/rtc")
    clock, own = check_wall_clock(board(root, utc_ns=42 * 10**9, synchronised=False))
    assert (clock.grade, own.grade) == ("FAIL", "WARN")
    assert clock.detail.startswith("1970-01-01")
    assert "timedatectl" in clock.cure


def test_a_clock_behind_its_last_run_is_a_fault(tmp_path: Path) -> None:
    saved = "var/lib/systemd/timesync/clock"
    root = plant(tmp_path, PI5, {saved: ""})
    later_s = NOW_NS // 10**9 + 86400
    os.utime(root / saved, (later_s, later_s))
    clock, _ = check_wall_clock(board(root))
    assert clock.grade == "FAIL"


def test_this_kernel_answers() -> None:
    assert clock_synchronised() in (True, False, None)
