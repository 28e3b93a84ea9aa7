"""check runs a channel's first items through its real judge and says what came."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from edge_agent.contracts.core.check_result import CheckResult
from edge_agent.contracts.core.clock import SystemClock
from edge_agent.contracts.core.types import Verdict
from edge_agent.contracts.wire.kinds.verdict import ChannelVerdict
from edge_agent.station.check_channel import check_channel, judged_result
from edge_agent.station.config import read_config
from tests.station_kit import write_frame, write_station

FOLDER = 'driver = "folder"\npath = "frames"'


def check(station_toml: Path, items: int = 20) -> dict[str, CheckResult]:
    config = read_config(station_toml)
    found = check_channel(config.channel[0], config, SystemClock(), items=items, source_s=2)
    return {result.what: result for result in found}


def verdicts(*words: str) -> list[ChannelVerdict]:
    return [
        ChannelVerdict(
            channel="top", bundle="b", verdict=Verdict(word), reason="late" if "NO" in word else ""
        )
        for word in words
    ]


def test_first_items_are_judged_and_counted(bench: Path) -> None:
    result = check(write_station(bench, FOLDER), items=8)["channel top: items"]
    assert (result.grade, result.detail) == (
        "OK",
        "8 items judged: 6 PASS, 2 FAIL, 0 NO-VERDICT",
    )


def test_station_whose_every_part_would_have_no_verdict_fails(bench: Path) -> None:
    for k in range(12):
        write_frame(bench / "frames" / f"part{k:04d}.png", 200, seed=5)
    found = check(write_station(bench, FOLDER))
    assert found["channel top: source"].grade == "OK"
    result = found["channel top: items"]
    assert result.grade == "FAIL", "the first frame alone has a verdict"
    assert "11 times: frozen camera" in result.detail
    slow = check(write_station(bench, FOLDER, line="deadline_ms = 0.001"))["channel top: items"]
    assert slow.grade == "FAIL"


@pytest.mark.parametrize(
    ("found", "dropped", "grade"),
    [
        (["PASS"], 0, "OK"),
        (["FAIL"], 0, "OK"),
        (["FAIL", "FAIL"], 0, "WARN"),
        (["NO-VERDICT", "PASS", "PASS", "FAIL"], 0, "OK"),
        (["PASS", "NO-VERDICT"], 0, "FAIL"),
        (["PASS", "PASS", "NO-VERDICT", "PASS"], 0, "WARN"),
        (["PASS", "PASS"], 3, "WARN"),
        (["NO-VERDICT"], 0, "FAIL"),
        (["NO-VERDICT"] * 73, 0, "FAIL"),
    ],
    ids=str,
)
def test_grade_of_what_came(found: Sequence[str], dropped: int, grade: str) -> None:
    result = judged_result("items", verdicts(*found), dropped)
    assert result.grade == grade
    assert bool(result.cure) == (grade != "OK")


def test_nothing_that_came_is_a_warning_and_leaves_no_memory(bench: Path) -> None:
    for path in (bench / "frames").iterdir():
        path.unlink()
    found = check(write_station(bench, f'{FOLDER}\nat_end = "wait"'))
    assert found["channel top: source"].detail == "nothing came within 2 s"
    assert not (bench / "state").exists()
