"""One int8 .tflite on one thread in several runtimes, each in a process of its own.

Run as `python -m benchmarks.rivals NAME MODEL [RUNTIME]`: prints the time and the processor time of
a run in ms, each the 5th percentile of RUNS runs: what the network costs, with the least of what
else the machine was doing.
RUNTIME is that of the station, for the rival `lineside`. Every rival but LiteRT's own program is
called from Python, with an input that is copied in and outputs that are copied out.
"""

from __future__ import annotations

import json
import math
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from edge_agent.infer.runtime_names import AUTO

RUNS = 200
WARM_UP = 20


class Spent(NamedTuple):
    """ms of one run by the clock, and of the processor; the latter NaN where nobody tells it."""

    wall_ms: float
    cpu_ms: float


def time_rival(name: str, model: Path, runtime: str = AUTO) -> Spent | None:
    """What one run takes, or None where the rival is not installed or refuses the model."""
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.rivals", name, str(model), runtime],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        return None
    wall_ms, cpu_ms = map(float, done.stdout.split()[-2:])
    return Spent(wall_ms, cpu_ms)


def interleaved(
    model: Path, names: Sequence[str], rounds: int, runtime: str = AUTO
) -> dict[str, Spent]:
    """Best round of each rival that is there, all taken in turn so that other load hits them
    alike.
    """
    best: dict[str, Spent] = {}
    for _ in range(rounds):
        for name in names:
            spent = time_rival(name, model, runtime)
            if spent is not None:
                pairs = zip(spent, best.get(name, spent), strict=True)
                best[name] = Spent(*(min(pair) for pair in pairs))
    return best


def lineside(model: Path, runtime: str) -> Spent:
    """A runtime of the station, as the Inspector calls it."""
    from edge_agent.infer.runtime_choice import open_runtime
    from quantize.bench.worker import made_inputs

    opened = open_runtime(model.read_bytes(), runtime)
    tensors = made_inputs(opened)
    return _fast(lambda: opened.invoke(tensors))


def litert(model: Path, _: str) -> Spent:
    """LiteRT's interpreter."""
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(model_path=str(model), num_threads=1)
    interpreter.allocate_tensors()
    (given,) = interpreter.get_input_details()
    tensor = _made(given["shape"], given["dtype"])
    places = [one["index"] for one in interpreter.get_output_details()]

    def run() -> object:
        interpreter.set_tensor(given["index"], tensor)
        interpreter.invoke()
        return [interpreter.get_tensor(place) for place in places]

    return _fast(run)


def litert_benchmark(model: Path, _: str) -> Spent:
    """LiteRT's own benchmark program, which comes with the package."""
    program = Path(sys.executable).with_name("litert-benchmark")
    with tempfile.TemporaryDirectory() as folder:
        result = Path(folder) / "result.json"
        words = [str(program), "--model", str(model), "--num_threads", "1", "--num_runs", str(RUNS)]
        words += ["--warmup_runs", str(WARM_UP), "--result_json", str(result)]
        subprocess.run(words, check=True, capture_output=True)
        return Spent(float(json.loads(result.read_text())["latency"]["p5_ms"]), math.nan)


def openvino(model: Path, _: str) -> Spent:
    """OpenVINO's CPU plugin, which reads .tflite itself."""
    import openvino as ov

    core = ov.Core()
    settings = {"INFERENCE_NUM_THREADS": 1, "PERFORMANCE_HINT": "LATENCY"}
    request = core.compile_model(core.read_model(model), "CPU", settings).create_infer_request()
    (given,) = request.model_inputs
    tensor = _made(given.shape, given.element_type.to_dtype())
    return _fast(lambda: request.infer([tensor]))


def onnxruntime(model: Path, _: str) -> Spent:
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
    (given,) = session.get_inputs()
    dtype = np.dtype(
        given.type.removeprefix("tensor(").removesuffix(")").replace("float", "float32")
    )
    feed = {given.name: _made(given.shape, dtype)}
    return _fast(lambda: session.run(None, feed))


def _made(shape: Any, dtype: Any) -> np.ndarray[Any, Any]:
    """A random input."""
    sizes = [int(size) for size in shape]
    random = np.random.default_rng(0)
    if np.issubdtype(dtype, np.floating):
        return random.standard_normal(sizes).astype(dtype)
    bounds = np.iinfo(dtype)
    return random.integers(bounds.min, bounds.max, sizes, dtype, endpoint=True)


def _fast(run: Callable[[], object]) -> Spent:
    for _ in range(WARM_UP):
        run()
    times = []
    for _ in range(RUNS):
        started, used = time.perf_counter_ns(), time.process_time_ns()
        run()
        spent = time.process_time_ns() - used
        times.append((time.perf_counter_ns() - started, spent))
    return Spent(*(float(one) / 1e6 for one in np.percentile(times, 5, axis=0)))


RIVALS: dict[str, Callable[[Path, str], Spent]] = {
    "lineside": lineside,
    "litert": litert,
    "litert-benchmark": litert_benchmark,
    "openvino": openvino,
    "onnxruntime": onnxruntime,
}

if __name__ == "__main__":
    name, model, runtime = [*sys.argv[1:], AUTO][:3]
    print(*RIVALS[name](Path(model), runtime))
