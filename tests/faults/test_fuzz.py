"""Strangers' files: no traceback, no crash, no hang; LINESIDE_FUZZ says how many cases."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from edge_agent.contracts.core.isolation import NATIVE_LIMIT
from edge_agent.contracts.model.bundle import read_bundle
from tests import station_kit
from tests.faults.fuzz import repacked

REPO = Path(__file__).parents[2]
CHANGES = {"segfault": {1513: 127}, "abort": {985: 1, 1197: 0}, "hang": {794: 253, 1223: 127}}
"""Position and value of the bytes of brightness.tflite that are changed; found by mutation."""
COUNT = int(os.environ.get("LINESIDE_FUZZ", "100000"))


def refused_in_words(count: int) -> None:
    """Every one of `count` mutated files is refused, or works."""
    words = [sys.executable, "-m", "tests.faults.fuzz", "--count", str(count)]
    done = subprocess.run(words, cwd=REPO, capture_output=True, text=True, check=False)
    result = json.loads(done.stdout.splitlines()[-1])
    assert result["faults"] == []
    assert result["cases"] == count


def test_mutated_files_are_refused_in_words() -> None:
    refused_in_words(200)


@pytest.mark.faults
@pytest.mark.timeout(0)
def test_very_many_mutated_files_are_refused_in_words() -> None:
    refused_in_words(COUNT)


@pytest.mark.parametrize("program", [["quantize", "verify"], ["edge_agent", "predict"]])
@pytest.mark.parametrize("name", ["segfault", "abort"])
def test_a_model_that_crashes_the_runtime_is_an_error(
    name: str, program: list[str], tmp_path: Path
) -> None:
    path = tmp_path / "stranger.bundle"
    path.write_bytes(crashing(name, tmp_path))
    frame = [str(station_kit.write_frame(tmp_path / "a.png", 40))] * (program[1] == "predict")
    words = [sys.executable, "-m", *program, str(path), *frame]
    done = subprocess.run(words, cwd=REPO, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    (line,) = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
    assert "stranger.bundle: it crashes the runtime (SIG" in line


@pytest.mark.parametrize("program", [["quantize", "verify"], ["quantize", "bench"]])
def test_a_model_that_never_ends_is_an_error(program: list[str], tmp_path: Path) -> None:
    path = tmp_path / "stranger.bundle"
    path.write_bytes(crashing("hang", tmp_path))
    words = [sys.executable, "-m", *program, str(path)]
    few_seconds = {**os.environ, NATIVE_LIMIT: "1"}
    done = subprocess.run(
        words, cwd=REPO, env=few_seconds, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert "stranger.bundle: it does not come to an end in the runtime" in done.stderr


def crashing(name: str, folder: Path) -> bytes:
    """A bundle whose model takes LiteRT 2 down: one or some bytes of a sound one are changed."""
    bundle = read_bundle(station_kit.write_image_bundle(folder / "sound.bundle"))
    model = bytearray(bundle.model)
    for place, value in CHANGES[name].items():
        model[place] = value
    return repacked(bundle, model__tflite=bytes(model))
