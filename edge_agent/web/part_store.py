"""Every decided part of the last weeks in one SQLite file, for the screens that count and draw.

It is an index for people: the audit log is the proof, and this file may be removed at any time.
"""

from __future__ import annotations

import contextlib
import logging
import sqlite3
import threading
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edge_agent.contracts.core.clock import Clock
from edge_agent.contracts.core.errors import StorageError
from edge_agent.contracts.wire.kinds.verdict import VerdictMessage
from edge_agent.web.causes import cause_of, label_of, reason_of

LOG = logging.getLogger("lineside.web")

FILE = "history.sqlite"
FLUSH_NS = 1_000_000_000
MOST_WAITING = 10_000
DAY_NS = 86_400_000_000_000
PRUNE_NS = 600_000_000_000
PAGE = 1000
NEWEST = 2**63 - 1
SCHEMA = """
CREATE TABLE IF NOT EXISTS parts (
    number INTEGER PRIMARY KEY, at_ns INTEGER NOT NULL, part_id TEXT NOT NULL,
    verdict TEXT NOT NULL, action TEXT NOT NULL, cause TEXT NOT NULL, label TEXT NOT NULL,
    reason TEXT NOT NULL, latency_ms REAL NOT NULL);
CREATE INDEX IF NOT EXISTS parts_by_time ON parts (at_ns);
CREATE TABLE IF NOT EXISTS scores (
    number INTEGER NOT NULL, at_ns INTEGER NOT NULL, channel TEXT NOT NULL, bundle TEXT NOT NULL,
    verdict TEXT NOT NULL, label TEXT NOT NULL, score REAL NOT NULL, captured_at_ns INTEGER);
CREATE INDEX IF NOT EXISTS scores_by_time ON scores (channel, at_ns);
CREATE INDEX IF NOT EXISTS scores_by_age ON scores (at_ns);
"""


@dataclass(frozen=True)
class Score:
    """What one channel said of one part."""

    part_id: str
    at_ns: int
    verdict: str
    label: str
    score: float
    captured_at_ns: int | None


@dataclass(frozen=True)
class Count:
    """How many parts of one bucket of time had one verdict and label. start_ns: UTC."""

    start_ns: int
    verdict: str
    label: str
    cause: str
    parts: int


@dataclass(frozen=True)
class StoredPart:
    """One decided part."""

    at_ns: int
    part_id: str
    verdict: str
    action: str
    cause: str
    label: str
    reason: str
    latency_ms: float


class PartStore:
    """Takes verdicts from one thread, answers any; a disk that is full is logged once.

    days: older parts are removed.
    """

    def __init__(self, folder: Path, *, clock: Clock, days: float) -> None:
        self._path = folder / FILE
        self._clock = clock
        self._keep_ns = round(days * DAY_NS)
        self._waiting: deque[VerdictMessage] = deque(maxlen=MOST_WAITING + 1)
        self._flushed_ns: int | None = None
        self._pruned_ns: int | None = None
        self._failed = False
        self._lock = threading.Lock()

    def add(self, message: VerdictMessage) -> None:
        """Remember a part; about once a second they go to disk."""
        with self._lock:
            self._waiting.append(message)
            now_ns = self._clock.mono_ns()
            if self._flushed_ns is None or now_ns - self._flushed_ns >= FLUSH_NS:
                self._flush()

    def flush(self) -> None:
        """Write what waits."""
        with self._lock:
            self._flush()

    def counts(self, since_ns: int, bucket_ns: int) -> list[Count]:
        """How many parts there were in each bucket of time, the oldest first."""
        return [
            Count(int(bucket) * bucket_ns, verdict, label, cause, parts)
            for bucket, verdict, label, cause, parts in self._ask(
                "SELECT at_ns / ?, verdict, label, cause, count(*) FROM parts WHERE at_ns >= ? "
                "GROUP BY 1, 2, 3, 4 ORDER BY 1", (bucket_ns, since_ns),
            )
        ]  # fmt: skip

    def parts(self, since_ns: int, limit: int, page: int = PAGE) -> Iterator[list[StoredPart]]:
        """The last parts, the newest first, in lists of at most `page`, read as they are taken."""
        before = NEWEST
        while limit > 0:
            rows = self._ask(
                "SELECT number, at_ns, part_id, verdict, action, cause, label, reason, latency_ms "
                "FROM parts WHERE at_ns >= ? AND number < ? ORDER BY number DESC LIMIT ?",
                (since_ns, before, min(limit, page)),
            )
            if not rows:
                return
            yield [StoredPart(*row[1:]) for row in rows]
            before, limit = rows[-1][0], limit - len(rows)

    def scores(self, channel: str, bundle: str, since_ns: int, limit: int) -> list[Score]:
        """The scores of a channel by a bundle, the newest first."""
        return [
            Score(*row)
            for row in self._ask(
                "SELECT part_id, s.at_ns, s.verdict, s.label, score, captured_at_ns FROM scores s "
                "JOIN parts USING (number) WHERE channel = ? AND s.at_ns >= ? AND bundle = ? "
                "ORDER BY s.at_ns DESC LIMIT ?", (channel, since_ns, bundle, limit),
            )
        ]  # fmt: skip

    def _ask(self, sql: str, values: tuple[object, ...]) -> list[Any]:
        self.flush()
        if not self._path.exists():
            return []
        try:
            with contextlib.closing(sqlite3.connect(self._path, timeout=5)) as store:
                return store.execute(sql, values).fetchall()
        except sqlite3.Error as error:
            raise StorageError(str(error), where=str(self._path), cure="remove the file") from error

    def _flush(self) -> None:
        waiting = list(self._waiting)
        self._waiting.clear()
        self._flushed_ns = self._clock.mono_ns()
        if not waiting:
            return
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with self._opened() as store:
                for message in waiting:
                    _insert(store, message)
                self._prune(store)
            self._failed = False
        except (sqlite3.Error, OSError) as error:
            if not self._failed:
                LOG.error("the history of the page is not written: %s", error)  # noqa: TRY400
            self._failed = True

    @contextlib.contextmanager
    def _opened(self) -> Iterator[sqlite3.Connection]:
        with contextlib.closing(sqlite3.connect(self._path, timeout=5)) as store:
            store.execute("PRAGMA journal_mode=WAL")
            store.execute("PRAGMA synchronous=NORMAL")
            store.executescript(SCHEMA)
            with store:
                yield store

    def _prune(self, store: sqlite3.Connection) -> None:
        now_ns = self._clock.mono_ns()
        if self._pruned_ns is not None and now_ns - self._pruned_ns < PRUNE_NS:
            return
        self._pruned_ns = now_ns
        oldest_ns = self._clock.utc_ns() - self._keep_ns
        store.execute("DELETE FROM parts WHERE at_ns < ?", (oldest_ns,))
        store.execute("DELETE FROM scores WHERE at_ns < ?", (oldest_ns,))


def _insert(store: sqlite3.Connection, message: VerdictMessage) -> None:
    at_ns = message.at_ns
    number = store.execute(
        "INSERT INTO parts (at_ns, part_id, verdict, action, cause, label, reason, latency_ms) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        (at_ns, message.part_id, message.verdict.value, message.action, cause_of(message),
         label_of(message), reason_of(message), message.latency_ms),
    ).lastrowid  # fmt: skip
    store.executemany(
        "INSERT INTO scores VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        [
            (number, at_ns, one.channel, one.bundle, one.verdict.value, one.label, one.score,
             one.captured_at_ns)
            for one in message.channels
            if one.score is not None
        ],
    )  # fmt: skip
