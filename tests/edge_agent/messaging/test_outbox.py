"""The outbox: numbers without gaps, on disk until confirmed, a quota that is counted."""

from __future__ import annotations

import json
import sqlite3
import time
from functools import partial
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge_agent.contracts.core.clock import SystemClock
from edge_agent.contracts.core.errors import StorageError
from edge_agent.messaging.acted_counter import ActedCounter
from edge_agent.messaging.outbox import Outbox
from edge_agent.messaging.outbox_store import OutboxStore
from edge_agent.messaging.row import Row
from tests.edge_agent.messaging.outbox_kit import open_outbox
from tests.station_kit import verdict, wait_until

NOTE = verdict(part_id="n" * 250)


def opened(folder: Path, quota_mb: float = 64, hand_over: int = 4096) -> Outbox:
    outbox = Outbox(
        OutboxStore(folder, quota_mb),
        ActedCounter(folder),
        station="demo",
        hand_over=hand_over,
        clock=SystemClock(),
        probe_s=0.05,
    )
    outbox.start()
    return outbox


def holds(outbox: Outbox, count: int) -> bool:
    return len(rows_of(outbox)) == count


def rows_of(outbox: Outbox) -> list[Row]:
    reader = outbox.reader()
    rows = reader.after(0, 100_000).rows
    reader.close()
    return rows


def test_numbers_have_no_gap_and_survive_in_order(tmp_path: Path) -> None:
    outbox = opened(tmp_path)
    ids = [outbox.put(NOTE) for _ in range(1000)]
    outbox.stop()
    assert ids == [f"demo/{outbox.epoch}/{seq}" for seq in range(1000)]
    again = opened(tmp_path)
    rows = rows_of(again)
    again.stop()
    assert [json.loads(row.payload)["event_id"] for row in rows] == ids
    assert again.epoch > outbox.epoch


def test_confirmed_messages_leave_the_disk(tmp_path: Path) -> None:
    outbox = opened(tmp_path)
    for _ in range(10):
        outbox.put(NOTE)
    assert wait_until(lambda: len(rows_of(outbox)) == 10)
    outbox.confirm(rows_of(outbox)[:7])
    assert outbox.waiting == 3
    assert wait_until(lambda: len(rows_of(outbox)) == 3)
    outbox.confirm([Row(99, outbox.epoch, 99, "verdict", b"")])
    outbox.stop()


def test_a_row_that_is_committed_while_others_are_read_is_read_once(tmp_path: Path) -> None:
    outbox = opened(tmp_path)
    outbox.put(NOTE)
    assert wait_until(partial(holds, outbox, 1))
    reader = outbox.reader()
    newest = reader.newest

    def then_commit() -> int:
        found = newest()
        outbox.put(NOTE)
        assert wait_until(partial(holds, outbox, 2))
        return found

    reader.newest = then_commit  # type: ignore[method-assign]
    page = reader.after(0, 100)
    reader.newest = newest  # type: ignore[method-assign]
    after = reader.after(page.end, 100)
    reader.close()
    outbox.stop()
    assert [row.seq for row in (*page.rows, *after.rows)] == [0, 1]


def test_message_in_the_writers_hand_still_waits(tmp_path: Path) -> None:
    outbox = opened(tmp_path)
    least = []
    for made in range(1, 300):
        outbox.put(NOTE)
        least.append(outbox.waiting - made)
    outbox.stop()
    assert set(least) == {0}


def test_reached_quota_is_counted_and_reported_when_there_is_room(tmp_path: Path) -> None:
    outbox = opened(tmp_path, quota_mb=0.25)
    ids = []
    for _ in range(1000):
        ids.append(outbox.put(NOTE))
        time.sleep(0.0005)
    assert wait_until(lambda: outbox.fault)
    assert "full" in outbox.fault
    assert "raise outbox.quota_mb" in outbox.fault
    rows = rows_of(outbox)
    assert 100 < len(rows) < 1000
    outbox.confirm(rows)
    assert wait_until(lambda: any(row.stream == "gap" for row in rows_of(outbox)))
    outbox.put(NOTE)
    outbox.stop()
    left = read_all(tmp_path)
    gaps = [json.loads(row.payload) for row in left if row.stream == "gap"]
    kept = {row.seq for row in (*rows, *left) if row.stream == "verdict"}
    assert len(kept) + sum(gap["dropped"] for gap in gaps) == 1001
    assert "full" in gaps[0]["reason"]
    for gap in gaps:
        assert kept.isdisjoint({gap["first_seq"], gap["last_seq"]})


