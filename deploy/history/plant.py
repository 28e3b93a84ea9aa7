"""The plant at a glance: one line a station, for `lineside-deploy watch`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from deploy.history.store import HistoryStore, Record
from edge_agent.contracts.core.printable import printable

HOUR_NS = 3600 * 10**9
SILENT_S = 60.0
"""A station without a health message for so long is shown as silent."""
HEAD = ("STATION", "STATE", "LAST PART", "PARTS/H", "YIELD", "WAITING", "MISSING", "LOST", "REASON")
REASON_WIDTH = 40


@dataclass(frozen=True)
class StationLine:
    """A station now. last_part_s, health_s: seconds ago, None: never. yield_: of the last hour.

    waiting: messages in the station's outbox. missing, lost: numbers of all its epochs.
    """

    station: str
    state: str
    reason: str
    last_part_s: float | None
    health_s: float | None
    parts_h: int
    yield_: float | None
    waiting: int | None
    missing: int
    lost: int

    @property
    def is_silent(self) -> bool:
        """Whether an armed station gives no sign of life."""
        return self.state == "armed" and (self.health_s is None or self.health_s > SILENT_S)


def plant_now(store: HistoryStore, now_ns: int) -> list[StationLine]:
    """Every station that the history knows, by name; raises StorageError."""
    counts = {
        str(row["station"]): row
        for row in store.query(
            "SELECT station, count(*) AS parts, "
            "count(*) FILTER (WHERE verdict = 'PASS') AS passed "
            "FROM verdict WHERE at_ns > ? AND at_ns <= ? GROUP BY station",
            (now_ns - HOUR_NS, now_ns),
        )
    }
    health = store.query("SELECT * FROM station_health ORDER BY station")
    return [_line(row, counts.get(str(row["station"]), {}), now_ns) for row in health]


def plant_text(lines: Sequence[StationLine], now_ns: int) -> str:
    """The lines as a table of plain text; what a station said is made printable."""
    now = datetime.fromtimestamp(now_ns // 10**9, UTC)
    rows = [HEAD, *(_cells(line) for line in lines)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(HEAD))]
    left = {0, 1, len(HEAD) - 1}
    table = [
        "  ".join(
            cell.ljust(width) if column in left else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]
    return "\n".join([f"{now:%Y-%m-%d %H:%M:%S}Z  {len(lines)} stations", *table])


def _line(health: Record, counts: Record, now_ns: int) -> StationLine:
    parts, waiting = _whole(counts.get("parts")) or 0, _whole(health["outbox_waiting"])
    return StationLine(
        station=str(health["station"]),
        state=str(health["state"]),
        reason=str(health["reason"]),
        last_part_s=_ago_s(health["last_verdict_ns"], now_ns),
        health_s=_ago_s(health["health_ns"], now_ns),
        parts_h=parts,
        yield_=(_whole(counts.get("passed")) or 0) / parts if parts else None,
        waiting=waiting,
        missing=_whole(health["missing"]) or 0,
        lost=_whole(health["lost"]) or 0,
    )


def _cells(line: StationLine) -> tuple[str, ...]:
    return (
        printable(line.station),
        "silent" if line.is_silent else line.state,
        "never" if line.last_part_s is None else f"{_span(line.last_part_s)} ago",
        str(line.parts_h),
        "-" if line.yield_ is None else f"{100 * line.yield_:.1f} %",
        "-" if line.waiting is None else str(line.waiting),
        str(line.missing),
        str(line.lost),
        printable(line.reason)[:REASON_WIDTH],
    )


def _span(seconds: float) -> str:
    for limit, unit, name in ((120, 1, "s"), (7200, 60, "min"), (172_800, 3600, "h")):
        if seconds < limit:
            return f"{seconds / unit:.0f} {name}"
    return f"{seconds / 86_400:.0f} d"


def _ago_s(at_ns: object, now_ns: int) -> float | None:
    at = _whole(at_ns)
    return None if at is None else max(0.0, (now_ns - at) / 1e9)


def _whole(value: object) -> int | None:
    return int(value) if isinstance(value, int | float) else None
