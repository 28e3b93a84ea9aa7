"""The child of `bench`: times one model in a fresh process. `python -m quantize.bench.worker JOB`.

JOB is JSON: {"model": path, "threads": n, "runs": n, "runtime": name, "started_ns": wall clock at
the start}.
Prints one JSON object. Imports what a station has: numpy and the runtime.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

import numpy as np

from edge_agent.contracts.core.errors import LinesideError
from edge_agent.contracts.core.isolation import bound_this_process
from edge_agent.contracts.core.types import Tensor
from edge_agent.infer.runtime import DTYPES, Runtime
from edge_agent.infer.runtime_choice import open_runtime

WARM_UP = 10


def main(text: str) -> int:
    """0, or an error's exit code with the reason on stderr."""
    bound_this_process()
    job = json.loads(text)
    try:
        payload = Path(job["model"]).read_bytes()
        runtime = open_runtime(payload, job["runtime"], job["threads"])
    except LinesideError as error:
        sys.stderr.write(f"{error}\n")
        return error.exit_code
    tensors = made_inputs(runtime)
    runtime.invoke(tensors)
    cold_ms = (time.time_ns() - job["started_ns"]) / 1e6
    times_ms = run_times_ms(runtime, tensors, job["runs"])
    p50, p95, p99 = np.percentile(times_ms, [50, 95, 99])
    result = {
        "runtime": f"{runtime.name} {runtime.version}",
        "threads": job["threads"],
        "runs": len(times_ms),
        "p50_ms": float(p50),
        "p95_ms": float(p95),
        "p99_ms": float(p99),
        "cold_start_ms": cold_ms,
        "rss_mb": _peak_rss_mb(),
    }
    sys.stdout.write(json.dumps(result) + "\n")
    return 0


def made_inputs(runtime: Runtime) -> list[Tensor]:
    """Random inputs of the model's own shapes and dtypes."""
    random = np.random.default_rng(0)
    inputs = []
    for spec in runtime.inputs:
        shape, dtype = [max(1, size) for size in spec.shape], DTYPES[spec.dtype]
        if spec.dtype == "float32":
            inputs.append(random.standard_normal(shape).astype(dtype))
        else:
            limits = np.iinfo(spec.dtype)
            inputs.append(random.integers(limits.min, limits.max, shape, dtype, endpoint=True))
    return inputs


def run_times_ms(runtime: Runtime, tensors: list[Tensor], runs: int) -> list[float]:
    """Wall times of `runs` runs after a warm-up."""
    for _ in range(WARM_UP):
        runtime.invoke(tensors)
    times = []
    for _ in range(runs):
        started = time.perf_counter_ns()
        runtime.invoke(tensors)
        times.append((time.perf_counter_ns() - started) / 1e6)
    return times


def _peak_rss_mb() -> float:
    """VmHWM of this program; ru_maxrss would begin at the size of the process that started it."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM"))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
