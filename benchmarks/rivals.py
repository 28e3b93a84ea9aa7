"""One int8 .tflite on one thread in several runtimes, each in a process of its own.

Run as `python -m benchmarks.rivals NAME MODEL`: prints a run's time in ms, the 5th percentile of
RUNS runs: what the network costs, with the least of what else the machine was doing.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

RUNS = 200
WARM_UP = 20


def time_rival(name: str, model: Path) -> float | None:
    """ms of one run, or None where the rival is not installed or refuses the model."""
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.rivals", name, str(model)],
        capture_output=True,
        text=True,
        check=False,
    )
    return float(done.stdout.split()[-1]) if done.returncode == 0 else None


def lineside(model: Path) -> float:
    """The station's own runtime, as the Inspector calls it."""
    from edge_agent.infer.runtime_choice import open_runtime
    from quantize.bench.worker import made_inputs

    runtime = open_runtime(model.read_bytes())
    tensors = made_inputs(runtime)
    return _fast_ms(lambda: runtime.invoke(tensors))


def litert_benchmark(model: Path) -> float:
    """LiteRT's own benchmark program, which comes with the package."""
    program = Path(sys.executable).with_name("litert-benchmark")
    with tempfile.TemporaryDirectory() as folder:
        result = Path(folder) / "result.json"
        words = [str(program), "--model", str(model), "--num_threads", "1", "--num_runs", str(RUNS)]
        words += ["--warmup_runs", str(WARM_UP), "--result_json", str(result)]
        subprocess.run(words, check=True, capture_output=True)
        return float(json.loads(result.read_text())["latency"]["p5_ms"])


def openvino(model: Path) -> float:
    """OpenVINO's CPU plugin, which reads .tflite itself."""
    import openvino as ov

    core = ov.Core()
    settings = {"INFERENCE_NUM_THREADS": 1, "PERFORMANCE_HINT": "LATENCY"}
    request = core.compile_model(core.read_model(model), "CPU", settings).create_infer_request()
    tensor = _pixels(request.model_inputs[0].shape)
    return _fast_ms(lambda: request.infer([tensor]))


def onnxruntime(model: Path) -> float:
    """ONNX Runtime's CPU provider on the same int8 network, carried over by tf2onnx."""
    import onnxruntime as ort

    carried = model.with_suffix(".onnx")
    if not carried.is_file():
        words = [sys.executable, "-m", "tf2onnx.convert", "--tflite", str(model)]
        words += ["--output", str(carried), "--opset", "13"]
        subprocess.run(words, check=True, capture_output=True)
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    session = ort.InferenceSession(str(carried), options, providers=["CPUExecutionProvider"])
    given = session.get_inputs()[0]
    feed = {given.name: _pixels(given.shape)}
    return _fast_ms(lambda: session.run(None, feed))


def _pixels(shape: Any) -> np.ndarray[Any, np.dtype[np.uint8]]:
    sizes = [int(size) for size in shape]
    return np.random.default_rng(0).integers(0, 256, sizes, np.uint8)


def _fast_ms(run: Callable[[], object]) -> float:
    for _ in range(WARM_UP):
        run()
    times = []
    for _ in range(RUNS):
        started = time.perf_counter_ns()
        run()
        times.append((time.perf_counter_ns() - started) / 1e6)
    return float(np.percentile(times, 5))


RIVALS: dict[str, Callable[[Path], float]] = {
    "lineside": lineside,
    "litert-benchmark": litert_benchmark,
    "openvino": openvino,
    "onnxruntime": onnxruntime,
}

if __name__ == "__main__":
    print(RIVALS[sys.argv[1]](Path(sys.argv[2])))
