"""What the page shows and records, and what it refuses to be made to do."""

from __future__ import annotations

import csv
import io
import json
import logging

import cv2
import numpy as np
import pytest

from edge_agent.contracts.wire.kinds.health import HealthMessage
from edge_agent.contracts.wire.kinds.state import StateMessage
from edge_agent.web.log_tail import LogTail, without_secrets
from edge_agent.web.pages import HERE, words
from edge_agent.web.users import Role
from tests.page_kit import PASSWORD, PageKit


def test_the_line_counts_what_it_was_told(kit: PageKit) -> None:
    kit.part("a")
    kit.part("b", "FAIL", "crack", "top: crack")
    kit.part("c", "FAIL", "crack", "top: crack")
    kit.part("d", "NO-VERDICT", reason="top: stale: waited 400 ms, the deadline is 200 ms")
    view = kit.browser().get("/api/line").json()
    assert view["counts"] == {"PASS": 1, "FAIL": 2, "NO-VERDICT": 1}
    assert view["rejects"] == {"crack": 2}
    assert view["no_verdicts"] == {"late": 1}
    assert [part["part_id"] for part in view["parts"]] == ["a", "b", "c", "d"]
    assert view["parts_per_min"] == 4
    assert view["p95_ms"] == 12
    kit.clock.advance_s(61)
    assert kit.browser().get("/api/line").json()["parts_per_min"] == 0


def test_the_strip_has_sixty_parts_and_the_history_more(kit: PageKit) -> None:
    for k in range(70):
        kit.part(f"p{k}")
    browser = kit.browser()
    assert len(browser.get("/api/line").json()["parts"]) == 60
    parts = browser.get("/api/history?limit=65").json()["parts"]
    assert [parts[0]["part_id"], len(parts)] == ["p69", 65]


@pytest.mark.parametrize("limit", ["0", "-1", "x", "9" * 5000, "²"])
def test_a_limit_that_is_no_number_is_refused(kit: PageKit, limit: str) -> None:
    assert kit.browser().get("/api/history", params={"limit": limit}).status_code == 422


def test_lights_name_what_is_wrong(kit: PageKit) -> None:
    kit.page.publish(
        StateMessage(station="press-7", state="disarmed", at_ns=1,
                     reason="top: no frame for 3 s; output gate failed: no answer")
    )  # fmt: skip
    kit.page.publish(
        HealthMessage(station="press-7", at_ns=1, parts=0, passed=0, failed=0, no_verdict=0,
                      frames_dropped=3, outbox_waiting=5000, rss_mb=1)
    )  # fmt: skip
    lights = {light["name"]: light for light in kit.browser().get("/api/line").json()["lights"]}
    assert lights["station"]["level"] == "bad"
    assert lights["channel top"] == {
        "name": "channel top", "level": "bad", "text": "top: no frame for 3 s",
    }  # fmt: skip
    assert lights["output"]["level"] == "bad"
    assert lights["trigger"]["level"] == "ok"
    assert lights["messages"]["text"] == "5000 messages wait"
    assert lights["frames"]["level"] == "warn"


def test_picture_and_heat_map_are_of_the_same_part(kit: PageKit) -> None:
    kit.part("a")
    kit.part("b", "FAIL", "crack")
    browser = kit.browser()
    (shown,) = browser.get("/api/line").json()["pictures"]
    assert (shown["part_id"], shown["has_heat"]) == ("b", True)
    plain = decode(browser.get("/api/picture/top?heat=0").content)
    heated = decode(browser.get("/api/picture/top").content)
    assert abs(int(plain[4, 4].mean()) - 60) < 6
    place = (slice(90, 140), slice(90, 140))
    assert np.abs(heated[place].astype(int) - plain[place]).mean() > 30
    assert np.abs(heated[:30, 250:].astype(int) - plain[:30, 250:]).mean() < 6


def decode(jpeg: bytes) -> np.ndarray:
    found = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR)
    assert found is not None
    return found


def test_stop_passing_is_recorded_and_holds_until_resumed(kit: PageKit) -> None:
    browser = kit.logged_in(Role.OPERATOR)
    assert browser.post("/api/passing", json={"stopped": True}).status_code == 200
    assert kit.hold.by == "operator"
    assert browser.get("/api/line").json()["stopped_by"] == "operator"
    assert browser.post("/api/passing", json={"stopped": False}).status_code == 200
    assert kit.records == [
        ("operator", "passing", {"stopped_by": ""}, {"stopped_by": "operator"}),
        ("operator", "passing", {"stopped_by": "operator"}, {"stopped_by": ""}),
    ]


def test_a_full_disk_of_the_audit_log_stops_and_never_resumes(kit: PageKit) -> None:
    browser = kit.logged_in(Role.OPERATOR)
    kit.can_record = False
    assert browser.post("/api/passing", json={"stopped": True}).status_code == 503
    assert kit.hold.by == "operator"
    assert browser.post("/api/passing", json={"stopped": False}).status_code == 503
    assert kit.hold.by == "operator"


