"""The table of runtimes: one file each, found by name; what `auto` tries, and in which order."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from edge_agent.contracts.core.errors import BundleError, ConfigError
from edge_agent.infer.runtime_choice import (
    RUNTIMES,
    find_runtime,
    open_runtime,
    runtime_drivers,
)
from edge_agent.infer.runtime_names import runtime_names
from edge_agent.infer.runtimes.edgetpu import OPERATOR

FILES = Path(__file__).parents[3] / "edge_agent" / "infer" / "runtimes"
MODEL = (Path(__file__).parents[1] / "models" / "brightness.tflite").read_bytes()


def test_every_file_is_a_runtime_of_its_name() -> None:
    names = sorted(path.stem for path in FILES.glob("*.py") if path.stem != "__init__")
    assert list(runtime_names()) == ["auto", *names]
    assert [row.name for row in RUNTIMES.rows().values()] == names


def test_auto_tries_litert_before_the_older_one_and_openvino() -> None:
    cpu = [driver.name for driver in runtime_drivers() if not driver.accelerator]
    assert cpu == ["litert", "tflite_runtime", "openvino", "openvino_float"]


def test_an_accelerator_says_which_file_it_runs_and_how_one_comes_by_it() -> None:
    for driver in runtime_drivers():
        assert driver.accelerator == bool(driver.custom_operator)
        assert driver.accelerator == (driver.model_file != "model.tflite")
        assert bool(driver.convert_cure) == driver.accelerator
        assert driver.extra in ("device", "openvino", "tflite")


def test_a_model_of_an_accelerator_is_not_run_by_name_elsewhere() -> None:
    with pytest.raises(BundleError, match="is compiled for Edge TPU: give the CPU model"):
        open_runtime(MODEL + OPERATOR, "litert")


def test_an_unknown_name_lists_the_table() -> None:
    with pytest.raises(
        ConfigError, match="choose auto, edgetpu, litert, openvino, openvino_float, "
    ):
        find_runtime("litert2")


def test_the_names_cost_no_numpy() -> None:
    program = (
        "import sys; from edge_agent.infer.runtime_names import runtime_names;"
        "runtime_names(); print('numpy' in sys.modules)"
    )
    words = [sys.executable, "-c", program]
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
