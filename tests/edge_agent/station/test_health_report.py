"""The health message says what was counted."""

from __future__ import annotations

from edge_agent.contracts.core.clock import ManualClock
from edge_agent.contracts.core.types import Verdict
from edge_agent.decide.matching import MatchCounts
from edge_agent.outputs.output import OutputStatus
from edge_agent.station.counts import StationCounts
from edge_agent.station.health_report import health_report


def test_parts_that_went_wrong_are_summed_over_all_gates() -> None:
    counts = StationCounts()
    for verdict in (Verdict.PASS, Verdict.PASS, Verdict.FAIL, Verdict.NO_VERDICT):
        counts.add_part(verdict)
    gates = [OutputStatus(late=1, went_through=2), OutputStatus(late=3)]
    matches = MatchCounts(missed=5, stale=6)
    found = health_report("s", counts=counts, matches=matches, gates=gates, clock=ManualClock())
    assert (found.parts, found.passed, found.failed, found.no_verdict) == (4, 2, 1, 1)
    assert (found.late_at_gate, found.went_through) == (4, 2)
    assert (found.items_missed, found.items_stale) == (5, 6)
