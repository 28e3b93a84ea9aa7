"""OpenVINO's two rows of the table of runtimes, beside LiteRT on the same models."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from importlib.util import find_spec

import numpy as np
import pytest

from edge_agent.contracts.core.errors import BundleError, ConfigError
from edge_agent.infer.runtime import DTYPES, Runtime, RuntimeDriver
from edge_agent.infer.runtime_choice import open_runtime
from edge_agent.infer.runtimes import litert, openvino, openvino_float
from tests.station_kit import MODELS

DRIVERS = (openvino.DRIVER, openvino_float.DRIVER)
INSTALLED = find_spec("openvino") is not None
NEEDS_OPENVINO = pytest.mark.skipif(not INSTALLED, reason="openvino is not installed")


@pytest.fixture(params=DRIVERS, ids=lambda driver: driver.name)
def opened(request: pytest.FixtureRequest) -> Iterator[Runtime]:
    runtime = request.param.open((MODELS / "brightness.tflite").read_bytes(), 1)
    yield runtime
    runtime.close()


@pytest.mark.skipif(INSTALLED, reason="openvino is installed")
@pytest.mark.parametrize("driver", DRIVERS, ids=lambda driver: driver.name)
def test_without_openvino_the_extra_is_named(driver: RuntimeDriver) -> None:
    assert not driver.available()
    model = (MODELS / "brightness.tflite").read_bytes()
    with pytest.raises(ConfigError, match=rf"no {driver.name} is installed: .*\[openvino\]"):
        open_runtime(model, driver.name)


@NEEDS_OPENVINO
@pytest.mark.parametrize("name", ["brightness", "drift", "loudness", "power"])
def test_in_float_its_outputs_are_those_of_litert_to_a_quantum(name: str) -> None:
    model = (MODELS / f"{name}.tflite").read_bytes()
    ours, theirs = openvino_float.load(model, 1), litert.load(model, 1)
    assert (ours.inputs, ours.outputs) == (theirs.inputs, theirs.outputs)
    random = np.random.default_rng(0)
    for _ in range(20):
        given = [
            random.integers(np.iinfo(one.dtype).min, np.iinfo(one.dtype).max, one.shape).astype(
                DTYPES[one.dtype]
            )
            for one in ours.inputs
        ]
        for found, said in zip(ours.invoke(given), theirs.invoke(given), strict=True):
            assert found.dtype == said.dtype
            assert np.abs(found.astype(int) - said.astype(int)).max() <= 1


@NEEDS_OPENVINO
def test_outputs_are_copies(opened: Runtime) -> None:
    dark, light = (np.full(opened.inputs[0].shape, level, np.uint8) for level in (0, 255))
    first = opened.invoke([dark])[0]
    before = first.copy()
    assert (opened.invoke([light])[0] != before).any()
    assert (first == before).all()


@NEEDS_OPENVINO
def test_a_tensor_of_another_shape_or_type_is_refused(opened: Runtime) -> None:
    shape = opened.inputs[0].shape
    for given in (np.zeros((1, 2), np.uint8), np.zeros(shape), np.zeros((1, 1, 1, 1), np.uint8)):
        with pytest.raises(BundleError, match=r"OpenVINO cannot run it \(input 0 is "):
            opened.invoke([given])


@NEEDS_OPENVINO
def test_a_closed_model_says_so_and_closes_twice(opened: Runtime) -> None:
    given = np.zeros(opened.inputs[0].shape, np.uint8)
    opened.close()
    opened.close()
    with pytest.raises(BundleError, match="the model is closed"):
        opened.invoke([given])


@NEEDS_OPENVINO
def test_the_thread_that_calls_may_still_run_on_every_core(opened: Runtime) -> None:
    before = os.sched_getaffinity(0)
    opened.invoke([np.zeros(opened.inputs[0].shape, np.uint8)])
    assert os.sched_getaffinity(0) == before


@NEEDS_OPENVINO
def test_it_calls_nobody() -> None:
    """Its package brings one that sends how it is used; a station loads and runs models only."""
    program = f"""
import pathlib, sys
import numpy as np
calls = []
network = ("socket.connect", "socket.getaddrinfo", "urllib.Request", "subprocess.Popen")
sys.addaudithook(lambda event, _: calls.append(event) if event in network else None)
from edge_agent.infer.runtimes import openvino_float
runtime = openvino_float.load(pathlib.Path({str(MODELS / "brightness.tflite")!r}).read_bytes(), 1)
runtime.invoke([np.zeros(runtime.inputs[0].shape, np.uint8)])
runtime.close()
print(calls)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True)
    assert done.stdout == b"[]\n"


@NEEDS_OPENVINO
@pytest.mark.parametrize("junk", [b"", b"no model", bytes(4096)], ids=["empty", "text", "zeros"])
@pytest.mark.parametrize("driver", DRIVERS, ids=lambda driver: driver.name)
def test_what_is_no_model_is_refused(driver: RuntimeDriver, junk: bytes) -> None:
    with pytest.raises(BundleError, match=r"model\.tflite: "):
        driver.open(junk, 1)
