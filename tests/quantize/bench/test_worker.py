"""The child of bench: inputs that any model takes, warm-up runs that do not count, its answer."""

from __future__ import annotations

import json
import time
from pathlib import Path

import numpy as np
import pytest

from edge_agent.contracts.core.types import Tensor
from edge_agent.contracts.model.manifest import TensorSpec
from quantize.bench import worker

SMALL = Path(__file__).parents[2] / "edge_agent" / "models" / "brightness.tflite"


class CountingRuntime:
    """A runtime that counts its runs and takes longer in the first ones."""

    name, version = "counting", "1"

    def __init__(self, *inputs: TensorSpec) -> None:
        self.inputs, self.outputs = list(inputs), list(inputs)
        self.runs = 0

    def invoke(self, tensors: list[Tensor]) -> list[Tensor]:
        self.runs += 1
        return tensors

    def close(self) -> None:
        """Nothing is held."""


def spec(dtype: str, *shape: int) -> TensorSpec:
    return TensorSpec(shape=list(shape), dtype=dtype, scale=0.0, zero_point=0)


@pytest.mark.parametrize(("dtype", "low", "high"), [("uint8", 0, 255), ("int8", -128, 127)])
def test_made_inputs_use_the_whole_range_of_an_integer(dtype: str, low: int, high: int) -> None:
    (made,) = worker.made_inputs(CountingRuntime(spec(dtype, 1, 64, 64, 1)))
    assert (made.dtype, made.shape) == (np.dtype(dtype), (1, 64, 64, 1))
    assert (made.min(), made.max()) == (low, high)


def test_an_open_side_of_a_shape_becomes_one_and_floats_are_normal() -> None:
    made = worker.made_inputs(CountingRuntime(spec("float32", 0, 5000), spec("int16", 1, 2)))
    assert [one.shape for one in made] == [(1, 5000), (1, 2)]
    assert abs(float(made[0].mean())) < 0.1
    assert float(made[0].std()) == pytest.approx(1, abs=0.1)


def test_warm_up_runs_are_not_counted() -> None:
    runtime = CountingRuntime(spec("uint8", 1, 4))
    times_ms = worker.run_times_ms(runtime, worker.made_inputs(runtime), 7)
    assert len(times_ms) == 7
    assert min(times_ms) >= 0
    assert runtime.runs == worker.WARM_UP + 7


def job(model: Path, runtime: str = "litert") -> str:
    document = {"model": str(model), "threads": 1, "runs": 5, "runtime": runtime}
    return json.dumps({**document, "started_ns": time.time_ns()})


def test_the_answer_holds_ordered_percentiles(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker, "bound_this_process", lambda: None)  # the limits are for a child
    assert worker.main(job(SMALL)) == 0
    answer = json.loads(capsys.readouterr().out)
    assert 0 < answer["p50_ms"] <= answer["p95_ms"] <= answer["p99_ms"]
    assert (answer["runs"], answer["threads"]) == (5, 1)
    assert answer["cold_start_ms"] > 0
    assert answer["rss_mb"] > 1
    assert answer["runtime"].startswith("litert ")


def test_a_model_that_cannot_run_is_named_on_stderr(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker, "bound_this_process", lambda: None)
    path = tmp_path / "model.tflite"
    path.write_bytes(SMALL.read_bytes()[:200])
    assert worker.main(job(path)) != 0
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.strip()
