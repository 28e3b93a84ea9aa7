"""The views of the history are written once; what SQLite and PostgreSQL spell differently is here.

A marker @name or @name(field) of deploy/history/sql/*.sql is replaced by the words of a database.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

SQL = Path(__file__).parent / "sql"
VIEW_FILES = ("views_quality.sql", "views_station.sql", "views_condition.sql")
MARKER = re.compile(r"@(\w+)(?:\((\w+)\))?")


def _to_char(column: str, form: str) -> str:
    """PostgreSQL's words for a time of nanoseconds, in UTC."""
    return f"to_char(to_timestamp({column} / 1000000000) AT TIME ZONE 'UTC', '{form}')"


@dataclass(frozen=True)
class Dialect:
    """The words of one database; {0} stands for a marker's field."""

    words: Mapping[str, str]

    def statements(self, file: str) -> list[str]:
        """The statements of a file of deploy/history/sql, ready for the database."""
        text = (SQL / file).read_text("utf-8")
        bare = re.sub(r"--.*", "", text)
        filled = MARKER.sub(lambda found: self.words[found[1]].format(found[2]), bare)
        return [one.strip() for one in filled.split(";") if one.strip()]


SQLITE = Dialect(
    {
        "hour": "strftime('%Y-%m-%dT%H:00Z', at_ns / 1000000000, 'unixepoch')",
        "day": "strftime('%Y-%m-%d', at_ns / 1000000000, 'unixepoch')",
        "iso": "strftime('%Y-%m-%dT%H:%M:%SZ', {0} / 1000000000, 'unixepoch')",
        "now_ns": "(CAST(strftime('%s', 'now') AS INTEGER) * 1000000000)",
        "text": "json_extract(payload, '$.{0}')",
        "number": "CAST(json_extract(payload, '$.{0}') AS REAL)",
        "channels": "json_each(verdict.payload, '$.channels') AS channel",
        "channel": "json_extract(channel.value, '$.{0}')",
        "worst_axis": "(SELECT max(CAST(json_extract(axis.value, '$.{0}') AS REAL)) "
        "FROM json_each(payload, '$.axes') AS axis)",
        "least": "min",
        "greatest": "max",
        "create_view": "CREATE VIEW IF NOT EXISTS {0} AS",
    }
)

POSTGRES = Dialect(
    {
        "hour": _to_char("at_ns", 'YYYY-MM-DD"T"HH24:00"Z"'),
        "day": _to_char("at_ns", "YYYY-MM-DD"),
        "iso": _to_char("{0}", 'YYYY-MM-DD"T"HH24:MI:SS"Z"'),
        "now_ns": "CAST(extract(epoch FROM clock_timestamp()) * 1000000000 AS bigint)",
        "text": "(payload ->> '{0}')",
        "number": "CAST(payload ->> '{0}' AS double precision)",
        "channels": "jsonb_array_elements(verdict.payload -> 'channels') AS channel(value)",
        "channel": "(channel.value ->> '{0}')",
        "worst_axis": "(SELECT max(CAST(axis.value ->> '{0}' AS double precision)) "
        "FROM jsonb_array_elements(payload -> 'axes') AS axis(value))",
        "least": "least",
        "greatest": "greatest",
        "create_view": "CREATE OR REPLACE VIEW {0} AS",
    }
)
