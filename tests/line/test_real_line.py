"""The whole pipeline on real recordings, through a real broker; short trainings."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.brokers import find_mosquitto
from benchmarks.real_line import SETS, run_set

pytestmark = [
    pytest.mark.timeout(600),
    pytest.mark.skipif(find_mosquitto() is None, reason="mosquitto is not installed"),
]


@pytest.mark.parametrize(("name", "at_least"), [("casting", 0.6), ("cwru", 0.7)])
def test_every_verdict_on_real_recordings_arrives_once(
    name: str, at_least: float, data_dir: Path, tmp_path: Path
) -> None:
    fit = ("--epochs", "2") if name == "casting" else ("--epochs", "4")
    rows = {
        row.name: row for row in run_set(SETS[name], data_dir, tmp_path / name, fit, waive=True)
    }
    assert rows[f"{name} messages lost"].value == 0
    assert rows[f"{name} without a verdict"].value == 0
    assert rows[f"{name} messages lost"].n >= 10
    accuracy = next(row for title, row in rows.items() if title.endswith("accuracy int8"))
    assert accuracy.value >= at_least
