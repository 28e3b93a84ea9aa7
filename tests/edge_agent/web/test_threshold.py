"""Moving a threshold: who may, what it would do, and that it is recorded, kept and undone."""

from __future__ import annotations

import pytest

from edge_agent.contracts.model.scoring import Scoring
from edge_agent.contracts.wire.kinds.state import StateMessage
from edge_agent.decide.station_threshold import StationThresholds
from edge_agent.web.api_threshold import ThresholdApi
from edge_agent.web.models import ModelView
from edge_agent.web.part_store import Score
from edge_agent.web.threshold_models import WhatIfQuery
from edge_agent.web.threshold_room import ThresholdRoom
from edge_agent.web.users import Role
from edge_agent.web.what_if import Truth, flips, histogram, outcome, truths_of
from tests.page_kit import PageKit

SCORING = Scoring(threshold=0.5)
SET = {"channel": "top", "bundle": "caps 1.0.0"}


def score(value: float, part_id: str = "p") -> Score:
    verdict = "FAIL" if value >= 0.5 else "PASS"
    return Score(part_id, 1, verdict, "crack" if value >= 0.5 else "good", value, 7)


def test_costs_and_flips_are_counted_by_hand() -> None:
    scores = [score(value, f"p{value}") for value in (0.1, 0.4, 0.45, 0.6, 0.9)]
    said = {("p0.45", 7): Truth(True, "scratch", True), ("p0.6", 7): Truth(False, "good", True)}
    truths = truths_of(scores, said)
    now = outcome(scores, truths, SCORING, 0.5, (100, 1))
    assert (now.failed, now.missed, now.false_rejects) == (2, 1, 1)
    assert now.cost == pytest.approx(1000 * 101 / 5)
    then = outcome(scores, truths, SCORING, 0.42, (100, 1))
    assert (then.failed, then.missed, then.false_rejects) == (3, 0, 1)
    assert [one.part_id for one in flips(scores, SCORING, 0.5, 0.3)] == ["p0.45", "p0.4"]
    edges, counts = histogram(scores, truths, 0, 1, 10)
    assert len(edges) == 11
    assert counts["scratch"] == [0, 0, 0, 0, 1, 0, 0, 0, 0, 0]
    assert sum(map(sum, counts.values())) == 5


@pytest.fixture
def day(kit: PageKit) -> PageKit:
    for k in range(20):
        value = (k + 0.5) / 20
        verdict = "FAIL" if value >= 0.5 else "PASS"
        kit.part(f"part-{k:02d}", verdict, "crack" if value >= 0.5 else "good", score=value)
        kit.clock.advance_s(60)
    return kit


def test_what_if_shows_which_parts_flip_with_their_pictures(day: PageKit) -> None:
    quality = day.logged_in(Role.QUALITY)
    found = quality.get("/api/threshold/what-if?channel=top&threshold=0.7").json()
    assert (found["parts"], found["flips"], found["to_pass"], found["to_fail"]) == (20, 4, 4, 0)
    assert [one["part_id"] for one in found["shown"]] == [f"part-{k}" for k in (10, 11, 12, 13)]
    assert all(one["becomes"] == "PASS" for one in found["shown"])
    stem = found["shown"][0]["stem"]
    assert quality.get(f"/api/evidence/items/{stem}").json()["item"]["part_id"] == "part-10"
    assert found["then"]["missed"] == 4
    assert found["then"]["cost"] == pytest.approx(1000 * 4 * 100 / 20)
    asked = {"stem": stem, "label": "good", "is_defect": False}
    quality.post("/api/evidence/label", json=asked)
    again = quality.get("/api/threshold/what-if?channel=top&threshold=0.7").json()
    assert (again["labelled"], again["then"]["missed"], again["now"]["false_rejects"]) == (1, 3, 1)
    day.clock.advance_s(3600)
    assert quality.get("/api/threshold/what-if?channel=top&hours=1").json()["parts"] == 0
    assert quality.get("/api/threshold/what-if?channel=x").status_code == 404


