"""The views, against the same figures computed here from the verdicts themselves."""

from __future__ import annotations

import math
from collections import Counter
from itertools import pairwise

import pytest

from deploy.history.found_later import Finding, record
from deploy.history.store import HistoryStore
from edge_agent.contracts.core.errors import InputError
from edge_agent.contracts.core.types import Verdict
from edge_agent.contracts.wire.kinds.escape import EscapeMessage
from tests.deploy.history.history_kit import (
    HOUR_NS,
    NOON_NS,
    arrival,
    hours_of,
    judged,
    named_gap,
    seen,
)

RULES = ("beyond_3", "two_of_3", "four_of_5", "eight_on_a_side", "six_in_a_trend")


def test_yield_is_counted_by_hour(store: HistoryStore) -> None:
    store.add(arrival(one) for one in hours_of("test", [5, 10]))
    store.add([judged(200, Verdict.NO_VERDICT, at_ns=NOON_NS + HOUR_NS)])
    rows = store.query("SELECT * FROM yield_by_hour ORDER BY hour")
    assert [tuple(row.values()) for row in rows] == [
        ("test", "2026-06-28T12:00Z", 100, 95, 5, 0, pytest.approx(0.95)),
        ("test", "2026-06-28T13:00Z", 101, 90, 10, 1, pytest.approx(90 / 101)),
    ]


def test_quality_counts_accepted_passes_as_good(store: HistoryStore) -> None:
    store.add([judged(k) for k in range(6)])
    store.add([judged(6, Verdict.FAIL), judged(7, Verdict.NO_VERDICT, action="accept")])
    (row,) = store.query("SELECT * FROM oee_quality")
    assert tuple(row.values()) == ("test", "2026-06-28", 8, 6, 1, pytest.approx(6 / 8))


def test_pareto_orders_causes_and_adds_up_to_one(store: HistoryStore) -> None:
    causes = ["scratch"] * 6 + ["dent"] * 3 + ["late"]
    store.add(judged(k, Verdict.FAIL, reason=cause) for k, cause in enumerate(causes))
    rows = store.query("SELECT reason, parts, share FROM pareto ORDER BY parts DESC")
    assert [(row["reason"], row["parts"]) for row in rows] == Counter(causes).most_common()
    assert [row["share"] for row in rows] == pytest.approx([0.6, 0.9, 1.0])
    (row,) = store.query("SELECT * FROM pareto_by_label")
    assert tuple(row.values()) == ("test", "top", "scratch", 10)


def test_limits_of_the_p_chart_are_those_of_the_binomial(store: HistoryStore) -> None:
    failed = [5, 10, 3, 6]
    store.add(arrival(one) for one in hours_of("test", failed))
    mean = sum(failed) / 400
    sigma = math.sqrt(mean * (1 - mean) / 100)
    rows = store.query("SELECT p, p_mean, low, high, z FROM p_chart ORDER BY hour")
    for row, count in zip(rows, failed, strict=True):
        limits = [max(0, mean - 3 * sigma), mean + 3 * sigma]
        assert list(row.values()) == pytest.approx(
            [count / 100, mean, *limits, (count / 100 - mean) / sigma]
        )


def test_without_any_fail_nothing_signals(store: HistoryStore) -> None:
    store.add(arrival(one) for one in hours_of("test", [0] * 10, parts=5))
    columns = " + ".join(RULES)
    assert store.query(f"SELECT sum({columns}) AS signals FROM p_chart_rules") == [{"signals": 0}]


@pytest.mark.parametrize(
    ("rule", "failed"),
    [
        ("beyond_3", [5, 5, 5, 5, 20, 5, 5, 5]),
        ("two_of_3", [5, 5, 5, 5, 5, 5, 5, 5, 11, 4, 11, 5]),
        ("four_of_5", [3, 3, 4, 3, 3, 4, 3, 8, 8, 4, 8, 8, 3]),
        ("eight_on_a_side", [2, 8, 2, 8, 6, 6, 6, 6, 6, 6, 6, 6, 2, 2, 2]),
        ("six_in_a_trend", [5, 4, 2, 3, 4, 5, 6, 7, 5, 5]),
    ],
)
def test_rules_hold_where_a_plain_reading_of_them_does(
    store: HistoryStore, rule: str, failed: list[int]
) -> None:
    store.add(arrival(one) for one in hours_of("test", failed))
    store.add(arrival(one) for one in hours_of("other", [4] * 9))
    rows = store.query("SELECT * FROM p_chart_rules WHERE station = 'test' ORDER BY hour")
    expected = plain_rules(failed)
    assert [{name: row[name] for name in RULES} for row in rows] == expected
    assert any(one[rule] for one in expected)


