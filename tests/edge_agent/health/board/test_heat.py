"""Temperatures against the kernel's critical one."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge_agent.health.board.heat import check_heat
from tests.board_trees import PI5, ZONE, board, plant


@pytest.mark.parametrize(
    ("milli_c", "grade"), [("52350", "OK"), ("84000", "WARN"), ("105000", "FAIL")]
)
def test_a_pi_is_warm_at_80_and_near_its_end_at_105(
    tmp_path: Path, milli_c: str, grade: str
) -> None:
    (result,) = check_heat(board(plant(tmp_path, PI5, {f"{ZONE}/temp": f"{milli_c}\n"})))
    assert result.grade == grade
    assert "critical at 110 °C" in result.detail


def test_without_trip_points_95_is_critical_and_the_hottest_zone_counts(tmp_path: Path) -> None:
    other = "sys/class/thermal/thermal_zone7/temp"
    (result,) = check_heat(board(plant(tmp_path, {f"{ZONE}/temp": "40000\n", other: "91000\n"})))
    assert (result.grade, result.detail) == ("FAIL", "91 °C, critical at 95 °C")


def test_a_board_without_zones_is_not_known(tmp_path: Path) -> None:
    (result,) = check_heat(board(tmp_path))
    assert result.grade == "UNKNOWN"
