"""Telemetry makes room, ever coarser, and every number of it is accounted for; results stay."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path

from edge_agent.contracts.wire.kinds.part import PartMessage
from edge_agent.contracts.wire.streams import STREAMS
from edge_agent.messaging.ballast import PAGE_BYTES
from edge_agent.messaging.outbox_tables import table_of, tables_of
from edge_agent.messaging.row import Row
from edge_agent.messaging.thinning import Thinning
from tests.edge_agent.messaging.outbox_kit import open_outbox, put, rows_of
from tests.station_kit import wait_until


def row(number: int, at_s: int, channel: str = "a") -> Row:
    payload = f'{{"at_ns":{at_s * 10**9},"channel":"{channel}"}}'.encode()
    return Row(number, "1", number - 1, "condition", payload)


def left_after(thinning: Thinning, rows: list[Row], share: float, busy: set[int]) -> list[Row]:
    """What is left when a level has seen all rows, a few in a step."""
    for _ in range(len(rows)):
        found = thinning.step(share, partial(page, rows), busy)
        removed = {r.id for r in found.gone}
        rows = [r for r in rows if r.id not in removed]
    return rows


def page(rows: list[Row], number: int, limit: int) -> list[Row]:
    """A few rows, whatever is asked."""
    return [r for r in rows if r.id > number][: min(limit, 7)]


def test_less_room_leaves_less_and_the_last_level_nothing() -> None:
    thinning = Thinning()
    rows = [row(k + 1, k // 2, "ab"[k % 2]) for k in range(240)]
    counts = []
    for share in (0.49, 0.6, 0.75, 0.9):
        rows = left_after(thinning, rows, share, set())
        counts.append(len(rows))
    assert counts == [240, 24, 4, 0]


def test_what_is_being_sent_stays() -> None:
    rows = [row(k + 1, k) for k in range(10)]
    assert [r.id for r in left_after(Thinning(), rows, 0.6, {4, 5})] == [1, 4, 5]


def test_a_piece_that_is_being_sent_is_no_end_and_goes_with_the_next_sweep() -> None:
    thinning, rows = Thinning(), [row(k + 1, k) for k in range(14)]
    first = thinning.step(1.0, partial(page, rows), range(1, 8))
    assert first == (7, [])
    assert thinning.step(1.0, partial(page, rows), range(1, 8)).gone == rows[7:]
    assert thinning.step(1.0, partial(page, rows[:7]), range(1, 8)) == (0, [])
    assert thinning.step(1.0, partial(page, rows[:7]), ()) == (7, rows[:7])


def test_a_level_ends_with_room_to_spare_and_what_comes_then_is_finer() -> None:
    thinning = Thinning()
    assert left_after(thinning, [row(1, 0)], 0.86, set()) == []
    assert left_after(thinning, [row(2, 1)], 0.8, set()) == []
    new = [row(k + 3, k) for k in range(60)]
    assert len(left_after(thinning, new, 0.7, set())) == 1
    new = [row(k + 100, k) for k in range(60)]
    assert len(left_after(thinning, new, 0.45, set())) == 6
    new = [row(k + 200, k) for k in range(60)]
    assert len(left_after(thinning, new, 0.3, set())) == 60


def part(second: int) -> PartMessage:
    return PartMessage(
        station="test", at_ns=second * 10**9, channel="c", part_id=str(second),
        captured_at_ns=1, values={f"tag{k}": "x" * 60 for k in range(10)},
    )  # fmt: skip


def test_results_outlive_the_telemetry_and_gaps_name_what_went(tmp_path: Path) -> None:
    """Parts for ten minutes, of 1 kB, are more than a quota of 0.5 MB; verdicts come between."""
    outbox = open_outbox(tmp_path / "s", quota_mb=0.5)
    verdicts = []
    for second in range(600):
        outbox.put(part(second))
        if second % 5 == 0:
            verdicts += put(outbox, 1)
        if second % 50 == 0:
            assert wait_until(lambda: outbox._queue.empty)
    assert wait_until(lambda: outbox._writer._store.used_share() < 0.5)
    assert wait_until(lambda: outbox._queue.empty)
    rows = rows_of(outbox)
    outbox.stop()
    there = {r.stream: [o.seq for o in rows if o.stream == r.stream] for r in rows}
    assert [f"test/{outbox.epoch}/{seq}" for seq in there["verdict"]] == verdicts
    gaps = [json.loads(r.payload) for r in rows if r.stream == "gap"]
    assert all("telemetry was" in gap["reason"] for gap in gaps)
    dropped = sum(gap["dropped"] for gap in gaps)
    assert dropped == 600 - len(there.get("part", []))
    # The parts and the gaps that name their losses have an epoch of their own.
    numbers = sorted(row.seq for row in rows if row.epoch != outbox.epoch)
    assert len(numbers) + dropped == numbers[-1] + 1
    assert there["verdict"] == list(range(120))
    # Who receives verdicts and gaps alone looks for holes where it has a verdict.
    epochs = {name: {r.epoch for r in rows if r.stream == name} for name in ("verdict", "gap")}
    assert epochs["verdict"] == {outbox.epoch}
    assert epochs["gap"].isdisjoint(epochs["verdict"])


def test_no_row_is_longer_than_a_page() -> None:
    """A row in one page is found again in a damaged file."""
    for stream in STREAMS.values():
        assert not stream.durable or stream.max_bytes + 300 < PAGE_BYTES, stream.name


def test_only_tables_that_may_have_a_row_are_read() -> None:
    assert (table_of("condition"), table_of("verdict")) == ("telemetry", "message")
    assert tables_of(["part"], ()) == ["telemetry"]
    telemetry = ("condition", "part", "evidence")
    assert tables_of(None, (*telemetry, "verdict")) == ["message"]
    assert tables_of(None, ("verdict",)) == ["message", "telemetry"]
