"""The budgets of a station: one table in the benchmark, the same one in the docs."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from benchmarks.station_load import BUDGETS, growth_mb_h, load_rows

PAGE = Path(__file__).parents[2] / "docs" / "station.md"


def test_the_page_shows_the_same_budgets() -> None:
    section = PAGE.read_text().partition("## Budgets")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| (\w.*?) \| ([\d.]+)( \S+)? \|", section, re.M)
    shown = {f"load: {what}": (float(limit), unit.strip()) for what, limit, unit in rows}
    assert shown == BUDGETS


def test_growth_is_the_slope_of_the_memory_after_the_warm_up() -> None:
    warm = [(10.0 * k, 50_000_000) for k in range(80)]
    steady = [(800 + 10.0 * k, 100_000_000 + 10_000 * k) for k in range(321)]
    assert growth_mb_h(warm + steady) == pytest.approx(3.6)
    assert growth_mb_h([(10.0 * k, 1_000_000 * k) for k in range(50)]) == 0.0


@pytest.mark.slow
def test_a_short_load_has_a_row_for_every_budget() -> None:
    rows = {row.name: row for row in load_rows(quick=True)}
    assert set(BUDGETS) < set(rows)
    assert rows["load: parts passed unseen"].value == 0
    assert rows["load: grab to verdict of a frame, p99"].n > 100
