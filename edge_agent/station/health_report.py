"""The counts of a station as its health message."""

from __future__ import annotations

from collections.abc import Collection

from edge_agent.contracts.core.clock import Clock
from edge_agent.contracts.wire.kinds.health import HealthMessage
from edge_agent.decide.matching import MatchCounts
from edge_agent.health.board.memory import rss_mb
from edge_agent.outputs.output import OutputStatus
from edge_agent.station.counts import StationCounts


def health_report(
    station: str,
    *,
    counts: StationCounts,
    matches: MatchCounts,
    gates: Collection[OutputStatus],
    clock: Clock,
) -> HealthMessage:
    """What was decided, what did not fit, and this process's memory; the rest is 0."""
    return HealthMessage(
        station=station,
        at_ns=clock.utc_ns(),
        parts=counts.parts,
        passed=counts.passed,
        failed=counts.failed,
        no_verdict=counts.no_verdict,
        late_fails=counts.late_fails,
        frames_dropped=0,
        items_missed=matches.missed,
        items_stale=matches.stale,
        items_double=matches.double_items,
        items_untriggered=matches.untriggered,
        triggers_double=matches.double_triggers,
        late_at_gate=sum(gate.late for gate in gates),
        went_through=sum(gate.went_through for gate in gates),
        outbox_waiting=0,
        rss_mb=rss_mb(),
    )
