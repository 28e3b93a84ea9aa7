"""The report of a shift: its hours, its figures, its page."""

from __future__ import annotations

import json
import re
from datetime import UTC, date
from pathlib import Path

import pytest

from deploy.__main__ import main
from deploy.history.control_chart import HEIGHT, chart_of
from deploy.history.found_later import Finding, record
from deploy.history.pdf import find_browser, print_pdf
from deploy.history.places import store_at
from deploy.history.shift import shift_of, zone_of
from deploy.history.shift_report import as_document, page, shift_report
from deploy.history.store import HistoryStore
from edge_agent.contracts.core.errors import ConfigError
from edge_agent.contracts.core.types import Verdict
from tests.deploy.history.history_kit import HOUR_NS, NOON_NS, arrival, hours_of, judged, seen

DAY = date(2026, 6, 28)


def fill(store: HistoryStore) -> None:
    """Two stations from noon on; the fifth hour of press-3 is far beyond its limits."""
    store.add(arrival(one) for one in hours_of("press-3", [5, 5, 5, 5, 20, 5, 5]))
    store.add(arrival(one) for one in hours_of("press-4", [1, 2, 1, 0, 1, 2, 1]))
    store.add([*seen("press-3", "armed", NOON_NS + 1), *seen("press-3", "disarmed", NOON_NS + 2)])
    record(store, [Finding("press-3", "p50", "crack", "customer")], NOON_NS + HOUR_NS)


def test_a_shift_may_end_on_the_next_day_and_knows_its_zone() -> None:
    night = shift_of("22:00-06:00", DAY, zone_of("Europe/Berlin"))
    assert (night.end_ns - night.begin_ns) == 8 * HOUR_NS
    assert night.begin_ns == NOON_NS + 8 * HOUR_NS
    assert night.title == "2026-06-28 22:00 to 06:00 (CEST)"


def test_a_night_of_changed_clocks_is_longer() -> None:
    night = shift_of("22:00-06:00", date(2026, 10, 24), zone_of("Europe/Berlin"))
    assert (night.end_ns - night.begin_ns) == 9 * HOUR_NS


@pytest.mark.parametrize("hours", ["6-14", "06:00-24:00", "06:60-07:00", "06:00-14:00x", ""])
def test_hours_that_are_none_are_refused(hours: str) -> None:
    with pytest.raises(ConfigError, match="is no shift: write it as 06:00-14:00"):
        shift_of(hours, DAY, UTC)


@pytest.mark.parametrize("name", ["Mars/Base", "../../etc/passwd", ""])
def test_a_zone_that_is_none_is_refused(name: str) -> None:
    with pytest.raises(ConfigError, match="no time zone is called"):
        zone_of(name)


def test_figures_are_those_of_the_shift_alone(store: HistoryStore) -> None:
    fill(store)
    report = shift_report(store, shift_of("12:00-17:00", DAY, UTC))
    assert [(one.station, one.parts, one.failed) for one in report.stations] == [
        ("press-3", 500, 40),
        ("press-4", 500, 5),
    ]
    assert report.causes[0]["reason"] == "top: scratch"
    document = as_document(report)
    assert document["signals"] == [
        {"station": "press-3", "hour": "2026-06-28T16:00Z", "p": 0.2, "rules": ["beyond 3 sigma"]}
    ]
    assert [one["part_id"] for one in report.escapes] == ["p50"]
    assert [one["state"] for one in report.changes] == ["disarmed", "armed"]


def test_the_page_stands_alone_and_escapes_what_stations_say(store: HistoryStore) -> None:
    fill(store)
    evil = '<script>alert("x")</script>'
    store.add([judged(10_000, Verdict.FAIL, station="press-4", reason=evil)])
    html = page(shift_report(store, shift_of("12:00-20:00", DAY, UTC)), "now")
    assert "<script" not in html
    assert "&lt;script&gt;" in html
    assert not re.findall(r"(?:src|href)=|https?://|@import", html)
    assert html.count("<svg") == 2


def test_a_shift_without_parts_is_a_page_too(store: HistoryStore) -> None:
    html = page(shift_report(store, shift_of("12:00-20:00", DAY, UTC)), "now")
    assert "No part was inspected in this shift." in html


def test_points_of_the_chart_keep_their_order_of_height() -> None:
    rows = [{"hour": f"h{k}", "p": p, "p_mean": 0.1, "low": 0.0, "high": 0.2, "z": 0.0,
             "beyond_3": k == 1, "two_of_3": 0, "four_of_5": 0, "eight_on_a_side": 0,
             "six_in_a_trend": 0} for k, p in enumerate((0.0, 0.4, 0.1))]  # fmt: skip
    chart = chart_of("a", rows, "h1")
    assert [mark.signals for mark in chart.marks] == [False, True, False]
    assert chart.marks[1].y < chart.marks[2].y < chart.marks[0].y <= HEIGHT
    assert [one["hour"] for one in chart.signals] == ["h1"]


def test_the_verb_writes_page_and_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = str(tmp_path / "h.db")
    with store_at(path) as store:
        fill(store)
    out = tmp_path / "shift.html"
    words = ["report", "--db", path, "--shift", "12:00-17:00", "--date", "2026-06-28"]
    assert main([*words, "--out", str(out), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["stations"][0]["parts"] == 500
    assert "press-3" in out.read_text()
    assert main([*words[:-1], "28.6.", "--out", str(out)]) == 2


@pytest.mark.browser
def test_chromium_prints_the_page_on_one_sheet(tmp_path: Path) -> None:
    if find_browser() is None:
        pytest.skip("Chromium is not installed (apt install chromium)")
    html, pdf = tmp_path / "shift.html", tmp_path / "shift.pdf"
    with store_at(str(tmp_path / "h.db")) as store:
        fill(store)
        html.write_text(page(shift_report(store, shift_of("12:00-20:00", DAY, UTC)), "now"))
    print_pdf(html, pdf)
    payload = pdf.read_bytes()
    assert payload.startswith(b"%PDF-")
    assert len(re.findall(rb"/Type\s*/Page\b", payload)) == 1