def test_disk_that_is_slow_never_holds_up_the_line(tmp_path: Path) -> None:
    outbox = opened(tmp_path, hand_over=50)
    held = sqlite3.connect(tmp_path / "outbox.db", isolation_level=None)
    held.execute("BEGIN IMMEDIATE")
    started = time.monotonic()
    for _ in range(400):
        outbox.put(NOTE)
    assert time.monotonic() - started < 5, "it waited for the disk, which is held until here"
    held.execute("ROLLBACK")
    held.close()
    assert wait_until(lambda: any(row.stream == "gap" for row in rows_of(outbox)))
    outbox.stop()
    rows = read_all(tmp_path)
    dropped = sum(json.loads(row.payload)["dropped"] for row in rows if row.stream == "gap")
    assert dropped > 0
    assert sum(row.stream == "verdict" for row in rows) + dropped == 400


def test_two_agents_do_not_share_a_folder(tmp_path: Path) -> None:
    outbox = opened(tmp_path)
    with pytest.raises(StorageError, match="another agent uses this folder"):
        OutboxStore(tmp_path, 64).open()
    outbox.stop()


def test_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match="file/state"):
        OutboxStore(tmp_path / "file" / "state", 64).open()


def read_all(folder: Path) -> list[Row]:
    base = sqlite3.connect(folder / "outbox.db")
    found = base.execute("SELECT id, epoch, seq, stream, payload FROM message ORDER BY id")
    rows = [Row(*row) for row in found]
    base.close()
    return rows


@settings(max_examples=15, deadline=None)
@given(steps=st.lists(st.tuples(st.integers(0, 30), st.integers(0, 30)), max_size=8))
def test_what_was_put_and_not_confirmed_is_there(
    steps: list[tuple[int, int]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    """(put, confirm) in any order, with a restart after each: the books always balance."""
    folder = tmp_path_factory.mktemp("outbox")
    expected: list[str] = []
    for put, confirm in steps:
        outbox = opened(folder)
        expected += [outbox.put(NOTE) for _ in range(put)]
        assert wait_until(partial(holds, outbox, len(expected)))
        outbox.confirm(rows_of(outbox)[:confirm])
        outbox.stop()
        expected = expected[confirm:]
        assert [json.loads(row.payload)["event_id"] for row in read_all(folder)] == expected


def test_message_that_cannot_be_made_is_counted_and_leaves_no_silent_gap(tmp_path: Path) -> None:
    outbox = opened(tmp_path)
    outbox.put(NOTE)
    with pytest.raises(ValueError, match=r"surrogates|unicode|string"):
        outbox.put(verdict(part_id="part\udcff"))
    outbox.put(NOTE)
    outbox.stop()
    rows = read_all(tmp_path)
    gap = json.loads(next(row.payload for row in rows if row.stream == "gap"))
    assert [row.seq for row in rows] == [0, 2, 3]
    assert (gap["first_seq"], gap["last_seq"], gap["dropped"]) == (1, 1, 1)


def test_messages_gather_for_the_disk_and_one_after_a_quiet_is_committed_at_once(
    tmp_path: Path,
) -> None:
    commits: list[float] = []
    outbox = open_outbox(
        tmp_path, gather_s=60.0, on_commit=lambda: commits.append(time.monotonic())
    )
    begun = len(commits)
    outbox.put(NOTE)
    assert wait_until(lambda: holds(outbox, 1))
    for _ in range(400):
        outbox.put(NOTE)
    assert len(commits) == begun + 1
    outbox.stop()
    assert len(commits) == begun + 2
    base = sqlite3.connect(tmp_path / "outbox.db")
    assert base.execute("SELECT count(*) FROM message").fetchone() == (401,)
    base.close()


def test_a_full_batch_does_not_wait_until_its_time_is_over(tmp_path: Path) -> None:
    outbox = open_outbox(tmp_path, gather_s=60.0, batch=50)
    outbox.put(NOTE)
    assert wait_until(lambda: holds(outbox, 1))
    for _ in range(50):
        outbox.put(NOTE)
    assert wait_until(lambda: holds(outbox, 51))
    outbox.stop()
