"""The screen Evidence by its API: filters, labels, second review, undo, protection, export."""

from __future__ import annotations

import csv
import io
import zipfile
from pathlib import Path
from typing import get_args

import cv2
import numpy as np
import pytest

from edge_agent.evidence.folder import read_kept
from edge_agent.evidence.labels import State
from edge_agent.evidence.record import Cause
from edge_agent.web.api_evidence import EvidenceApi
from edge_agent.web.evidence_changes import EvidenceChanges
from edge_agent.web.evidence_index import EvidenceIndex, Wanted, Which, ordered
from edge_agent.web.evidence_models import EvidencePageQuery
from edge_agent.web.evidence_pictures import jpeg_of
from edge_agent.web.pages import words
from edge_agent.web.users import Role
from edge_agent.web.zip_stream import zip_stream
from tests.page_kit import PASSWORD, PageKit

HOUR_S = 3600


@pytest.fixture
def shift(kit: PageKit) -> PageKit:
    """Six rejects, an hour apart, the first two dented; their scores rise."""
    for k in range(6):
        kit.part(f"part-{k}", "FAIL", "dent" if k < 2 else "crack", score=0.55 + k / 20)
        kit.clock.advance_s(HOUR_S)
    return kit


def names(answer: dict[str, list[dict[str, str]]]) -> list[str]:
    return [item["part_id"] for item in answer["items"]]


@pytest.mark.parametrize(
    ("query", "parts"),
    [
        ("", "543210"),
        ("order=oldest&limit=2", "01"),
        ("order=oldest&limit=2&offset=4", "45"),
        ("order=unsure", "012345"),
        ("order=score&limit=1", "5"),
        ("label=dent", "10"),
        ("hours=2.5", "54"),
        ("part=ART-3", "3"),
        ("low=0.62&high=0.72", "32"),
        ("verdict=PASS", ""),
        ("channel=side", ""),
        ("which=labelled", ""),
    ],
)
def test_items_are_found_by(shift: PageKit, query: str, parts: str) -> None:
    answer = shift.browser().get(f"/api/evidence?{query}").json()
    assert names(answer) == [f"part-{k}" for k in parts]


@pytest.mark.parametrize(
    "query", ["limit=0", "order=x", "hours=nan", "low=inf", "offset=-1", "z=1"]
)
def test_a_question_that_is_none_is_refused(shift: PageKit, query: str) -> None:
    assert shift.browser().get(f"/api/evidence?{query}").status_code == 422


def test_a_label_is_recorded_counted_and_taken_back(shift: PageKit) -> None:
    quality = shift.logged_in(Role.QUALITY)
    stem = quality.get("/api/evidence?order=oldest").json()["items"][0]["stem"]
    asked = {"stem": stem, "label": "scratch", "is_defect": True,
             "boxes": [{"x": 4, "y": 5, "width": 8, "height": 6}]}  # fmt: skip
    said = quality.post("/api/evidence/label", json=asked).json()
    assert (said["label"], said["state"], said["by"]) == ("scratch", "labelled", ["quality"])
    page = quality.get("/api/evidence?label=scratch").json()
    assert (page["total"], page["counts"]["todo"], page["counts"]["labelled"]) == (1, 5, 1)
    assert [(one["label"], one["key"]) for one in page["choices"]] == [
        ("good", "1"), ("crack", "2"), ("dent", "3"), ("scratch", "4"),
    ]  # fmt: skip
    assert quality.post("/api/evidence/undo", json={"stem": stem}).json()["state"] == "todo"
    assert quality.post("/api/evidence/undo", json={"stem": stem}).status_code == 409
    assert [row[:2] for row in shift.records] == [
        ("quality", "evidence label"), ("quality", "evidence label undone"),
    ]  # fmt: skip
    _, _, before, after = shift.records[0]
    assert before == {"item": stem, "part_id": "part-0", "state": "todo"}
    assert after == {"item": stem, "part_id": "part-0", "state": "labelled",
                     "label": "scratch", "is_defect": True, "marks": 1}  # fmt: skip