def test_a_stricter_threshold_is_in_force_kept_recorded_and_undone(day: PageKit) -> None:
    quality = day.logged_in(Role.QUALITY)
    asked = SET | {"threshold": 0.4, "note": "scratches\x1b[2J"}
    shown = quality.post("/api/threshold", json=asked).json()
    assert (shown["threshold"], shown["own"], shown["set_by"]) == (0.4, 0.5, "quality")
    assert day.scoring.threshold == 0.4
    kept = StationThresholds(day.state).scoring_for("top", "caps 1.0.0", SCORING)
    assert kept == day.scoring
    quality.post("/api/threshold", json=SET | {"threshold": 0.3})
    assert quality.post("/api/threshold/undo", json=SET).json()["threshold"] == 0.4
    assert quality.post("/api/threshold/undo", json=SET).json()["threshold"] == 0.5
    assert day.scoring == SCORING
    assert quality.post("/api/threshold/undo", json=SET).status_code == 409
    assert [(row[1], row[2]["threshold"], row[3]["threshold"]) for row in day.records] == [
        ("threshold", 0.5, 0.4), ("threshold", 0.4, 0.3),
        ("threshold undone", 0.3, 0.4), ("threshold undone", 0.4, 0.5),
    ]  # fmt: skip
    assert day.records[0][3]["note"] == "scratches\\x1b[2J"


@pytest.mark.parametrize(
    ("role", "threshold", "status"),
    [
        (Role.OPERATOR, 0.4, 403),
        (Role.QUALITY, 0.6, 403),
        (Role.ENGINEER, 0.6, 200),
        (Role.ENGINEER, 0.995, 422),
        (Role.ENGINEER, 0.0, 422),
    ],
)
def test_who_may_move_it_how_far(kit: PageKit, role: Role, threshold: float, status: int) -> None:
    browser = kit.logged_in(role)
    answer = browser.post("/api/threshold", json=SET | {"threshold": threshold})
    assert answer.status_code == status, answer.text
    assert kit.scoring.threshold == (threshold if status == 200 else 0.5)
    assert len(kit.records) == (status == 200)


def test_quality_undoes_nothing_that_lets_more_parts_pass(kit: PageKit) -> None:
    engineer = kit.logged_in(Role.ENGINEER)
    engineer.post("/api/threshold", json=SET | {"threshold": 0.7})
    quality = kit.logged_in(Role.QUALITY)
    quality.post("/api/threshold", json=SET | {"threshold": 0.5})
    assert quality.post("/api/threshold/undo", json=SET).status_code == 403
    assert kit.scoring.threshold == 0.5


def test_nothing_moves_that_cannot_be_recorded_or_is_another_bundle(kit: PageKit) -> None:
    quality = kit.logged_in(Role.QUALITY)
    other = SET | {"bundle": "caps 0.9.0", "threshold": 0.4}
    assert quality.post("/api/threshold", json=other).status_code == 409
    kit.can_record = False
    assert quality.post("/api/threshold", json=SET | {"threshold": 0.4}).status_code == 503
    assert kit.scoring.threshold == 0.5
    assert not (kit.state / "thresholds.json").exists()


def test_a_damaged_file_is_told_and_not_overwritten(kit: PageKit) -> None:
    kit.state.mkdir(exist_ok=True)
    (kit.state / "thresholds.json").write_text("{")
    quality = kit.logged_in(Role.QUALITY)
    answer = quality.post("/api/threshold", json=SET | {"threshold": 0.4})
    assert (answer.status_code, kit.scoring.threshold) == (503, 0.5)
    assert "remove the file" in answer.json()["cure"]
    assert (kit.state / "thresholds.json").read_text() == "{"


def test_a_setting_dies_when_another_bundle_is_armed(kit: PageKit) -> None:
    quality = kit.logged_in(Role.QUALITY)
    quality.post("/api/threshold", json=SET | {"threshold": 0.4})
    armed = StateMessage(station="press-7", state="armed", at_ns=1)
    kit.page.publish(armed)
    assert (kit.state / "thresholds.json").exists()
    newer = ModelView("top", "caps 1.0.1", ("good", "crack"), ("good",), SCORING, True, print)
    kit.page.set_models(lambda: [newer])
    kit.page.publish(armed)
    assert not (kit.state / "thresholds.json").exists()
    assert kit.records[-1][:2] == ("the station", "threshold of another bundle")
    assert kit.records[-1][2]["threshold"] == 0.4


def test_only_pictures_have_a_threshold_that_moves(kit: PageKit) -> None:
    fixed = ModelView("motor", "pump 1.0.0", ("a",), (), SCORING, False, print)
    kit.page.set_models(lambda: [fixed])
    engineer = kit.logged_in(Role.ENGINEER)
    (shown,) = engineer.get("/api/threshold").json()["channels"]
    assert not shown["can_move"]
    asked = {"channel": "motor", "bundle": "pump 1.0.0", "threshold": 0.4}
    assert engineer.post("/api/threshold", json=asked).status_code == 409
    assert isinstance(kit.page.rooms.quality.thresholds, ThresholdRoom)
    assert ThresholdApi(kit.page.rooms).operations()[0].name == "thresholds"
    assert WhatIfQuery(channel="x").hours == 24
