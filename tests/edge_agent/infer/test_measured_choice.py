"""The choice of a runtime on a station: measured in a child, remembered, and obeyed."""

from __future__ import annotations

import json
import logging
import sys
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

import pytest

from edge_agent.contracts.model.bundle import Bundle, read_bundle
from edge_agent.infer.measured_choice import MeasuredChoice, load_fastest
from edge_agent.infer.runtimes import edgetpu, litert, tflite_runtime
from edge_agent.infer.timed import words
from edge_agent.infer.trial import Trials
from tests import station_kit

ABSENT = replace(tflite_runtime.DRIVER, name="tflite_runtime", packages=("numpy",))
"""A runtime that seems to be installed, and whose library cannot be loaded."""


@pytest.fixture
def bundle(tmp_path: Path) -> Bundle:
    return read_bundle(station_kit.write_image_bundle(tmp_path / "a.bundle"))


@pytest.fixture
def choice(tmp_path: Path) -> MeasuredChoice:
    return MeasuredChoice(tmp_path / "runtimes.json", 120, [litert.DRIVER, ABSENT])


def test_one_runtime_is_not_measured(tmp_path: Path, bundle: Bundle) -> None:
    alone = MeasuredChoice(tmp_path / "runtimes.json", drivers=[litert.DRIVER], command=["false"])
    assert alone.runtime_for(bundle, 1).name == "auto"
    assert not alone.path.exists()
    assert alone.runtime_for(bundle, 1).measured == ()


def test_what_was_measured_is_told_and_remembered(
    bundle: Bundle, choice: MeasuredChoice, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO, "lineside.infer"):
        assert choice.runtime_for(bundle, 1).name == "litert"
    (line,) = [one.message for one in caplog.records if "runs in" in one.message]
    assert line.startswith("brightness 1.0.0 runs in litert: litert 0")
    assert line.endswith("tflite_runtime is refused: is not whole: a library is missing")
    choice.command = ["false"]
    assert choice.runtime_for(bundle, 1).name == "litert"
    assert words(choice.runtime_for(bundle, 1).measured) in line
    anew = choice.runtime_for(bundle, 2)
    assert anew.name == "auto", "another count of threads is measured anew"
    assert "fails (exit code 1)" in words(anew.measured)


def test_a_measurement_that_crashes_or_hangs_leaves_the_preferred_runtime(
    bundle: Bundle, choice: MeasuredChoice
) -> None:
    crash = "import os, signal; os.kill(os.getpid(), signal.SIGSEGV)"
    choice.command = [sys.executable, "-c", crash]
    chosen = choice.runtime_for(bundle, 1)
    assert chosen.name == "auto"
    assert words(chosen.measured).count("it crashes the runtime (SIGSEGV)") == 2
    choice.limit_s = 0.2
    choice.command = [sys.executable, "-c", "import time; time.sleep(60)"]
    chosen = choice.runtime_for(bundle, 2)
    assert chosen.name == "auto"
    late = "was not measured within 0.2 s"
    assert words(chosen.measured) == f"litert {late}; tflite_runtime {late}"


def test_a_measurement_that_was_late_is_tried_again_at_two_more_starts(
    bundle: Bundle, choice: MeasuredChoice, caplog: pytest.LogCaptureFixture
) -> None:
    choice.limit_s = 0.05
    choice.command = [sys.executable, "-S", "-c", "import time; time.sleep(60)"]
    with caplog.at_level(logging.INFO, "lineside.infer"):
        for _ in range(5):
            assert choice.runtime_for(bundle, 1).name == "auto"
    assert len([one for one in caplog.records if "runs in" in one.message]) == 3
    choice.command = ["true"]
    anew = words(choice.runtime_for(bundle, 2).measured)
    assert "fails (exit code 0)" in anew, "another setting begins again"


def test_what_was_measured_before_a_crash_counts(bundle: Bundle, choice: MeasuredChoice) -> None:
    row = '{"name": "litert", "ms": 1.5}'
    choice.command = [sys.executable, "-c", f"print('{row}', flush=True); import os; os.abort()"]
    chosen = choice.runtime_for(bundle, 1)
    assert chosen.name == "litert"
    assert words(chosen.measured).startswith(
        "litert 1.5 ms (ratio 1.00); tflite_runtime is refused"
    )


def test_a_file_that_is_damaged_is_written_anew(
    bundle: Bundle, choice: MeasuredChoice, caplog: pytest.LogCaptureFixture
) -> None:
    choice.path.write_text('{"choices": 3}')
    choice.command = ["false"]
    assert choice.runtime_for(bundle, 1).name == "auto"
    assert "is written anew" in caplog.text
    assert len(json.loads(choice.path.read_text())["choices"]) == 1


def test_a_folder_that_is_not_there_is_not_made(tmp_path: Path, bundle: Bundle) -> None:
    path = tmp_path / "state" / "runtimes.json"
    looked = MeasuredChoice(path, drivers=[litert.DRIVER, ABSENT], command=["false"])
    assert looked.runtime_for(bundle, 1).name == "auto"
    assert not path.parent.exists()


def test_a_bundle_for_an_accelerator_is_left_to_it(bundle: Bundle, choice: MeasuredChoice) -> None:
    choice.drivers = [*choice.drivers, edgetpu.DRIVER]
    choice.command = ["false"]
    both = replace(bundle, files={**bundle.files, edgetpu.MODEL_FILE: b"compiled"})
    assert choice.runtime_for(both, 1).name == "auto"
    assert not choice.path.exists()


def test_a_runtime_that_is_asked_for_by_name_is_obeyed(
    bundle: Bundle, choice: MeasuredChoice
) -> None:
    choice.command = ["false"]
    loaded = load_fastest(bundle, choice, runtime="litert", threads=1, trials=Trials())
    assert loaded.runtime.name == "litert"
    assert loaded.measured == ()
    assert not choice.path.exists()


def test_a_remembered_runtime_that_fails_gives_way_and_is_measured_again(
    bundle: Bundle, choice: MeasuredChoice, caplog: pytest.LogCaptureFixture
) -> None:
    choice.runtime_for(bundle, 1)
    table = json.loads(choice.path.read_text())
    table["choices"][0]["chosen"] = "tflite_runtime"
    choice.path.write_text(json.dumps(table))
    loaded = load_fastest(bundle, choice, runtime="auto", threads=1, trials=Trials())
    assert loaded.runtime.name == "litert"
    assert loaded.parity is not None
    assert "does not run in tflite_runtime any more: " in caplog.text
    assert json.loads(choice.path.read_text())["choices"] == []


@pytest.mark.skipif(find_spec("openvino") is None, reason="openvino is absent")
def test_what_is_installed_is_measured_and_one_that_agrees_is_loaded(
    tmp_path: Path, bundle: Bundle
) -> None:
    installed = MeasuredChoice(tmp_path / "runtimes.json", 120)
    loaded = load_fastest(bundle, installed, runtime="auto", threads=1, trials=Trials())
    assert loaded.parity is not None
    (kept,) = json.loads(installed.path.read_text())["choices"]
    rows = {row["name"]: row for row in kept["rows"]}
    assert {"litert", "openvino", "openvino_float"} <= set(rows)
    assert (loaded.runtime.name, rows[kept["chosen"]]["refused"]) == (kept["chosen"], "")
