"""The two CPU runtimes: what each loads and says of a model, and a file that is none."""

from __future__ import annotations

from importlib.util import find_spec

import numpy as np
import pytest

from edge_agent.contracts.core.errors import BundleError
from edge_agent.infer.runtime import RuntimeDriver
from edge_agent.infer.runtimes import litert, tflite_runtime
from tests.station_kit import MODELS

NEEDED = {"litert": "ai_edge_litert", "tflite_runtime": "tflite_runtime"}


@pytest.mark.parametrize("driver", [litert.DRIVER, tflite_runtime.DRIVER], ids=lambda d: d.name)
def test_a_model_is_loaded_or_the_library_is_missing(driver: RuntimeDriver) -> None:
    model = (MODELS / "loudness.tflite").read_bytes()
    if find_spec(NEEDED[driver.name]) is None:
        with pytest.raises(ImportError):
            driver.open(model, 1)
        return
    runtime = driver.open(model, 1)
    (given,) = runtime.inputs
    assert list(given.shape)[-2:] == [64, 1]
    quiet = runtime.invoke([np.zeros((1, 64, 1), given.dtype)])
    assert quiet[0].shape[0] == 1


@pytest.mark.parametrize("junk", [b"", b"no model", bytes(4096)])
def test_what_is_no_model_is_refused(junk: bytes) -> None:
    with pytest.raises(BundleError):
        litert.DRIVER.open(junk, 1)


def test_the_newer_runtime_is_asked_first() -> None:
    assert litert.DRIVER.rank < tflite_runtime.DRIVER.rank
