"""The plant in a terminal."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from deploy.__main__ import main
from deploy.history.places import store_at
from deploy.history.plant import plant_now, plant_text
from deploy.history.store import HistoryStore
from edge_agent.contracts.core.types import Verdict
from tests.deploy.history.history_kit import HOUR_NS, NOON_NS, judged, named_gap, seen

S = 10**9


def fill(store: HistoryStore) -> None:
    """`press` is armed and lost one verdict; `oven` went silent; `saw` is disarmed."""
    now_ns = NOON_NS + HOUR_NS
    parts = [judged(k, Verdict.FAIL if k == 0 else Verdict.PASS, at_ns=now_ns - 60 * S,
                    station="test") for k in range(4)]  # fmt: skip
    store.add([*parts, judged(4, at_ns=NOON_NS - S), named_gap(6, 5, 5, 1)])
    store.add([*seen("test", "armed", now_ns), *seen("oven", "armed", NOON_NS)])
    store.add(seen("saw", "disarmed", now_ns))


def test_each_station_is_one_line(store: HistoryStore) -> None:
    fill(store)
    lines = plant_now(store, NOON_NS + HOUR_NS)
    assert [(one.station, one.state, one.is_silent) for one in lines] == [
        ("oven", "armed", True),
        ("saw", "disarmed", False),
        ("test", "armed", False),
    ]
    test = lines[2]
    assert (test.parts_h, test.yield_, test.lost, test.missing) == (4, 0.75, 1, 0)
    assert (test.waiting, test.last_part_s) == (7, 60.0)


def test_the_table_is_aligned_and_shows_what_is_wrong(store: HistoryStore) -> None:
    fill(store)
    text = plant_text(plant_now(store, NOON_NS + HOUR_NS), NOON_NS + HOUR_NS)
    head, columns, oven, saw, test = text.splitlines()
    assert head == "2026-06-28 13:00:00Z  3 stations"
    assert oven.split()[:2] == ["oven", "silent"]
    assert saw.split()[:2] == ["saw", "disarmed"]
    assert test.split() == ["test", "armed", "60", "s", "ago", "4", "75.0", "%", "7", "0", "1"]
    assert columns.index("LOST") + 3 == test.rindex("1")


def test_a_station_cannot_write_to_the_terminal(store: HistoryStore) -> None:
    evil = seen("test")[0]
    said = evil.message.model_copy(update={"reason": "\x1b[2Jgone"})
    store.add([evil._replace(message=said, payload=said.model_dump_json())])
    assert "\x1b" not in plant_text(plant_now(store, NOON_NS), NOON_NS)


def test_watch_once_prints_json_and_exits_3_where_a_station_is_not_armed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = str(tmp_path / "h.db")
    with store_at(path) as store:
        fill(store)
    assert main(["watch", "--db", path, "--once", "--json"]) == 3
    document = json.loads(capsys.readouterr().out)
    assert [one["station"] for one in document["stations"]] == ["oven", "saw", "test"]
    assert main(["watch", "--db", str(tmp_path / "none.db"), "--once"]) == 1
    assert "none.db: cannot be used" in capsys.readouterr().err


def test_escape_is_recorded_by_its_verb(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = str(tmp_path / "h.db")
    with store_at(path) as store:
        fill(store)
    words = ["escape", "test", "p1", "--db", path, "--label", "crack", "--json"]
    assert main(words) == 0
    assert json.loads(capsys.readouterr().out) == {
        "station": "test", "part_id": "p1", "escape": True,
    }  # fmt: skip
    assert main(["escape", "test", "p0", "--db", path, "--label", "crack"]) == 0
    assert "no escape" in capsys.readouterr().out
    assert main(["escape", "test", "p9", "--db", path, "--label", "crack"]) == 1