def test_nothing_is_labelled_that_cannot_be_recorded(shift: PageKit) -> None:
    quality = shift.logged_in(Role.QUALITY)
    stem = quality.get("/api/evidence").json()["items"][0]["stem"]
    shift.can_record = False
    asked = {"stem": stem, "label": "scratch", "is_defect": True}
    assert quality.post("/api/evidence/label", json=asked).status_code == 503
    assert quality.get("/api/evidence?which=labelled").json()["total"] == 0


def test_a_second_person_does_not_see_the_first_ones_word_before_his_own(shift: PageKit) -> None:
    quality = shift.logged_in(Role.QUALITY)
    stem = quality.get("/api/evidence").json()["items"][0]["stem"]
    asked = {"stem": stem, "label": "scratch", "is_defect": True}
    quality.post("/api/evidence/label", json=asked)
    assert quality.get("/api/evidence?which=review").json()["total"] == 0
    second = shift.logged_in(Role.ENGINEER)
    (item,) = second.get("/api/evidence?which=review").json()["items"]
    assert (item["stem"], item["label"], item["by"]) == (stem, "", [])
    second.post("/api/evidence/label", json=asked | {"label": "good", "is_defect": False})
    page = second.get("/api/evidence?which=disputed").json()
    assert [page["total"], page["items"][0]["by"]] == [1, ["quality", "engineer"]]
    second.post("/api/evidence/label", json=asked)
    assert second.get("/api/evidence?which=labelled").json()["items"][0]["state"] == "confirmed"


def test_who_only_looks_labels_and_exports_nothing(shift: PageKit) -> None:
    operator = shift.logged_in(Role.OPERATOR)
    stem = operator.get("/api/evidence").json()["items"][0]["stem"]
    asked = {"stem": stem, "label": "scratch", "is_defect": True}
    assert operator.post("/api/evidence/label", json=asked).status_code == 403
    assert operator.get("/api/evidence/export.zip").status_code == 403
    assert shift.records == []


@pytest.mark.parametrize("stem", ["x", "../../users.json", "..%2f..%2fusers.json", "a" * 300])
def test_no_item_is_outside_of_the_folder(shift: PageKit, stem: str) -> None:
    quality = shift.logged_in(Role.QUALITY)
    for path in (f"/api/evidence/items/{stem}", f"/api/evidence/items/{stem}/picture"):
        assert quality.get(path).status_code in (404, 405)
    answer = quality.post("/api/evidence/protect", json={"stem": stem, "protected": True})
    assert answer.status_code == 404


def test_an_item_is_protected_and_let_go(shift: PageKit) -> None:
    quality = shift.logged_in(Role.QUALITY)
    stem = quality.get("/api/evidence").json()["items"][0]["stem"]
    for protected in (True, False):
        asked = {"stem": stem, "protected": protected}
        assert quality.post("/api/evidence/protect", json=asked).json()["protected"] is protected
        (one,) = [one for one in read_kept(shift.state / "evidence") if one.stem == stem]
        assert one.protected is protected
    assert [row[1] for row in shift.records] == ["evidence protection"] * 2


def test_the_picture_is_that_of_the_part_at_the_asked_width(kit: PageKit) -> None:
    image = np.zeros((300, 400, 3), np.uint8)
    image[:, :200, 0] = 200
    kit.part("red", "FAIL", "crack", image=image)
    browser = kit.browser()
    (item,) = browser.get("/api/evidence").json()["items"]
    shown = browser.get(f"/api/evidence/items/{item['stem']}/picture?width=200").content
    pixels = cv2.imdecode(np.frombuffer(shown, np.uint8), cv2.IMREAD_COLOR)
    assert pixels is not None
    assert pixels.shape == (150, 200, 3)
    assert abs(int(pixels[75, 40, 2]) - 200) < 8
    assert pixels[75, 160].max() < 8
    detail = browser.get(f"/api/evidence/items/{item['stem']}").json()
    assert (detail["width"], detail["height"]) == (400, 300)
    heated = browser.get(f"/api/evidence/items/{item['stem']}/picture?heat=1").content
    assert heated != browser.get(f"/api/evidence/items/{item['stem']}/picture").content


