"""How PostgreSQL's growing tables are cut by day (UTC), so that old days can be dropped at once."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Protocol, TypeAlias

import psycopg

from deploy.history.arrivals import Arrival, table_of

LOG = logging.getLogger("lineside.collect")

Base: TypeAlias = psycopg.Connection[tuple[object, ...]]

DDL_LOCK = 5463
"""Advisory lock of whoever creates tables or partitions: several collectors start at once."""
DAY_NS = 86_400 * 10**9
GROWING = ("verdict", "message", "sample")
PAST_DAYS, FUTURE_DAYS = 400, 2
"""Days around today that get a partition; a clock that is further off fills the default one."""
MAINTENANCE_S = 3600.0


class Partitions(Protocol):
    """One way to cut the tables."""

    clause: str
    """What CREATE TABLE of such a table ends with."""

    def create(self, base: Base) -> None:
        """Once, after the tables were made; within a transaction."""

    def prepare(self, base: Base, arrivals: Iterable[Arrival]) -> None:
        """Before a batch is inserted."""


def partitions_of(base: Base) -> Partitions:
    """The way that this database's extensions allow; the tables that are there decide first."""
    found = base.execute("SELECT extname FROM pg_extension").fetchall()
    extensions = {str(row[0]) for row in found}
    there = base.execute(
        "SELECT relkind::text FROM pg_class WHERE oid = to_regclass('lineside.verdict')"
    ).fetchone()
    has_partitions = there is not None and there[0] == "p"
    if "timescaledb" in extensions and not has_partitions:
        return Timescale()
    return Partman() if "pg_partman" in extensions else NativeDays()


class NativeDays:
    """PostgreSQL's own partitions; the collector makes those of the days that arrive."""

    clause = "PARTITION BY RANGE (at_ns)"

    def __init__(self) -> None:
        self._made: set[tuple[str, int]] = set()

    def create(self, base: Base) -> None:
        """The default partition, for messages whose day has none."""
        for table in GROWING:
            base.execute(f"CREATE TABLE IF NOT EXISTS {table}_default PARTITION OF {table} DEFAULT")

    def prepare(self, base: Base, arrivals: Iterable[Arrival]) -> None:
        """Make the partitions of the batch's days."""
        today = time.time_ns() // DAY_NS
        days = {(type(one.message), one.message.at_ns // DAY_NS): one.message for one in arrivals}
        wanted = {(table_of(message), day) for (_, day), message in days.items()}
        for table, day in sorted(wanted - self._made):
            if table in GROWING and today - PAST_DAYS <= day <= today + FUTURE_DAYS:
                self._make(base, table, day)
                self._made.add((table, day))

    def _make(self, base: Base, table: str, day: int) -> None:
        date = (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(days=day)).strftime("%Y%m%d")
        try:
            with base.transaction():
                base.execute("SELECT pg_advisory_xact_lock(%s)", (DDL_LOCK,))
                base.execute(
                    f"CREATE TABLE IF NOT EXISTS {table}_p{date} PARTITION OF {table} "
                    f"FOR VALUES FROM ({day * DAY_NS}) TO ({(day + 1) * DAY_NS})"
                )
        except psycopg.errors.CheckViolation:
            # A station's clock was ahead: the default partition holds rows of this day already.
            LOG.warning("%s keeps the rows of day %s in its default partition", table, date)


class Partman:
    """pg_partman makes the days ahead; the collector has it look after them every hour."""

    clause = "PARTITION BY RANGE (at_ns)"

    def __init__(self) -> None:
        self._due_s = 0.0

    def create(self, base: Base) -> None:
        """Hand the tables to pg_partman (version 4 and 5 differ in the name of one argument)."""
        schema = _schema_of(base, "pg_partman")
        for table in GROWING:
            known = f"SELECT 1 FROM {schema}.part_config WHERE parent_table = %s"
            if base.execute(known, (f"lineside.{table}",)).fetchone() is None:
                base.execute(f"SELECT {schema}.create_parent({_parent_words(base, table)})")

    def prepare(self, base: Base, arrivals: Iterable[Arrival]) -> None:
        """Let pg_partman make the days ahead, once an hour."""
        del arrivals
        if time.monotonic() >= self._due_s:
            self._due_s = time.monotonic() + MAINTENANCE_S
            base.execute(f"SELECT {_schema_of(base, 'pg_partman')}.run_maintenance()")


class Timescale:
    """TimescaleDB's hypertables, in chunks of a day."""

    clause = ""

    def create(self, base: Base) -> None:
        """Make the tables hypertables."""
        for table in GROWING:
            base.execute(
                f"SELECT create_hypertable('lineside.{table}', 'at_ns', "
                f"chunk_time_interval => {DAY_NS}::bigint, if_not_exists => true)"
            )

    def prepare(self, base: Base, arrivals: Iterable[Arrival]) -> None:
        """TimescaleDB makes chunks itself."""


def _parent_words(base: Base, table: str) -> str:
    version = base.execute("SELECT extversion FROM pg_extension WHERE extname = 'pg_partman'")
    found = version.fetchone()
    old = found is not None and int(str(found[0]).split(".")[0]) < 5
    way = "p_type => 'native', p_interval => 'daily'" if old else "p_interval => '1 day'"
    return (
        f"p_parent_table => 'lineside.{table}', p_control => 'at_ns', "
        f"p_epoch => 'nanoseconds', {way}"
    )


def _schema_of(base: Base, extension: str) -> str:
    found = base.execute(
        "SELECT quote_ident(n.nspname) FROM pg_extension e JOIN pg_namespace n "
        "ON n.oid = e.extnamespace WHERE e.extname = %s",
        (extension,),
    ).fetchone()
    return str(found[0]) if found else "public"
