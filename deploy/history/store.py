"""The plant's history in SQLite: every durable message once, by event id, and views over them.

Verdicts and gaps have tables of their own; every other kind is a row of `message`, as JSON.

A commit is fsynced (synchronous=FULL): what is acknowledged to a station after it survives a power
cut of this machine.
"""

from __future__ import annotations

import sqlite3
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from edge_agent.contracts.core.errors import StorageError
from edge_agent.contracts.wire.kinds.gap import GapMessage
from edge_agent.contracts.wire.kinds.verdict import VerdictMessage
from edge_agent.contracts.wire.messages import DurableMessage

Row = tuple[object, ...]
"""The values of one table row, in the order of its columns."""

SCHEMA = """
CREATE TABLE IF NOT EXISTS verdict (
    event_id TEXT PRIMARY KEY, station TEXT NOT NULL, at_ns INTEGER NOT NULL,
    part_id TEXT NOT NULL, verdict TEXT NOT NULL, action TEXT NOT NULL, reason TEXT NOT NULL,
    latency_ms REAL NOT NULL, payload TEXT NOT NULL
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS verdict_by_time ON verdict (station, at_ns);
CREATE TABLE IF NOT EXISTS gap (
    event_id TEXT PRIMARY KEY, station TEXT NOT NULL, at_ns INTEGER NOT NULL,
    first_seq INTEGER NOT NULL, last_seq INTEGER NOT NULL, dropped INTEGER NOT NULL,
    exact INTEGER NOT NULL, reason TEXT NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS message (
    event_id TEXT PRIMARY KEY, kind TEXT NOT NULL, station TEXT NOT NULL, at_ns INTEGER NOT NULL,
    payload TEXT NOT NULL
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS message_by_kind ON message (kind, station, at_ns);
CREATE VIEW IF NOT EXISTS yield_by_hour AS
    SELECT station, strftime('%Y-%m-%dT%H:00Z', at_ns / 1000000000, 'unixepoch') AS hour,
        count(*) AS parts, sum(verdict = 'PASS') AS passed, sum(verdict = 'FAIL') AS failed,
        sum(verdict = 'NO-VERDICT') AS undecided, avg(verdict = 'PASS') AS yield
    FROM verdict GROUP BY station, hour;
CREATE VIEW IF NOT EXISTS pareto AS
    SELECT station, reason, count(*) AS parts FROM verdict
    WHERE verdict <> 'PASS' GROUP BY station, reason ORDER BY station, parts DESC;
CREATE VIEW IF NOT EXISTS p_chart AS
    SELECT h.station, h.hour, h.parts, 1.0 * h.failed / h.parts AS p, m.p_mean,
        max(0, m.p_mean - 3 * sqrt(m.p_mean * (1 - m.p_mean) / h.parts)) AS low,
        min(1, m.p_mean + 3 * sqrt(m.p_mean * (1 - m.p_mean) / h.parts)) AS high
    FROM yield_by_hour h JOIN (
        SELECT station, 1.0 * sum(failed) / sum(parts) AS p_mean FROM yield_by_hour GROUP BY station
    ) m ON m.station = h.station;
"""
"""p_chart: share of FAIL per hour with three-sigma limits (Montgomery, Introduction to Statistical
Quality Control, section 7.2)."""


@dataclass(frozen=True)
class Stored:
    """How many messages of a batch were new, and how many were there already."""

    new: int
    repeated: int


class HistoryStore:
    """The database; open() and close() by one thread. Raises StorageError."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._base: sqlite3.Connection | None = None

    def open(self) -> None:
        """Open or create the file with its tables and views."""
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._base = sqlite3.connect(self._path, isolation_level=None, timeout=30)
            self._base.execute("PRAGMA journal_mode = WAL")
            self._base.execute("PRAGMA synchronous = FULL")
            self._base.executescript(SCHEMA)
        except (OSError, sqlite3.Error) as error:
            raise self._error(error) from error

    def close(self) -> None:
        """Close; a second call does nothing."""
        if self._base is not None:
            self._base.close()
            self._base = None

    def add(self, messages: Iterable[DurableMessage]) -> Stored:
        """Commit a batch: all of it or nothing. What is there already is not written again."""
        given = list(messages)
        rows: defaultdict[str, list[Row]] = defaultdict(list)
        for table, row in map(_row, given):
            rows[table].append(row)
        if self._base is None:
            raise StorageError("not open", where=str(self._path), cure="open it first")
        try:
            self._base.execute("BEGIN IMMEDIATE")
            before = self._base.total_changes
            for table, some in rows.items():
                marks = ", ".join("?" * len(some[0]))
                self._base.executemany(f"INSERT OR IGNORE INTO {table} VALUES ({marks})", some)
            new = self._base.total_changes - before
            self._base.execute("COMMIT")
        except sqlite3.Error as error:
            if self._base.in_transaction:
                self._base.execute("ROLLBACK")
            raise self._error(error) from error
        return Stored(new, len(given) - new)

    def _error(self, error: Exception) -> StorageError:
        return StorageError(
            f"cannot be written ({error})", where=str(self._path), cure="check disk and rights"
        )


def _row(message: DurableMessage) -> tuple[str, Row]:
    """The table of a message, and its row there."""
    if isinstance(message, VerdictMessage):
        return "verdict", _verdict_row(message)
    if isinstance(message, GapMessage):
        return "gap", _gap_row(message)
    payload = message.model_dump_json(exclude_none=True)
    return "message", (message.event_id, message.kind, message.station, message.at_ns, payload)


def _verdict_row(message: VerdictMessage) -> Row:
    return (
        message.event_id,
        message.station,
        message.at_ns,
        message.part_id,
        str(message.verdict),
        message.action,
        message.reason,
        message.latency_ms,
        message.model_dump_json(exclude_none=True),
    )


def _gap_row(message: GapMessage) -> Row:
    return (
        message.event_id,
        message.station,
        message.at_ns,
        message.first_seq,
        message.last_seq,
        message.dropped,
        int(message.exact),
        message.reason,
    )
