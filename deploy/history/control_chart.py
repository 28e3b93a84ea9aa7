"""A p-chart as lines of an SVG picture: points, limits, and the points where a rule holds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from deploy.history.store import Record

WIDTH, HEIGHT, MARGIN = 340.0, 96.0, 6.0
"""Units of the picture."""
RULES = {
    "beyond_3": "beyond 3 sigma",
    "two_of_3": "2 of 3 beyond 2 sigma",
    "four_of_5": "4 of 5 beyond 1 sigma",
    "eight_on_a_side": "8 on one side of the mean",
    "six_in_a_trend": "6 in a trend",
}
"""Column of p_chart_rules -> its name on the page."""


@dataclass(frozen=True)
class Mark:
    """A point of the picture."""

    x: float
    y: float
    signals: bool


@dataclass(frozen=True)
class Chart:
    """One station's chart; lines are the `points` of SVG polylines, x and y in picture units.

    highest: the share of FAIL at the top. shift_x: where the shift begins.
    """

    station: str
    share: str
    mean: str
    low: str
    high: str
    marks: list[Mark]
    shift_x: float
    highest: float
    signals: list[Record]


def chart_of(station: str, rows: Sequence[Record], shift_hour: str) -> Chart:
    """The chart of hours in order; signals are those of the shift."""
    highest = max([0.01, *(_share(row, name) for row in rows for name in ("p", "high"))])
    step = (WIDTH - 2 * MARGIN) / max(1, len(rows) - 1)
    begin = next((k for k, row in enumerate(rows) if str(row["hour"]) >= shift_hour), len(rows))

    def y_of(value: float) -> float:
        return HEIGHT - MARGIN - (HEIGHT - 2 * MARGIN) * value / highest

    def line(column: str) -> str:
        points = ((MARGIN + k * step, y_of(_share(row, column))) for k, row in enumerate(rows))
        return " ".join(f"{x:.1f},{y:.1f}" for x, y in points)

    marks = [
        Mark(MARGIN + k * step, y_of(_share(row, "p")), bool(_rules(row)))
        for k, row in enumerate(rows)
    ]
    return Chart(
        station=station,
        share=line("p"),
        mean=line("p_mean"),
        low=line("low"),
        high=line("high"),
        marks=marks,
        shift_x=MARGIN + max(0.0, begin - 0.5) * step,
        highest=highest,
        signals=[
            {"station": station, "hour": row["hour"], "p": row["p"], "rules": _rules(row)}
            for row in rows[begin:]
            if _rules(row)
        ],
    )


def _share(row: Record, column: str) -> float:
    return float(str(row[column]))


def _rules(row: Record) -> list[str]:
    return [name for column, name in RULES.items() if row[column]]
