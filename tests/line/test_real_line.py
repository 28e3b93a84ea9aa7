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


@pytest.mark.parametrize("name", ["casting", "cwru"])
def test_every_verdict_on_real_recordings_arrives_once(
    name: str, data_dir: Path, tmp_path: Path
) -> None:
    fit = ("--epochs", "2") if name == "casting" else ("--epochs", "4")
    rows = {
        row.name: row for row in run_set(SETS[name], data_dir, tmp_path / name, fit, waive=True)
    }
    assert rows[f"{name} messages lost"].value == 0
    assert rows[f"{name} without a verdict"].value == 0
    assert rows[f"{name} messages lost"].n >= 10
    assert abs(rows[f"{name} float minus int8 accuracy"].value) <= 0.02
