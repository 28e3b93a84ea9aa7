"""The example of a scheduler, in an environment with OR-Tools."""

from __future__ import annotations

import json
import subprocess
import sys
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.integrations

EXAMPLES = Path(__file__).parents[2] / "docs" / "examples"
PLANT = json.loads((EXAMPLES / "plant.json").read_text())


@pytest.fixture(scope="session")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An interpreter with OR-Tools; skips where it cannot be installed."""
    folder = tmp_path_factory.mktemp("ortools")
    subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
    words = [folder / "bin" / "pip", "install", "-q", "ortools"]
    if subprocess.run(words, capture_output=True, check=False, timeout=300).returncode:
        pytest.skip("OR-Tools cannot be installed here (pip install ortools)")
    return folder / "bin" / "python"


def planned(python: Path, tmp_path: Path, plant: dict[str, Any]) -> dict[str, Any]:
    path = tmp_path / "plant.json"
    path.write_text(json.dumps(plant))
    words = [python, EXAMPLES / "maintenance_windows.py", path]
    done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_no_machine_runs_beyond_the_low_end_of_its_life(python: Path, tmp_path: Path) -> None:
    found = planned(python, tmp_path, PLANT)
    low = {one["equipment_id"]: one["value_low"] for one in PLANT["machines"]}
    services = found["services"]
    assert {one["equipment_id"] for one in services} == set(low)
    assert all(one["begin_h"] <= low[one["equipment_id"]] for one in services)
    for one, other in combinations(services, 2):
        assert one["end_h"] <= other["begin_h"] or other["end_h"] <= one["begin_h"]
    assert found["late_h"] == 0
    assert found["is_optimal"]


def test_jobs_and_service_of_a_machine_do_not_overlap(python: Path, tmp_path: Path) -> None:
    found = planned(python, tmp_path, PLANT)
    machine = {job["job"]: job["equipment_id"] for job in PLANT["jobs"]}
    spans = [(machine[name], *span) for name, span in found["jobs"].items()]
    spans += [(one["equipment_id"], one["begin_h"], one["end_h"]) for one in found["services"]]
    for one, other in combinations(spans, 2):
        assert one[0] != other[0] or one[2] <= other[1] or other[2] <= one[1]


def test_a_machine_at_its_end_is_not_planned_but_stopped(python: Path, tmp_path: Path) -> None:
    worn = {**PLANT["machines"][0], "value_low": 0.0}
    found = planned(python, tmp_path, {**PLANT, "machines": [worn, *PLANT["machines"][1:]]})
    assert found["stop_now"] == [worn["equipment_id"]]
    assert "A-1201" not in found["jobs"]
