from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from edge_agent.contracts.core.errors import BundleError, ConfigError
from edge_agent.infer.runtime_choice import open_runtime

MODEL = (Path(__file__).parents[1] / "models" / "brightness.tflite").read_bytes()


def test_auto_opens_litert_and_reports_its_tensors() -> None:
    runtime = open_runtime(MODEL)
    assert runtime.name == "litert"
    assert runtime.inputs[0].shape[0] == 1
    assert len(runtime.outputs) >= 1
    runtime.close()


def test_a_closed_model_says_so_and_closes_twice() -> None:
    runtime = open_runtime(MODEL)
    given = runtime.inputs[0]
    runtime.close()
    runtime.close()
    with pytest.raises(BundleError, match="closed"):
        runtime.invoke([np.zeros(given.shape, given.dtype)])


@pytest.mark.parametrize(
    "broken",
    [b"", b"not a model at all", MODEL[: len(MODEL) // 2], MODEL[:8] + b"\xff" * 64],
    ids=["empty", "text", "truncated", "overwritten"],
)
def test_what_is_no_flatbuffer_is_refused(broken: bytes) -> None:
    with pytest.raises(BundleError, match=r"model\.tflite: the runtime refuses it"):
        open_runtime(broken)


def test_an_unknown_runtime_names_the_known_ones() -> None:
    with pytest.raises(
        ConfigError, match=r"unknown runtime .*choose auto, edgetpu, litert, openvino, "
    ):
        open_runtime(MODEL, prefer="onnx")


def test_no_threads_is_no_fault_of_the_model() -> None:
    with pytest.raises(ConfigError, match="0 threads: give 1 or more"):
        open_runtime(MODEL, threads=0)


@pytest.mark.skipif(find_spec("tflite_runtime") is not None, reason="tflite-runtime is installed")
def test_missing_older_runtime_names_its_own_extra() -> None:
    with pytest.raises(ConfigError, match=r"no tflite_runtime is installed: .*extra \[tflite\]"):
        open_runtime(MODEL, prefer="tflite_runtime")


def changed(model: bytes, at: int, value: int) -> bytes:
    return model[:at] + bytes([value]) + model[at + 1 :]


def test_a_tensor_whose_name_is_no_text_is_refused() -> None:
    with pytest.raises(BundleError, match=r"model\.tflite: the runtime refuses it \('utf-8'"):
        open_runtime(changed(MODEL, 2145, 0xFF))


def test_a_model_that_loads_and_cannot_be_run_is_an_error_of_the_bundle() -> None:
    power = (Path(__file__).parents[1] / "models" / "power.tflite").read_bytes()
    runtime = open_runtime(changed(power, 480, 0))
    given = runtime.inputs[0]
    with pytest.raises(BundleError, match=r"the runtime cannot run it \(Input tensor 1 lacks data"):
        runtime.invoke([np.zeros(given.shape, given.dtype)])


def test_a_tensor_of_another_shape_is_an_error() -> None:
    runtime = open_runtime(MODEL)
    with pytest.raises(BundleError, match="the runtime cannot run it"):
        runtime.invoke([np.zeros((1, 2), np.uint8)])