def plain_rules(failed: list[int], parts: int = 100) -> list[dict[str, int]]:
    """The rules by loops over the points; z as in Montgomery, section 7.2."""
    mean = sum(failed) / (parts * len(failed))
    sigma = math.sqrt(mean * (1 - mean) / parts)
    z = [(count / parts - mean) / sigma for count in failed]
    found = []
    for k in range(len(z)):
        sides = [[s * value for value in z[: k + 1]] for s in (1, -1)]
        steps = [b - a for a, b in pairwise(failed[: k + 1])][-5:]
        holds = {
            "beyond_3": any(side[-1] > 3 for side in sides),
            "two_of_3": any(side[-1] > 2 and sum(v > 2 for v in side[-3:]) >= 2 for side in sides),
            "four_of_5": any(side[-1] > 1 and sum(v > 1 for v in side[-5:]) >= 4 for side in sides),
            "eight_on_a_side": any(
                len(side) >= 8 and all(v > 0 for v in side[-8:]) for side in sides
            ),
            "six_in_a_trend": len(steps) == 5
            and (all(s > 0 for s in steps) or all(s < 0 for s in steps)),
        }
        found.append({name: int(value) for name, value in holds.items()})
    return found


def test_an_escape_is_an_accepted_part_that_was_found_later(store: HistoryStore) -> None:
    store.add(arrival(one) for one in hours_of("test", [5]))
    findings = [Finding("test", "p50", "crack", "customer"), Finding("test", "p1", "dent", "shop")]
    assert record(store, findings, NOON_NS + HOUR_NS) == 1
    assert record(store, findings, NOON_NS + 2 * HOUR_NS) == 1
    (row,) = store.query("SELECT part_id, label, origin, found_at_ns FROM escapes")
    assert tuple(row.values()) == ("p50", "crack", "customer", NOON_NS + HOUR_NS)
    (rate,) = store.query("SELECT day, parts, escapes, ppm FROM escape_rate")
    assert tuple(rate.values()) == ("2026-06-28", 95, 1, pytest.approx(1e6 / 95))


def test_a_report_at_the_station_is_an_escape_where_the_part_was_accepted(
    store: HistoryStore,
) -> None:
    store.add(arrival(one) for one in hours_of("test", [5]))
    reports = [
        EscapeMessage(
            station="test",
            at_ns=NOON_NS + HOUR_NS,
            event_id=f"test/77/{number}",
            part_id=part,
            verdict=Verdict.PASS,
            by="anna",
            note="crack",
        )
        for number, part in enumerate(["p50", "p1"])
    ]
    store.add(arrival(one) for one in reports)
    (row,) = store.query("SELECT part_id, label, origin, found_at_ns FROM escapes")
    assert tuple(row.values()) == ("p50", "crack", "station", NOON_NS + HOUR_NS)
    record(store, [Finding("test", "p50", "crack", "customer")], NOON_NS + 2 * HOUR_NS)
    (rate,) = store.query("SELECT escapes FROM escape_rate")
    assert rate["escapes"] == 1


def test_a_part_that_nobody_inspected_is_no_escape(store: HistoryStore) -> None:
    with pytest.raises(InputError, match="no verdict on part 'p9' is in the history"):
        record(store, [Finding("test", "p9", "crack", "")], NOON_NS)


def test_station_health_has_state_counts_and_accounts(store: HistoryStore) -> None:
    store.add([judged(0), judged(3, at_ns=NOON_NS + 5), named_gap(4, 1, 1, 1)])
    store.add(seen("test"))
    store.add(seen("quiet", "offline"))
    quiet, test = store.query("SELECT * FROM station_health ORDER BY station")
    assert (quiet["state"], quiet["last_verdict_ns"], quiet["received"]) == ("offline", None, 0)
    found = [test[name] for name in ("state", "received", "lost", "missing", "outbox_waiting")]
    assert found == ["armed", 3, 1, 1, 7]
    assert (test["last_verdict_ns"], test["health_ns"]) == (NOON_NS + 5, NOON_NS)


def test_capability_is_available_where_the_station_is_armed(store: HistoryStore) -> None:
    store.add([*seen("a"), *seen("b", "disarmed")])
    rows = store.query("SELECT * FROM equipment_capability ORDER BY equipment_id")
    assert [tuple(row.values()) for row in rows] == [
        ("a", "Inspection", "Available", "", "2026-06-28T12:00:00Z"),
        ("b", "Inspection", "Unattainable", "", "2026-06-28T12:00:00Z"),
    ]


def test_a_state_that_comes_again_is_no_change(store: HistoryStore) -> None:
    for k, state in enumerate(["armed", "armed", "disarmed", "armed"]):
        store.add(seen("test", state, NOON_NS + k))
    rows = store.query("SELECT state, received_ns FROM state_change ORDER BY received_ns")
    assert [(row["state"], row["received_ns"]) for row in rows] == [
        ("armed", NOON_NS),
        ("disarmed", NOON_NS + 2),
        ("armed", NOON_NS + 3),
    ]


def test_every_view_can_be_read_while_the_history_is_empty(store: HistoryStore) -> None:
    views = ("yield_by_hour", "oee_quality", "pareto", "pareto_by_label", "p_chart",
             "p_chart_rules", "findings", "escapes", "escape_rate", "station_health",
             "equipment_capability", "state_change", "machine_condition", "machine_now",
             "remaining_life", "equipment_property")  # fmt: skip
    assert {view: store.query(f"SELECT * FROM {view}") for view in views} == {
        view: [] for view in views
    }
