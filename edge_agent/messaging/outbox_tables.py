"""Where rows lie: telemetry has a table of its own, so that thinning gives whole pages back."""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Iterable, Iterator

from edge_agent.contracts.wire.streams import STREAMS
from edge_agent.messaging.ballast import PAGE_BYTES
from edge_agent.messaging.row import Row, seal

MESSAGE, TELEMETRY = "message", "telemetry"
TABLES = (MESSAGE, TELEMETRY)
TELEMETRY_STREAMS = tuple(name for name, stream in STREAMS.items() if stream.lane == "telemetry")
COLUMNS = (
    "id INTEGER PRIMARY KEY, epoch TEXT NOT NULL, seq INTEGER NOT NULL, stream TEXT NOT NULL, "
    "seal BLOB NOT NULL, payload BLOB NOT NULL"
)
SCHEMA = "".join(f"CREATE TABLE IF NOT EXISTS {table} ({COLUMNS});\n" for table in TABLES)
NEWEST = " UNION ALL ".join(f"SELECT ifnull(max(id), 0) AS id FROM {table}" for table in TABLES)
NEWEST = f"SELECT max(id) FROM ({NEWEST})"
"""The highest id on disk; 0 where there is none."""
ROW_BYTES = 120
"""Of a row beside its payload."""


def table_of(stream: str) -> str:
    """The table of a stream's rows."""
    return TELEMETRY if stream in TELEMETRY_STREAMS else MESSAGE


def sort_in(base: sqlite3.Connection) -> None:
    """Move rows that an agent with another table of streams left where nobody reads them.

    A row's seal says nothing of its table, so it stays valid. Where the disk has no room for the
    move, they wait for the next start.
    """
    streams = ", ".join("?" * len(TELEMETRY_STREAMS))
    moves = (
        (MESSAGE, TELEMETRY, f"stream IN ({streams})"),
        (TELEMETRY, MESSAGE, f"stream NOT IN ({streams})"),
    )
    for begin, end, strays in moves:
        query = f"SELECT 1 FROM {begin} WHERE {strays} LIMIT 1"
        if base.execute(query, TELEMETRY_STREAMS).fetchone() is None:
            continue
        try:
            base.execute("BEGIN IMMEDIATE")
            text = f"INSERT INTO {end} SELECT * FROM {begin} WHERE {strays}"
            base.execute(text, TELEMETRY_STREAMS)
            base.execute(f"DELETE FROM {begin} WHERE {strays}", TELEMETRY_STREAMS)
            base.execute("COMMIT")
        except sqlite3.OperationalError:
            if base.in_transaction:
                base.execute("ROLLBACK")


def tables_of(only: Collection[str] | None, without: Collection[str]) -> list[str]:
    """Where rows of the streams `only`, or of all but `without`, may lie."""
    if only is not None:
        return sorted({table_of(stream) for stream in only})
    return [MESSAGE] if set(TELEMETRY_STREAMS) <= set(without) else list(TABLES)


def insertions(rows: Iterable[Row]) -> Iterator[tuple[str, list[tuple[object, ...]]]]:
    """A statement for each table, and its values, seals among them."""
    values: dict[str, list[tuple[object, ...]]] = {}
    for row in rows:
        columns = (row.id, row.epoch, row.seq, row.stream, seal(row), row.payload)
        values.setdefault(table_of(row.stream), []).append(columns)
    for table, some in values.items():
        yield f"INSERT INTO {table} VALUES (?, ?, ?, ?, ?, ?)", some


def pages_of(sizes: Iterable[int]) -> int:
    """How many pages rows with payloads of these sizes need at most, with the tables' own."""
    return 8 + 2 * sum(size + ROW_BYTES for size in sizes) // PAGE_BYTES
