"""Tables validated in two steps: first their driver, then the driver's own schema."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from pydantic import TypeAdapter, ValidationError

from edge_agent.capture.camera.simulated import SimulatedCameraTable
from edge_agent.capture.drivers import ImageSource, ProcessSource, VibrationSource
from edge_agent.capture.process.rows import RowsTable
from edge_agent.capture.vibration.replay import ReplayTable

IMAGE = TypeAdapter(ImageSource)


def test_a_former_driver_name_becomes_the_present_table() -> None:
    assert isinstance(IMAGE.validate_python({"driver": "twin", "seed": 4}), SimulatedCameraTable)
    replay = TypeAdapter(VibrationSource).validate_python({"driver": "wav", "path": "/runs"})
    assert isinstance(replay, ReplayTable)
    assert replay.suffixes == (".wav",)
    rows = TypeAdapter(ProcessSource).validate_python({"driver": "parquet", "path": "/tables"})
    assert isinstance(rows, RowsTable)
    assert rows.suffixes == (".parquet",)


def test_a_wrong_key_of_a_driver_is_named_with_its_place() -> None:
    with pytest.raises(ValidationError) as raised:
        IMAGE.validate_python({"driver": "simulated", "defect_rate": 2})
    assert raised.value.errors()[0]["loc"] == ("defect_rate",)


def test_a_relative_path_of_a_driver_is_beside_the_file(tmp_path: Path) -> None:
    table = {"driver": "folder", "path": "frames"}
    source = IMAGE.validate_python(table, context={"folder": tmp_path})
    assert IMAGE.dump_python(source)["path"] == tmp_path / "frames"


def test_the_driver_that_is_named_is_the_only_one_imported() -> None:
    code = (
        "import sys; from pydantic import TypeAdapter; "
        "from edge_agent.capture.drivers import ImageSource; "
        "TypeAdapter(ImageSource).validate_python({'driver': 'simulated'}); "
        "print(sorted(m for m in sys.modules if m.startswith('edge_agent.capture.camera.')))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "['edge_agent.capture.camera.simulated']"
