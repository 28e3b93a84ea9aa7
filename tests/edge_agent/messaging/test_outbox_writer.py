"""The turns of the writer without its thread: commits, gaps, a full disk, its own faults."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from edge_agent.contracts.core.clock import ManualClock
from edge_agent.contracts.core.errors import StorageError
from edge_agent.messaging.acted_counter import ActedCounter
from edge_agent.messaging.hand_over import HandOver, Waiting
from edge_agent.messaging.outbox_reader import OutboxReader
from edge_agent.messaging.outbox_store import OutboxStore
from edge_agent.messaging.outbox_writer import TRIES, OutboxWriter
from edge_agent.messaging.row import Row
from edge_agent.messaging.side_numbers import SideNumbers
from tests.edge_agent.messaging.outbox_kit import gaps_of
from tests.station_kit import verdict


class Bench:
    """A writer whose turns the test makes."""

    def __init__(self, folder: Path) -> None:
        self.clock = ManualClock()
        self.store = OutboxStore(folder / "state", 64, busy_s=0.05)
        self.queue = HandOver(100, 10)
        self.counter = ActedCounter(folder / "state", memory=folder / "mem")
        (folder / "mem").mkdir(exist_ok=True)
        self.commits = 0
        self.writer = OutboxWriter(
            self.store,
            self.counter,
            SideNumbers(),
            self.queue,
            station="test",
            clock=self.clock,
            on_commit=self._count,
            probe_s=1.0,
        )
        self.writer.begin()
        self.reader = OutboxReader(self.store)

    def _count(self) -> None:
        self.commits += 1

    def put(self, count: int) -> None:
        for _ in range(count):
            seq = self.counter.take()
            event_id = f"test/{self.writer.epoch}/{seq}"
            payload = verdict(event_id).model_dump_json(exclude_none=True).encode()
            self.queue.put(Waiting(self.writer.epoch, seq, "verdict", payload), "no room")

    def rows(self) -> list[Row]:
        return self.reader.after(0, 1000).rows

    def close(self) -> None:
        self.reader.close()
        self.writer.end()


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    made = Bench(tmp_path)
    yield made
    made.close()


def test_a_turn_writes_everything_in_batches_and_removes_what_is_confirmed(bench: Bench) -> None:
    bench.put(25)
    bench.writer.turn()
    assert [row.seq for row in bench.rows()] == list(range(25))
    assert bench.commits == 3
    bench.queue.confirm(bench.rows()[:20])
    bench.writer.turn()
    assert [row.seq for row in bench.rows()] == list(range(20, 25))
    assert bench.queue.waiting == 5


def test_a_full_disk_counts_what_it_cannot_keep_and_names_it_later(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise StorageError("disk full")

    with monkeypatch.context() as disk:
        disk.setattr(bench.store, "commit", full)
        bench.put(7)
        bench.writer.turn()
        bench.writer.turn()  # in the room of telemetry, of which there is none
    assert bench.writer.fault == "disk full"
    assert bench.queue.empty
    bench.writer.turn()
    assert bench.rows() == [], "it is not tried again at once"
    bench.clock.advance_s(2)
    bench.put(1)
    bench.writer.turn()
    (gap,) = gaps_of(bench.rows())
    assert (gap["first_seq"], gap["last_seq"], gap["dropped"]) == (0, 6, 7)
    assert bench.writer.fault == ""


def test_telemetry_that_is_being_sent_keeps_no_verdict_off_a_full_disk(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is behind it goes: 500 of 3,000 rows are held, more than are looked at in one piece."""

    def full(*_: object) -> None:
        raise StorageError("disk full")

    payload = b'{"kind":"part","channel":"c","at_ns":1,"values":"%s"}' % (b"x" * 700)
    parts = [Row(k + 1, bench.writer.epoch, 10_000 + k, "part", payload) for k in range(3000)]
    bench.store.commit(parts, [])
    bench.queue.hold(row.id for row in parts[:500])
    bench.writer._next_id = 3001
    with monkeypatch.context() as disk:
        disk.setattr(bench.store, "commit", full)
        bench.put(1)
        bench.writer.turn()
    for _ in range(20):
        bench.put(20)
        while not bench.queue.empty:
            bench.writer.turn()
            assert bench.writer.fault == ""
    kept = bench.reader.after(0, 5000, only=("verdict",)).rows
    assert [row.seq for row in kept] == list(range(401))
    there = {row.id for row in bench.reader.after(0, 5000, only=("part",)).rows}
    assert there >= {row.id for row in parts[:500]}, "what is being sent stays"


def test_a_fault_of_our_own_is_tried_again_and_then_costs_one_message(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    commit = bench.store.commit

    def odd(rows: list[Row], books: object) -> None:
        if any(row.seq == 3 for row in rows):
            raise ZeroDivisionError("row 3")
        commit(rows, books)  # type: ignore[arg-type]

    monkeypatch.setattr(bench.store, "commit", odd)
    bench.put(6)
    for turn in range(1, TRIES + 1):
        bench.writer.turn()
        assert bench.writer.fault == "a fault in the agent: ZeroDivisionError('row 3')"
        assert len(bench.queue.batch()) == (6 if turn < TRIES else 0)
    bench.writer.turn()
    kept = [row.seq for row in bench.rows() if row.stream == "verdict"]
    assert kept == [0, 1, 2, 4, 5]
    (gap,) = gaps_of(bench.rows())
    assert (gap["first_seq"], gap["last_seq"], gap["dropped"]) == (3, 3, 1)
    assert "row 3" in gap["reason"]
