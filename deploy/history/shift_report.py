"""A shift on one page of HTML: yield, causes, p-chart, accounts, escapes, changes of state."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from deploy.history.control_chart import Chart, chart_of
from deploy.history.shift import Shift
from deploy.history.store import HistoryStore, Record

CHART_H = 72
"""Hours of the p-chart, up to the end of the shift."""
CHARTS = 6
"""Stations with a chart of their own: those with the lowest yield."""
CAUSES = 8
CHANGES = 12
HOUR_NS = 3600 * 10**9


@dataclass(frozen=True)
class StationShift:
    """A station in the shift. quality: good / produced (ISO 22400-2)."""

    station: str
    parts: int
    passed: int
    failed: int
    undecided: int
    good: int
    missing: int
    lost: int

    @property
    def yield_(self) -> float:
        """Share of PASS."""
        return self.passed / self.parts

    @property
    def quality(self) -> float:
        """Good quantity / produced quantity."""
        return self.good / self.parts


@dataclass(frozen=True)
class ShiftReport:
    """What the page shows."""

    shift: Shift
    stations: list[StationShift]
    causes: list[Record]
    charts: list[Chart]
    escapes: list[Record]
    changes: list[Record]


def shift_report(store: HistoryStore, shift: Shift) -> ShiftReport:
    """Read the shift from the history; raises StorageError."""
    stations = _stations(store, shift)
    worst = sorted(stations, key=lambda one: (one.yield_, one.station))[:CHARTS]
    return ShiftReport(
        shift=shift,
        stations=stations,
        causes=_causes(store, shift),
        charts=_charts(store, shift, [one.station for one in worst]),
        escapes=_escapes(store, shift),
        changes=_changes(store, shift),
    )


def page(report: ShiftReport, made_at: str) -> str:
    """The report as one HTML file without any reference to the outside."""
    template = _environment().get_template("shift.html")
    return template.render(report=report, made_at=made_at, shift=report.shift)


def as_document(report: ShiftReport) -> dict[str, object]:
    """The report's figures for --json."""
    return {
        "shift": {"begin": report.shift.begin.isoformat(), "end": report.shift.end.isoformat()},
        "stations": [
            {**vars(one), "yield": one.yield_, "quality": one.quality} for one in report.stations
        ],
        "causes": report.causes,
        "signals": [s for chart in report.charts for s in chart.signals],
        "escapes": report.escapes,
        "changes": report.changes,
    }


def _stations(store: HistoryStore, shift: Shift) -> list[StationShift]:
    rows = store.query(
        "SELECT station, count(*) AS parts, count(*) FILTER (WHERE verdict = 'PASS') AS passed, "
        "count(*) FILTER (WHERE verdict = 'FAIL') AS failed, "
        "count(*) FILTER (WHERE verdict = 'NO-VERDICT') AS undecided, "
        "count(*) FILTER (WHERE verdict = 'PASS' AND action = 'accept') AS good "
        "FROM verdict WHERE at_ns >= ? AND at_ns < ? GROUP BY station ORDER BY station",
        (shift.begin_ns, shift.end_ns),
    )
    health = {row["station"]: row for row in store.query("SELECT * FROM station_health")}
    return [_station(row, health.get(row["station"], {})) for row in rows]


def _station(row: Record, health: Record) -> StationShift:
    def count(name: str) -> int:
        return int(str({**health, **row}.get(name, 0)))

    return StationShift(
        station=str(row["station"]),
        parts=count("parts"),
        passed=count("passed"),
        failed=count("failed"),
        undecided=count("undecided"),
        good=count("good"),
        missing=count("missing"),
        lost=count("lost"),
    )


def _causes(store: HistoryStore, shift: Shift) -> list[Record]:
    rows = store.query(
        "SELECT station, reason, count(*) AS parts FROM verdict "
        "WHERE at_ns >= ? AND at_ns < ? AND verdict <> 'PASS' "
        f"GROUP BY station, reason ORDER BY parts DESC, station, reason LIMIT {CAUSES}",
        (shift.begin_ns, shift.end_ns),
    )
    most = max((int(str(row["parts"])) for row in rows), default=1)
    return [row | {"width": 100 * int(str(row["parts"])) / most} for row in rows]


def _charts(store: HistoryStore, shift: Shift, stations: Sequence[str]) -> list[Chart]:
    charts = []
    for station in stations:
        rows = store.query(
            "SELECT * FROM p_chart_rules WHERE station = ? AND hour >= ? AND hour < ? "
            "ORDER BY hour",
            (station, _hour(shift.end_ns - CHART_H * HOUR_NS), _hour(shift.end_ns)),
        )
        charts.append(chart_of(station, rows, _hour(shift.begin_ns)))
    return charts


def _escapes(store: HistoryStore, shift: Shift) -> list[Record]:
    return store.query(
        "SELECT station, part_id, label, origin FROM escapes "
        "WHERE found_at_ns >= ? AND found_at_ns < ? ORDER BY found_at_ns",
        (shift.begin_ns, shift.end_ns),
    )


def _changes(store: HistoryStore, shift: Shift) -> list[Record]:
    return store.query(
        "SELECT station, state, reason, received_ns FROM state_change "
        "WHERE received_ns >= ? AND received_ns < ? "
        f"ORDER BY received_ns DESC LIMIT {CHANGES}",
        (shift.begin_ns, shift.end_ns),
    )


def _hour(at_ns: int) -> str:
    """The name of an hour in the views."""

    return f"{datetime.fromtimestamp(at_ns // 10**9, UTC):%Y-%m-%dT%H:00Z}"


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["percent"] = lambda share: f"{100 * share:.1f} %"
    environment.filters["clock"] = _clock
    return environment


def _clock(at_ns: int, shift: Shift) -> str:
    """A time of the shift as the plant's clocks show it."""

    return f"{datetime.fromtimestamp(at_ns // 10**9, shift.begin.tzinfo):%H:%M:%S}"
