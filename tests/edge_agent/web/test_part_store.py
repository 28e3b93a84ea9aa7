"""The page's own index of parts: what goes in comes out, and old parts go."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge_agent.contracts.core.clock import ManualClock
from edge_agent.contracts.core.errors import StorageError
from edge_agent.contracts.core.types import Verdict
from edge_agent.contracts.wire.kinds.verdict import ChannelVerdict, VerdictMessage
from edge_agent.web.part_store import FILE, Count, PartStore

HOUR_NS = 3_600_000_000_000


def message(clock: ManualClock, number: int, label: str = "") -> VerdictMessage:
    verdict = Verdict.FAIL if label else Verdict.PASS
    channel = ChannelVerdict(
        channel="top", bundle="caps 1.0.0", verdict=verdict, label=label or "good",
        score=number / 10, threshold=0.5, captured_at_ns=number,
    )  # fmt: skip
    return VerdictMessage(
        station="s", at_ns=clock.utc_ns(), part_id=f"p{number}", verdict=verdict,
        action="reject" if label else "accept", latency_ms=5, deadline_ms=100, channels=[channel],
    )  # fmt: skip


def test_parts_are_counted_by_hour_and_survive_a_restart(tmp_path: Path) -> None:
    clock = ManualClock()
    store = PartStore(tmp_path, clock=clock, days=30)
    begin_ns = clock.utc_ns()
    for number in range(6):
        store.add(message(clock, number, "crack" if number == 4 else ""))
        clock.advance_s(1800)
    store.flush()
    again = PartStore(tmp_path, clock=clock, days=30)
    counts = again.counts(begin_ns, HOUR_NS)
    assert sum(one.parts for one in counts) == 6
    assert [one for one in counts if one.verdict == "FAIL"] == [
        Count((begin_ns + 4 * HOUR_NS // 2) // HOUR_NS * HOUR_NS, "FAIL", "crack", "defect", 1)
    ]
    assert [[one.part_id for one in page] for page in again.parts(begin_ns, 3, page=2)] == [
        ["p5", "p4"],
        ["p3"],
    ]
    scores = again.scores("top", "caps 1.0.0", begin_ns, 10)
    assert [(one.part_id, one.score, one.captured_at_ns) for one in scores[:1]] == [("p5", 0.5, 5)]
    assert again.scores("top", "caps 1.0.1", begin_ns, 10) == []


def test_old_parts_are_removed(tmp_path: Path) -> None:
    clock = ManualClock()
    store = PartStore(tmp_path, clock=clock, days=1)
    store.add(message(clock, 1))
    clock.advance_s(2 * 86_400)
    store.add(message(clock, 2))
    assert [one.part_id for page in store.parts(0, 10) for one in page] == ["p2"]


def test_no_file_is_no_fault_and_a_damaged_one_is_named(tmp_path: Path) -> None:
    store = PartStore(tmp_path, clock=ManualClock(), days=1)
    assert store.counts(0, HOUR_NS) == []
    (tmp_path / FILE).write_bytes(b"no database" * 100)
    with pytest.raises(StorageError, match="remove the file"):
        next(store.parts(0, 1))


def test_a_store_that_cannot_be_written_stops_nothing(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("a file in the place of the folder")
    clock = ManualClock()
    store = PartStore(tmp_path / "state", clock=clock, days=1)
    for number in range(3):
        store.add(message(clock, number))
        clock.advance_s(2)
    store.flush()
