"""The outbox: numbers without gaps, on disk until confirmed, a quota that is counted."""

from __future__ import annotations

import json
import shutil
import sqlite3
import time
from functools import partial
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge_agent.contracts.core.clock import ManualClock
from edge_agent.contracts.core.errors import StorageError
from edge_agent.report.outbox import Outbox
from edge_agent.report.outbox_store import Gap, Ledger, Row
from tests.station_kit import verdict, wait_until

NOTE = verdict(part_id="n" * 250)


def opened(folder: Path, quota_mb: float = 64, hand_over: int = 4096) -> Outbox:
    ledger = Ledger(folder, quota_mb)
    outbox = Outbox(ledger, station="demo", hand_over=hand_over, clock=ManualClock())
    outbox.start()
    return outbox


def holds(outbox: Outbox, count: int) -> bool:
    return len(rows_of(outbox)) == count


def rows_of(outbox: Outbox) -> list[Row]:
    reader = outbox.reader()
    rows = reader.after((-1, -1), 100_000)
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
    outbox.confirm([row.key for row in rows_of(outbox)[:7]])
    assert outbox.waiting == 3
    assert wait_until(lambda: len(rows_of(outbox)) == 3)
    outbox.confirm([(outbox.epoch, 99)])
    outbox.stop()


def test_a_message_confirmed_twice_counts_once_also_while_the_disk_takes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    outbox = opened(tmp_path)
    for _ in range(10):
        outbox.put(NOTE)
    assert wait_until(lambda: holds(outbox, 10))
    keys = [row.key for row in rows_of(outbox)]
    commit, tries = Ledger.commit, []

    def full(*words: object, **more: object) -> int:
        tries.append(1)
        raise StorageError("cannot write (database or disk is full)")

    monkeypatch.setattr(Ledger, "commit", full)
    for k in range(3):
        outbox.confirm(keys[:4])
        assert wait_until(lambda k=k: len(tries) > 2 * k)
    assert wait_until(lambda: outbox.waiting == 6)
    monkeypatch.setattr(Ledger, "commit", commit)
    assert wait_until(lambda: holds(outbox, 6))
    outbox.stop()


def test_message_in_the_writers_hand_still_waits(tmp_path: Path) -> None:
    outbox = opened(tmp_path)
    least = []
    for made in range(1, 300):
        outbox.put(NOTE)
        least.append(outbox.waiting - made)
    outbox.stop()
    assert set(least) == {0}


def test_epoch_never_repeats_even_where_the_state_was_lost(tmp_path: Path) -> None:
    first = opened(tmp_path)
    first.stop()
    for path in tmp_path.iterdir():
        path.unlink()
    ledger = Ledger(tmp_path, 64)
    later = ledger.open(first.epoch + 1)
    ledger.close()
    assert later > first.epoch


def test_epoch_grows_under_a_clock_that_went_back(tmp_path: Path) -> None:
    outbox = opened(tmp_path)
    outbox.stop()
    ledger = Ledger(tmp_path, 64)
    assert ledger.open(0) == outbox.epoch + 1
    ledger.close()


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
    outbox.confirm([row.key for row in rows])
    assert wait_until(lambda: any(row.stream == "gap" for row in rows_of(outbox)))
    outbox.put(NOTE)
    outbox.stop()
    late = [row for row in read_all(tmp_path) if row.seq >= 1000]
    gap = json.loads(late[0].payload)
    assert gap["kind"] == "gap"
    assert len(rows) + gap["dropped"] == 1000
    assert (gap["first_seq"], gap["last_seq"]) == (len(rows), 999)
    assert [row.seq for row in late] == [1000, 1001]


def test_gap_of_a_run_that_was_killed_is_reported_by_the_next(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path, 64)
    epoch = ledger.open(0)
    ledger.commit(epoch, 5, gap=Gap(epoch, 5, 9, 5))
    ledger.close()
    outbox = opened(tmp_path)
    (row,) = rows_of(outbox)
    outbox.stop()
    gap = json.loads(row.payload)
    assert gap["event_id"] == f"demo/{epoch}/10"
    assert (gap["first_seq"], gap["last_seq"], gap["dropped"]) == (5, 9, 5)
    again = opened(tmp_path)
    assert len(rows_of(again)) == 1, "the gap was reported twice"
    again.stop()


def test_disk_that_is_slow_never_holds_up_the_line(tmp_path: Path) -> None:
    outbox = opened(tmp_path, hand_over=50)
    held = sqlite3.connect(tmp_path / "outbox.db", isolation_level=None)
    held.execute("BEGIN IMMEDIATE")
    started = time.monotonic()
    for _ in range(400):
        outbox.put(NOTE)
    assert time.monotonic() - started < 0.5
    held.execute("ROLLBACK")
    held.close()
    assert wait_until(lambda: any(row.stream == "gap" for row in rows_of(outbox)))
    outbox.stop()
    rows = read_all(tmp_path)
    dropped = sum(json.loads(row.payload)["dropped"] for row in rows if row.stream == "gap")
    assert dropped > 0
    assert sum(row.stream == "verdict" for row in rows) + dropped == 400


def test_damaged_file_is_set_aside_and_the_station_goes_on(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "outbox.db").write_bytes(b"this is no database, and never was" * 200)
    outbox = opened(tmp_path)
    outbox.put(NOTE)
    outbox.stop()
    assert len(read_all(tmp_path)) == 1
    assert list(tmp_path.glob("damaged-*.db"))
    assert "is damaged" in caplog.text


def test_two_agents_do_not_share_a_folder(tmp_path: Path) -> None:
    outbox = opened(tmp_path)
    with pytest.raises(StorageError, match="another agent uses this folder"):
        Ledger(tmp_path, 64).open(0)
    outbox.stop()


def test_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match="file/state"):
        Ledger(tmp_path / "file" / "state", 64).open(0)


def read_all(folder: Path) -> list[Row]:
    base = sqlite3.connect(folder / "outbox.db")
    found = base.execute("SELECT epoch, seq, stream, payload FROM message ORDER BY epoch, seq")
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
        outbox.confirm([row.key for row in rows_of(outbox)[:confirm]])
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
    rows = rows_of(outbox)
    gap = json.loads(next(row.payload for row in rows if row.stream == "gap"))
    assert [row.seq for row in rows] == [0, 2, 3]
    assert (gap["first_seq"], gap["last_seq"], gap["dropped"]) == (1, 1, 1)


def test_fault_in_the_writer_costs_no_message_and_is_logged_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("edge_agent.report.outbox.PROBE_S", 0.05)
    outbox = opened(tmp_path)
    commit, failures = Ledger.commit, iter([RuntimeError("of ours")] * 3)

    def failing(ledger: Ledger, *given: object, **named: object) -> int:
        for error in failures:
            raise error
        return commit(ledger, *given, **named)  # type: ignore[arg-type]

    monkeypatch.setattr(Ledger, "commit", failing)
    for _ in range(5):
        outbox.put(NOTE)
    assert wait_until(lambda: "a fault in the agent: RuntimeError('of ours')" in outbox.fault)
    assert wait_until(lambda: holds(outbox, 5))
    assert wait_until(lambda: not outbox.fault)
    outbox.stop()
    assert len([record for record in caplog.records if "the outbox failed" in record.message]) == 1
    assert {row.stream for row in rows_of(outbox)} == {"verdict"}


def test_state_folder_that_is_gone_is_a_full_disk(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "state", 64)
    ledger.open(0)
    shutil.rmtree(tmp_path / "state")
    with pytest.raises(StorageError, match="No such file or directory"):
        ledger.has_room()
    ledger.close()
