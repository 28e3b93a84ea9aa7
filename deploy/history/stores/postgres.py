"""The history in PostgreSQL, for several collectors and for whoever reads the plant's database.

Tables lie in the schema `lineside`. Those that grow are partitioned by day: by TimescaleDB or
pg_partman where the database has the extension, else natively by the collector. A batch goes by
COPY into its table.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Self, TypeAlias

import psycopg
from psycopg.rows import dict_row

from deploy.history.arrivals import COLUMNS, Arrival, TableRow
from deploy.history.dialect import POSTGRES, VIEW_FILES
from deploy.history.ledger import Account, Book, Epoch, NamedGap, Stored, post
from deploy.history.store import Record
from deploy.history.stores.partitions import DDL_LOCK, Partitions, partitions_of
from edge_agent.contracts.core.errors import DatabaseAwayError, InputError, StorageError

Base: TypeAlias = psycopg.Connection[tuple[object, ...]]

LOG = logging.getLogger("lineside.collect")

SCHEMA = "lineside"
CONNECT_S = 5
OPTIONS = "-c search_path=lineside,public -c synchronous_commit=on -c statement_timeout=60000"
TYPES = {
    "at_ns": "bigint", "received_ns": "bigint", "first_seq": "bigint", "last_seq": "bigint",
    "dropped": "bigint", "exact": "integer", "latency_ms": "double precision",
    "payload": "text[]::jsonb",
}  # fmt: skip
"""Types of columns that are not text."""
VANISHED_MS = 15_000
"""A server that does not answer the kernel for so long is taken for gone, not for two hours."""


class PostgresStore:
    """A HistoryStore. address: postgresql://user@host/database; the password may come from
    PGPASSFILE or PGPASSWORD. writes: without it nothing is created, and a reader's rights do.
    """

    def __init__(self, address: str, *, writes: bool = True) -> None:
        self._address = address
        self._writes = writes
        self._base: Base | None = None
        self._partitions: Partitions | None = None

    def open(self) -> None:
        """Connect; a writer creates schema, tables and views where they are missing."""
        try:
            self._base = psycopg.connect(
                self._address,
                autocommit=True,
                connect_timeout=CONNECT_S,
                options=OPTIONS,
                application_name="lineside-collect",
                tcp_user_timeout=VANISHED_MS,
                keepalives_idle=5,
            )
            if self._writes:
                self._create(self._base)
        except psycopg.Error as error:
            is_away = self._base is None and _nobody_answers(error)
            self.close()
            raise self._error(error, DatabaseAwayError if is_away else StorageError) from error

    def close(self) -> None:
        """Close; a second call does nothing."""
        if self._base is not None:
            self._base.close()
            self._base = None

    def __enter__(self) -> Self:
        self.open()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def add(self, arrivals: Iterable[Arrival]) -> Stored:
        """Commit a batch: all of it or nothing."""
        base, given = self._opened(), list(arrivals)
        try:
            if self._partitions is not None:
                self._partitions.prepare(base, given)
            return self._post(base, given)
        except psycopg.DataError as error:
            where = self._where()
            raise InputError(f"no column takes it ({_first_line(error)})", where=where) from error
        except psycopg.Error as error:
            raise self._error(error) from error

    def _post(self, base: Base, given: list[Arrival]) -> Stored:
        """Numbered messages are new by their accounts: they go straight into their table. Only
        where accounts were lost the table itself must say what it has.
        """
        try:
            with _rolled_back_where_it_fails(base):
                return post(PostgresTransaction(base), given)
        except psycopg.errors.UniqueViolation:
            LOG.warning("a table has rows that no account knows; they are not written again")
        with _rolled_back_where_it_fails(base):
            return post(PostgresTransaction(base, knows_all=False), given)

    def query(self, sql: str, values: Sequence[object] = ()) -> list[Record]:
        """Rows of a statement whose values are marked by ?."""
        try:
            with self._opened().cursor(row_factory=dict_row) as cursor:
                cursor.execute(sql.replace("%", "%%").replace("?", "%s"), values)
                return cursor.fetchall() if cursor.description else []
        except psycopg.Error as error:
            raise self._error(error) from error

    def _create(self, base: Base) -> None:
        with base.transaction():
            base.execute("SELECT pg_advisory_xact_lock(%s)", (DDL_LOCK,))
            base.execute(f"CREATE SCHEMA IF NOT EXISTS {SCHEMA}")
            self._partitions = partitions_of(base)
            words = {**POSTGRES.words, "partitioned": self._partitions.clause}
            for statement in type(POSTGRES)(words).statements("tables_postgres.sql"):
                base.execute(statement)
            self._partitions.create(base)
            for file in VIEW_FILES:
                for statement in POSTGRES.statements(file):
                    base.execute(statement)
        _warn_where_not_durable(base)

    def _opened(self) -> Base:
        if self._base is None:
            raise StorageError("not open", where=self._where(), cure="open it first")
        return self._base

    def _error(self, error: Exception, kind: type[StorageError] = StorageError) -> StorageError:
        return kind(
            f"cannot be used ({_first_line(error)})",
            where=self._where(),
            cure="check that PostgreSQL runs, and the rights of this user",
        )

    def _where(self) -> str:
        """The address without its password."""
        try:
            known = psycopg.conninfo.conninfo_to_dict(self._address)
        except psycopg.Error:
            return "postgresql"
        return f"postgresql {known.get('host', 'local')}/{known.get('dbname', '')}"


class PostgresTransaction:
    """What ledger.post does within a transaction; locks are taken in one order by everybody.

    Where the server is busy a batch is slow by its round trips, each of which waits for a turn: so
    everything but COPY goes to and fro once before it and once after it.

    knows_all: no row is in a table that its account does not know.
    """

    def __init__(self, base: Base, *, knows_all: bool = True) -> None:
        self._base = base
        self._knows_all = knows_all

    def read(self, epochs: Collection[Epoch]) -> dict[Epoch, Book]:
        """Begin; the books of these epochs, locked until the commit."""
        names = _columns(sorted(epochs))
        with self._base.pipeline():
            self._base.execute("BEGIN")
            if not epochs:
                return {}
            self._base.execute(
                "INSERT INTO account SELECT station, epoch, -1, 0, 0, 0, '[]' FROM "
                "unnest(%s::text[], %s::text[]) AS one (station, epoch) ON CONFLICT DO NOTHING",
                names,
            )
            accounts = self._base.execute(
                "SELECT station, epoch, ranges FROM account WHERE (station, epoch) IN "
                "(SELECT * FROM unnest(%s::text[], %s::text[])) ORDER BY station, epoch FOR UPDATE",
                names,
            )
            gaps = self._base.execute(
                "SELECT station, epoch, event_id, first_seq, last_seq, dropped FROM gap WHERE "
                "(station, epoch) IN (SELECT * FROM unnest(%s::text[], %s::text[]))",
                names,
            )
        books = {
            (str(station), str(epoch)): Book(Account([(a, b) for a, b in json.loads(str(ranges))]))
            for station, epoch, ranges in accounts
        }
        for station, epoch, event_id, *numbers in gaps:
            gap = NamedGap(*(int(str(number)) for number in numbers))
            books[str(station), str(epoch)].gaps[str(event_id)] = gap
        return books

    def insert(self, table: str, rows: list[TableRow]) -> int:
        """Insert what is not there yet; returns how many rows that were."""
        columns = COLUMNS[table]
        if self._knows_all and table != "sample":
            names = ", ".join(columns)
            with (
                self._base.cursor() as cursor,
                cursor.copy(f"COPY {table} ({names}) FROM STDIN") as copy,
            ):
                for row in rows:
                    copy.write_row(row)
            return len(rows)
        sql = f"INSERT INTO {table} ({', '.join(columns)}) {_selected(columns)}"
        return self._base.execute(f"{sql} ON CONFLICT DO NOTHING", _turned(rows)).rowcount

    def save(self, accounts: dict[Epoch, Account], latest: list[TableRow]) -> None:
        """Write accounts and newest rows, and commit."""
        with self._base.pipeline():
            if accounts:
                rows = [
                    (*epoch, a.last_seq, a.received, a.lost, a.missing, json.dumps(a.stored))
                    for epoch, a in accounts.items()
                ]
                self._base.execute(
                    "UPDATE account SET last_seq = one.last_seq, received = one.received, "
                    "lost = one.lost, missing = one.missing, ranges = one.ranges FROM unnest("
                    "%s::text[], %s::text[], %s::bigint[], %s::bigint[], %s::bigint[], "
                    "%s::bigint[], %s::text[]) AS one "
                    "(station, epoch, last_seq, received, lost, missing, ranges) "
                    "WHERE account.station = one.station AND account.epoch = one.epoch",
                    _turned(rows),
                )
            if latest:
                ordered = sorted(latest, key=lambda row: (str(row[0]), str(row[1])))
                # A retained message that comes again is no news of the station.
                self._base.execute(
                    f"INSERT INTO latest {_selected(COLUMNS['sample'])} "
                    "ON CONFLICT (station, kind) DO UPDATE SET at_ns = excluded.at_ns, "
                    "received_ns = excluded.received_ns, payload = excluded.payload "
                    "WHERE latest.payload <> excluded.payload",
                    _turned(ordered),
                )
            self._base.execute("COMMIT")


@contextmanager
def _rolled_back_where_it_fails(base: Base) -> Iterator[None]:
    try:
        yield
    except BaseException:
        with suppress(psycopg.Error):  # a connection that is gone has rolled back
            base.rollback()
        raise


def _selected(columns: Sequence[str]) -> str:
    """A SELECT of rows that are given by columns."""
    arrays = ", ".join(f"%s::{TYPES.get(column, 'text')}[]" for column in columns)
    return f"SELECT * FROM unnest({arrays})"


def _turned(rows: Iterable[TableRow]) -> list[list[object]]:
    """Rows as columns."""
    return [list(column) for column in zip(*rows, strict=True)]


def _columns(epochs: Sequence[Epoch]) -> tuple[list[str], list[str]]:
    return [station for station, _ in epochs], [epoch for _, epoch in epochs]


def _warn_where_not_durable(base: Base) -> None:
    """A server without fsync may lose a commit after stations were told of it."""
    found = base.execute("SHOW fsync").fetchone()
    if found != ("on",):
        LOG.warning("PostgreSQL runs with fsync = off: a power cut may lose acknowledged verdicts")


def _nobody_answers(error: psycopg.Error) -> bool:
    """Whether a connection failed before a server said anything; its own refusals are FATAL
    (PostgreSQL's manual, error severities)."""
    return isinstance(error, psycopg.OperationalError) and "FATAL" not in str(error)


def _first_line(error: Exception) -> str:
    return str(error).strip().split("\n")[0]
