"""The figures of the screen History: limits by the textbook, empty hours in place, a whole CSV."""

from __future__ import annotations

import csv
import io

import pytest

from edge_agent.web.charts import Bucket, ParetoRow, buckets, mean_share, pareto
from edge_agent.web.history_models import Span
from edge_agent.web.part_store import Count
from edge_agent.web.users import Role
from tests.page_kit import PageKit

HOUR_NS = 3_600_000_000_000


def hour(place: int, verdict: str, parts: int, label: str = "") -> Count:
    return Count(place * HOUR_NS, verdict, label, "defect", parts)


def test_limits_are_those_of_a_p_chart_with_pieces_of_different_size() -> None:
    # Montgomery, Statistical Quality Control: p = 30 / 600, n = 100 and 200, by hand.
    counts = [hour(k, "PASS", n) for k, n in enumerate((95, 95, 190, 95, 95))]
    counts += [hour(k, "FAIL", n, "crack") for k, n in enumerate((5, 5, 10, 5, 5))]
    found = buckets(counts, 0, 5 * HOUR_NS, HOUR_NS)
    assert mean_share(found) == pytest.approx(0.05)
    assert found[0].upper == pytest.approx(0.05 + 3 * (0.05 * 0.95 / 100) ** 0.5)
    assert found[2].upper == pytest.approx(0.05 + 3 * (0.05 * 0.95 / 200) ** 0.5)
    assert found[0].lower == 0.0
    assert not any(one.out for one in found)
    assert found[5] == Bucket(5 * HOUR_NS)


def test_an_hour_beyond_the_limits_is_marked() -> None:
    counts = [hour(k, "PASS", 98) for k in range(10)] + [hour(k, "FAIL", 2) for k in range(9)]
    counts += [hour(9, "FAIL", 40)]
    found = buckets(counts, 0, 9 * HOUR_NS, HOUR_NS)
    assert [one.out for one in found] == [False] * 9 + [True]


def test_few_hours_have_no_limits_and_no_parts_have_no_share() -> None:
    found = buckets([hour(0, "PASS", 9), hour(1, "NO-VERDICT", 4)], 0, HOUR_NS, HOUR_NS)
    assert [(one.upper, one.share) for one in found] == [(None, 0.0), (None, None)]
    assert mean_share([]) is None


def test_a_pareto_counts_rejects_only() -> None:
    counts = [hour(0, "FAIL", 6, "crack"), hour(1, "FAIL", 2, "dent"), hour(1, "FAIL", 2, "crack"),
              hour(1, "PASS", 50, "good")]  # fmt: skip
    assert pareto(counts) == [ParetoRow("crack", 8, 0.8), ParetoRow("dent", 2, 1.0)]


def test_the_screen_gets_what_the_line_did(kit: PageKit) -> None:
    for k in range(30):
        kit.part(f"p{k}", "FAIL" if k % 10 == 9 else "PASS", "crack" if k % 10 == 9 else "")
        kit.clock.advance_s(120)
    kit.part("q", "NO-VERDICT", reason="top: stale: waited 400 ms, the deadline is 200 ms")
    browser = kit.browser()
    found = browser.get("/api/history/charts?hours=2").json()
    assert (found["passed"], found["failed"], found["no_verdict"]) == (27, 3, 1)
    assert found["mean"] == pytest.approx(0.1)
    assert found["no_verdicts"] == {"late": 1}
    assert found["pareto"] == [{"label": "crack", "parts": 3, "share": 1.0}]
    assert sum(one["passed"] for one in found["buckets"]) == 27
    assert browser.get("/api/history/charts?hours=0").status_code == 422
    assert Span().hours == 24


def test_the_csv_has_the_asked_hours_and_no_formula(kit: PageKit) -> None:
    kit.part("old")
    kit.clock.advance_s(7200)
    kit.part('=HYPERLINK("http://evil")', "FAIL", "crack")
    browser = kit.logged_in(Role.VIEWER)
    rows = list(csv.DictReader(io.StringIO(browser.get("/api/history.csv?hours=1").text)))
    assert [row["part_id"] for row in rows] == ['\'=HYPERLINK("http://evil")']
    assert rows[0]["time_utc"].endswith("+00:00")
    assert len(browser.get("/api/history.csv?hours=24").text.splitlines()) == 3
