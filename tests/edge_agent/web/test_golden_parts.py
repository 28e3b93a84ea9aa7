"""Golden parts on the page: asked for by an operator, released by quality, recorded both."""

from __future__ import annotations

from edge_agent.contracts.core.types import Verdict
from edge_agent.contracts.wire.decision import Decision
from edge_agent.golden.gate import WRONG_PARTS
from edge_agent.web.api_golden import GoldenApi
from edge_agent.web.golden_parts import GoldenAsked, GoldenPart
from edge_agent.web.users import Role
from tests.page_kit import PageKit

ORDER = GoldenAsked(
    parts=[GoldenPart(kind="bad", label="crack"), GoldenPart(kind="good")]
).model_dump()


def test_who_may_what(kit: PageKit) -> None:
    roles = {row.name: row.role for row in GoldenApi(kit.page.rooms).operations()}
    assert roles == {
        "goldenParts": Role.VIEWER,
        "checkGoldenParts": Role.OPERATOR,
        "releaseGoldenParts": Role.QUALITY,
    }


def decided(kit: PageKit, verdict: Verdict) -> Decision:
    return kit.hold.applied(Decision("p", verdict, "accept", "", 1.0, ()))


def test_an_operator_runs_a_check_and_sees_it_go_on(kit: PageKit) -> None:
    browser = kit.logged_in(Role.OPERATOR)
    assert "none was seen yet" in browser.get("/api/golden").json()["due"]
    assert browser.post("/api/golden/check", json=ORDER).status_code == 200
    kit.hold.look()
    assert browser.get("/api/golden").json()["expected"] == ["bad:crack", "good"]
    assert browser.post("/api/golden/check", json=ORDER).status_code == 409
    decided(kit, Verdict.PASS)
    kit.hold.look()
    view = browser.get("/api/golden").json()
    assert view["expected"] == []
    assert "PASS, not FAIL" in view["blocked"]
    assert view["last"]["by"] == "operator"
    assert [row[:2] for row in kit.records] == [
        ("operator", "golden check asked"),
        ("operator", "golden parts"),
    ]
    assert decided(kit, Verdict.PASS).verdict == Verdict.NO_VERDICT


def test_only_quality_releases_what_golden_parts_stopped(kit: PageKit) -> None:
    kit.hold.stop("golden part 1 (bad) was PASS, not FAIL", WRONG_PARTS)
    asked = {"note": "the golden part was dirty"}
    operator = kit.logged_in(Role.OPERATOR)
    assert operator.post("/api/golden/release", json=asked).status_code == 403
    resumed = operator.post("/api/passing", json={"stopped": False})
    assert resumed.status_code == 409, "the button of the line released a failed golden check"
    assert kit.hold.by
    quality = kit.logged_in(Role.QUALITY)
    assert quality.post("/api/golden/release", json={"note": ""}).status_code == 422
    assert quality.post("/api/golden/release", json=asked).status_code == 200
    assert not kit.hold.by
    who, what, before, after = kit.records[0]
    assert (who, what) == ("quality", "golden release")
    assert "not FAIL" in str(before["stopped"])
    assert after["note"] == asked["note"]
    assert quality.post("/api/golden/release", json=asked).status_code == 409


def test_a_release_that_cannot_be_recorded_is_none(kit: PageKit) -> None:
    kit.hold.stop("a golden part was wrong", WRONG_PARTS)
    kit.can_record = False
    quality = kit.logged_in(Role.QUALITY)
    assert quality.post("/api/golden/release", json={"note": "dirty"}).status_code == 503
    assert kit.hold.by


def test_a_person_s_stop_outlives_the_release_of_golden_parts(kit: PageKit) -> None:
    kit.hold.stop("anna")
    kit.hold.stop("a golden part was wrong", WRONG_PARTS)
    quality = kit.logged_in(Role.QUALITY)
    assert quality.post("/api/golden/release", json={"note": "dirty"}).status_code == 200
    assert kit.hold.by == "anna"