def test_the_export_is_a_data_set_with_the_masks(shift: PageKit, tmp_path: Path) -> None:
    quality = shift.logged_in(Role.QUALITY)
    for item in quality.get("/api/evidence?order=oldest&limit=2").json()["items"]:
        quality.post("/api/evidence/label", json={
            "stem": item["stem"], "label": "scratch", "is_defect": True,
            "strokes": [{"radius": 3, "points": [[10, 10], [20, 10]]}],
        })  # fmt: skip
    answer = quality.get("/api/evidence/export.zip?which=labelled")
    assert answer.headers["content-type"] == "application/zip"
    with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
        assert archive.testzip() is None
        rows = list(csv.DictReader(io.StringIO(archive.read("labels.csv").decode())))
        assert [(row["label"], row["labelled"]) for row in rows] == [("scratch", "labelled")] * 2
        assert all(row["mask"] in archive.namelist() for row in rows)
        assert "dataset.toml" in archive.namelist()
    assert shift.records[-1] == (
        "quality", "evidence export", {"which": "labelled"}, {"items": 2}
    )  # fmt: skip
    assert quality.get("/api/evidence/export.zip?which=disputed").status_code == 409


def test_a_missed_defect_becomes_an_item_to_label(kit: PageKit) -> None:
    kit.part("good-looking")
    kit.add_user("anna", Role.OPERATOR)
    browser = kit.logged_in(Role.OPERATOR)
    asked = {"part_id": "good-looking", "note": "scratch at the rim"}
    assert browser.post("/api/missed-defect", json=asked).json() == {"done": True, "kept": 1}
    (item,) = browser.get("/api/evidence?which=missed").json()["items"]
    assert (item["proposal"], item["missed_by"], item["note"], item["state"]) == (
        "missed", "operator", "scratch at the rim", "todo",
    )  # fmt: skip
    assert PASSWORD not in str(kit.records)


def test_an_index_sees_what_others_change_and_reads_a_record_once(shift: PageKit) -> None:
    index = EvidenceIndex(shift.state / "evidence")
    first = index.rows()
    assert index.find(Wanted(label="dent"), "oldest") == first[:2]
    assert index.rows()[0] is first[0]
    assert [row.part_id for row in ordered(first, "score")][:1] == ["part-5"]
    (shift.state / "evidence" / "records" / f"{first[0].stem}.json").unlink()
    assert index.row(first[0].stem) is None
    assert EvidenceIndex(shift.state / "nowhere").rows() == []


def test_a_station_without_evidence_has_an_empty_screen(kit: PageKit) -> None:
    page = kit.browser().get("/api/evidence").json()
    assert (page["items"], page["total"]) == ([], 0)
    assert {choice["label"] for choice in page["choices"]} == {"good", "crack", "dent"}
    rooms = kit.page.rooms
    assert EvidencePageQuery().limit == 24
    assert EvidenceApi(rooms).operations()[0].name == "evidence"
    assert EvidenceChanges(rooms.quality.evidence, rooms.log, rooms.clock) is not None


def test_every_cause_state_and_choice_of_items_has_its_words() -> None:
    spoken = words()["en"]
    wanted = [f"kept_{one}" for one in get_args(Cause)]
    wanted += [f"state_{one}" for one in get_args(State)]
    wanted += [f"which_{one}" for one in get_args(Which)]
    assert [key for key in wanted if key not in spoken] == []


def test_what_cannot_be_shown_has_no_picture(shift: PageKit) -> None:
    (one, *_) = read_kept(shift.state / "evidence")
    (shift.state / "evidence" / one.record.file).write_bytes(b"no picture")
    assert jpeg_of(shift.state / "evidence", one, width=100, heat=False) is None


def test_an_archive_is_whole_though_it_is_sent_in_pieces() -> None:
    files = [("a/b.bin", bytes(range(256)) * 300), ("c.txt", b"x")]
    pieces = list(zip_stream(iter(files)))
    assert len(pieces) == 3
    with zipfile.ZipFile(io.BytesIO(b"".join(pieces))) as archive:
        assert [(name, archive.read(name)) for name in archive.namelist()] == files
