"""A measured time scales a target's row, and nothing else does."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from edge_agent.contracts.core.errors import ConfigError
from edge_agent.contracts.model.cost_calibration import (
    NAMED_BY,
    Calibration,
    costs_file,
    read_calibrations,
    save_calibration,
    station_cost,
)
from edge_agent.contracts.model.target_cost import Work, find_cost

SLOWER = Calibration(measured_ms=30, predicted_ms=20, model="m.bundle", machine="a board")
WORK = Work(1_000_000, 2_000_000, 3_000_000, 40, 5_000)


@pytest.fixture
def costs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The user's file, which is not there yet."""
    path = tmp_path / "data" / "lineside" / "costs.json"
    monkeypatch.delenv(NAMED_BY, raising=False)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    assert costs_file() == path
    return path


def test_without_a_measurement_the_row_is_the_tables(costs: Path) -> None:
    assert station_cost("rpi4") == find_cost("rpi4")


def test_a_measured_target_takes_as_many_times_as_long(costs: Path) -> None:
    save_calibration(costs, "rpi4", SLOWER)
    scaled, row = station_cost("rpi4"), find_cost("rpi4")
    assert scaled.predict_ms(WORK) == pytest.approx(1.5 * row.predict_ms(WORK))
    assert (scaled.budget_ms, scaled.within) == (row.budget_ms, row.within)
    assert "times 1.50 by bench of m.bundle on a board" in scaled.source
    assert station_cost("rpi5") == find_cost("rpi5")


def test_a_second_measurement_replaces_the_first_of_its_target_alone(costs: Path) -> None:
    save_calibration(costs, "rpi4", SLOWER)
    save_calibration(costs, "x86", SLOWER)
    save_calibration(costs, "rpi4", SLOWER.model_copy(update={"measured_ms": 10.0}))
    ratios = {name: row.ratio for name, row in read_calibrations(costs).items()}
    assert ratios == {"rpi4": 0.5, "x86": 1.5}


def test_a_file_that_is_named_counts(
    costs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(NAMED_BY, str(tmp_path / "line2.json"))
    save_calibration(costs_file(), "x86", SLOWER)
    assert not costs.exists()
    assert station_cost("x86").calibrated


def test_a_time_out_of_reason_is_refused_and_nothing_is_written(costs: Path) -> None:
    with pytest.raises(ConfigError, match=r"900 ms is 45 times the 20 ms predicted for x86"):
        save_calibration(costs, "x86", SLOWER.model_copy(update={"measured_ms": 900.0}))
    assert not costs.exists()


@pytest.mark.parametrize(
    "text",
    [
        "no json",
        "[1]",
        '{"rpi4": 2}',
        '{"rpi4": {"measured_ms": -1, "predicted_ms": 2, "model": "", "machine": ""}}',
        json.dumps({"toaster": SLOWER.model_dump()}),
    ],
    ids=["no-json", "list", "number", "negative", "no-target"],
)
def test_a_damaged_file_is_named_with_the_cure(text: str, costs: Path) -> None:
    costs.parent.mkdir(parents=True)
    costs.write_text(text)
    with pytest.raises(ConfigError, match=r"costs\.json.*bench --calibrate"):
        station_cost("rpi4")