def test_a_missed_defect_is_recorded_with_before_and_after(kit: PageKit) -> None:
    kit.part("a")
    kit.part("b", "FAIL", "crack")
    browser = kit.logged_in(Role.OPERATOR)
    answer = browser.post("/api/missed-defect", json={"part_id": "a", "note": "scratch"})
    assert answer.status_code == 200
    assert kit.records == [
        ("operator", "missed defect", {"part_id": "a", "verdict": "PASS"},
         {"part_id": "a", "truth": "defect", "note": "scratch"}),
    ]  # fmt: skip
    assert browser.get("/api/line").json()["parts"][0]["reported"]
    assert browser.post("/api/missed-defect", json={"part_id": "b"}).status_code == 409
    assert browser.post("/api/missed-defect", json={"part_id": "z"}).status_code == 404


def test_a_part_name_is_no_formula_in_the_csv(kit: PageKit) -> None:
    kit.part('=HYPERLINK("http://evil")')
    rows = list(csv.DictReader(io.StringIO(kit.browser().get("/api/history.csv").text)))
    assert rows[0]["part_id"] == '\'=HYPERLINK("http://evil")'


@pytest.mark.parametrize(
    "path",
    [
        "/static/../users.json",
        "/static/%2e%2e/users.py",
        "/static/..%2f..%2fconfig.py",
        "/static//etc/passwd",
        "/static/%00",
        "/api/picture/..%2f..%2fusers.json",
        "/api/live/%2e%2e",
    ],
)
def test_no_path_leads_out_of_the_page(kit: PageKit, path: str) -> None:
    answer = kit.browser().get(path)
    assert answer.status_code in (400, 404, 405), (path, answer.status_code)


@pytest.mark.parametrize("path", ["/api/login", "/api/passing", "/api/missed-defect"])
def test_a_body_that_is_too_large_is_refused(kit: PageKit, path: str) -> None:
    browser = kit.logged_in(Role.OPERATOR)
    headers = {"Content-Type": "application/json"}
    assert browser.post(path, content=b" " * 70_000, headers=headers).status_code == 413


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[]", b"null", b'{"stopped":1e999}', b"\xff", b'{"x":1}', b"[" * 9000]
)
def test_a_body_that_is_not_as_described_is_refused(kit: PageKit, body: bytes) -> None:
    browser = kit.logged_in(Role.OPERATOR)
    headers = {"Content-Type": "application/json"}
    assert browser.post("/api/passing", content=body, headers=headers).status_code == 422


def test_every_answer_forbids_foreign_scripts_and_frames(kit: PageKit) -> None:
    browser = kit.browser()
    for path in ("/", "/api/line", "/static/page.css", "/nowhere", "/api/openapi.json"):
        headers = browser.get(path).headers
        assert "default-src 'none'" in headers["content-security-policy"]
        assert "unsafe" not in headers["content-security-policy"]
        assert headers["x-frame-options"] == "DENY"
        assert headers["x-content-type-options"] == "nosniff"
        assert "server" not in headers


def test_the_document_describes_every_operation(kit: PageKit) -> None:
    document = kit.browser().get("/api/openapi.json").json()
    paths = {(m, p) for p, row in document["paths"].items() for m in row}
    assert ("post", "/api/missed-defect") in paths
    assert document["paths"]["/api/passing"]["post"]["x-role"] == "operator"
    used = set(json.dumps(document).split('"#/components/schemas/')[1:])
    names = {text.partition('"')[0] for text in used}
    assert names <= set(document["components"]["schemas"])
    described = {
        row["operationId"]: {"path": path, "method": method.upper()}
        for path, methods in document["paths"].items()
        for method, row in methods.items()
    }
    assert kit.browser().get("/api/operations.json").json() == described


def test_both_languages_have_the_same_words() -> None:
    for path in (HERE / "words" / "en").iterdir():
        other = json.loads((HERE / "words" / "zh" / path.name).read_text("utf-8"))
        assert json.loads(path.read_text("utf-8")).keys() == other.keys(), path.name


def test_no_word_is_in_two_files_and_the_browser_gets_them_all(kit: PageKit) -> None:
    files = [json.loads(path.read_text("utf-8")) for path in (HERE / "words" / "en").iterdir()]
    assert kit.browser().get("/words/en.json").json() == words()["en"]
    assert len(words()["en"]) == sum(map(len, files))


def test_the_language_is_remembered(kit: PageKit) -> None:
    browser = kit.browser()
    assert "停止" not in browser.get("/").text
    assert "产线" in browser.get("/?lang=zh").text
    assert "产线" in browser.get("/").text
    assert browser.get("/?lang=../x").status_code == 200


def test_the_page_weighs_less_than_300_kb() -> None:
    folders = [HERE / "static", HERE / "templates", HERE / "words"]
    files = [file for folder in folders for file in folder.rglob("*.*") if file.is_file()]
    assert sum(file.stat().st_size for file in files) < 300_000


def test_the_log_tail_shows_no_secret() -> None:
    tail = LogTail(lines=2)
    log = logging.getLogger("lineside.test_tail")
    log.addHandler(tail)
    log.setLevel(logging.INFO)
    for k in range(3):
        log.info("camera rtsp://user:hunter2@10.0.0.1/ password=%s line %d", PASSWORD, k)
    log.removeHandler(tail)
    assert len(tail.lines()) == 2
    assert "hunter2" not in "".join(tail.lines())
    assert without_secrets("api_key: abc") == "api_key: ****"


def test_an_engineer_sees_the_machine(kit: PageKit) -> None:
    found = kit.logged_in(Role.ENGINEER).get("/api/system").json()
    assert found["disk_free_mb"] > 0
    assert found["rss_mb"] > 1
