"""The real-time priority that /proc/self/limits allows."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge_agent.health.board.realtime import check_realtime
from tests.board_trees import LIMITS, board, plant

ROW = "Max realtime priority     {}"


@pytest.mark.parametrize(
    ("soft", "grade", "detail"),
    [("0", "OK", "not allowed"), ("95", "OK", "up to 95"), ("unlimited", "OK", "up to unlimited")],
)
def test_soft_limit(tmp_path: Path, soft: str, grade: str, detail: str) -> None:
    limits = LIMITS.replace(ROW.format("0"), ROW.format(soft))
    (result,) = check_realtime(board(plant(tmp_path, {"proc/self/limits": limits})))
    assert (result.grade, detail in result.detail) == (grade, True)


def test_not_known_without_the_row(tmp_path: Path) -> None:
    (result,) = check_realtime(board(tmp_path))
    assert result.grade == "UNKNOWN"
