"""What a board says of its supply, in the words of get_throttled and of hwmon."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge_agent.health.board.power import check_power
from tests.board_trees import SOC, board, plant

PI4 = f"{SOC}/soc:firmware/get_throttled"


@pytest.mark.parametrize(
    ("word", "grade", "detail", "cure"),
    [
        ("0", "OK", "as they should be", ""),
        ("50005", "FAIL", "now: supply voltage too low, processor throttled", "power supply"),
        ("50000", "WARN", "since the start: supply voltage too low, processor thr", "power supply"),
        ("20002", "WARN", "now: clock capped", "cool the board"),
        ("e0008", "WARN", "now: soft temperature limit", "cool the board"),
        ("4", "FAIL", "now: processor throttled", "cool the board"),
    ],
)
def test_word_of_the_firmware(
    tmp_path: Path, word: str, grade: str, detail: str, cure: str
) -> None:
    (result,) = check_power(board(plant(tmp_path, {PI4: f"{word}\n"})))
    assert (result.grade, detail in result.detail) == (grade, True)
    assert cure in result.cure


@pytest.mark.parametrize(("alarm", "grade"), [("0", "OK"), ("1", "FAIL")])
def test_a_kernel_without_the_word_has_an_alarm_in_hwmon(
    tmp_path: Path, alarm: str, grade: str
) -> None:
    hwmon = "sys/class/hwmon/hwmon1"
    plant(tmp_path, {f"{hwmon}/name": "rpi_volt\n", f"{hwmon}/in0_lcrit_alarm": f"{alarm}\n"})
    (result,) = check_power(board(tmp_path))
    assert result.grade == grade


def test_a_jetson_does_not_tell_it(tmp_path: Path) -> None:
    plant(tmp_path, {"sys/class/hwmon/hwmon0/name": "ina3221\n"})
    (result,) = check_power(board(tmp_path))
    assert (result.grade, result.cure) == ("UNKNOWN", "")
