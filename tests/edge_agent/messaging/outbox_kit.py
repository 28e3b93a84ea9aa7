"""An outbox on a folder of the test, and what lies in its file."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

from edge_agent.contracts.core.clock import Clock, SystemClock
from edge_agent.messaging.acted_counter import ActedCounter
from edge_agent.messaging.outbox import Outbox
from edge_agent.messaging.outbox_store import OutboxStore
from edge_agent.messaging.row import Row
from tests.station_kit import verdict, wait_until


def open_outbox(
    folder: Path,
    *,
    station: str = "test",
    quota_mb: float = 64,
    hand_over: int = 16384,
    busy_s: float = 0.05,
    clock: Clock | None = None,
    on_commit: Callable[[], None] = lambda: None,
    gather_s: float = 0.0,
    batch: int = 500,
) -> Outbox:
    """A started outbox of `station`; its count of parts is in `folder`.mem."""
    memory = folder.with_name(f"{folder.name}.mem")
    memory.mkdir(exist_ok=True)
    outbox = Outbox(
        OutboxStore(folder, quota_mb, busy_s=busy_s),
        ActedCounter(folder, memory=memory),
        station=station,
        hand_over=hand_over,
        clock=clock or SystemClock(),
        on_commit=on_commit,
        gather_s=gather_s,
        probe_s=0.05,
        batch=batch,
    )
    outbox.start()
    return outbox


def put(outbox: Outbox, count: int) -> list[str]:
    """Hand `count` verdicts over; returns their event ids."""
    return [outbox.put(verdict(part_id=f"part{k}")) for k in range(count)]


def rows_of(outbox: Outbox) -> list[Row]:
    """What a sender would read."""
    reader = outbox.reader()
    rows = reader.after(0, 100_000).rows
    reader.close()
    return rows


def holds(outbox: Outbox, count: int) -> bool:
    """Whether `count` rows are on disk soon."""
    return wait_until(lambda: len(rows_of(outbox)) == count)


def on_disk(folder: Path) -> list[Row]:
    """The rows of a closed outbox, by another connection."""
    base = sqlite3.connect(folder / "outbox.db")
    found = base.execute("SELECT id, epoch, seq, stream, payload FROM message ORDER BY id")
    rows = [Row(*row) for row in found]
    base.close()
    return rows


def gaps_of(rows: list[Row]) -> list[dict[str, Any]]:
    """The gap messages among rows."""
    return [json.loads(row.payload) for row in rows if row.stream == "gap"]


def verdicts_of(rows: list[Row]) -> list[str]:
    """The event ids of the verdicts among rows."""
    return [json.loads(row.payload)["event_id"] for row in rows if row.stream == "verdict"]
