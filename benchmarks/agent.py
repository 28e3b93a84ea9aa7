"""Speed and size of the agent: start, grab-to-verdict against the bare invoke, memory.

    python -m benchmarks.agent [DATA_DIR] [--quick]

A MobileNetV2-0.35 at 224 px judges 1280x960 frames of a folder camera at 20 a second, one thread,
verdicts over MQTT. Weights are random: speed does not depend on them. DATA_DIR is not needed.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import psutil

from benchmarks.as_service import write_byte_code
from benchmarks.brokers import EmbeddedBroker, Mosquitto, find_mosquitto
from benchmarks.rows import Row, print_rows, say
from benchmarks.sized import write_sized_run
from benchmarks.subscriber import Subscriber
from benchmarks.workshop import Workshop
from edge_agent.contracts.model.bundle import read_bundle
from edge_agent.simulator.scene import render

RATE_HZ = 20
FRAME_PX = (1280, 960)
OVER_INVOKE_MS = 1.0
"""Grab to verdict may take so much more than the network."""

STATION = """\
[station]
id = "bench"
state_dir = "state-{turn}"
[mqtt]
host = "127.0.0.1"
port = {port}
protocol = "{protocol}"
[trust]
root = "station"
[[channel]]
name = "camera"
kind = "image"
bundle = "station/bundles/sized"
[channel.source]
driver = "folder"
path = "frames"
rate_hz = {rate_hz}
"""


def main() -> int:
    """Print the rows."""
    options = _options()
    with tempfile.TemporaryDirectory(prefix="lineside-bench-") as folder:
        root = Path(folder)
        frames, turns = (40, 1) if options.quick else (300, 3)
        bundle = _prepare(root, frames)
        invoke = _paced(_invoker(bundle), frames)
        broker = Mosquitto(root / "broker") if find_mosquitto() else EmbeddedBroker()
        protocol = "5" if isinstance(broker, Mosquitto) else "3.1.1"
        runs = []
        with broker:
            for turn in range(turns):
                say(f"run {turn + 1} of {turns}: {frames} frames at {RATE_HZ} a second")
                station = root / f"station-{turn}.toml"
                station.write_text(
                    STATION.format(turn=turn, port=broker.port, protocol=protocol, rate_hz=RATE_HZ)
                )
                runs.append(_run(station, broker.port, frames, v5=protocol == "5"))
        invoke += _paced(_invoker(bundle), frames)
    print_rows(_rows(invoke, runs))
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", nargs="?", type=Path, help="not used")
    parser.add_argument("--quick", action="store_true", help="40 frames, one run")
    return parser.parse_args()


def _prepare(root: Path, frames: int) -> Path:
    write_byte_code()
    say("building a MobileNetV2-0.35-224 bundle")
    workshop = Workshop(root)
    write_sized_run(root / "runs" / "sized")
    bundle = workshop.bundle(root / "runs" / "sized", "--allow", "accuracy", "--allow", "escapes")
    workshop.deliver(bundle)
    (root / "frames").mkdir()
    say(f"drawing {frames} frames of {FRAME_PX[0]}x{FRAME_PX[1]}")
    for k in range(frames):
        frame = cv2.cvtColor(render(5, k, *FRAME_PX), cv2.COLOR_RGB2BGR)
        cv2.imwrite(str(root / "frames" / f"{k:04}.jpg"), frame)
    return bundle


def _invoker(bundle: Path) -> Callable[[], object]:
    """The bare runtime: a tensor that is already there, one thread."""
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(model_content=read_bundle(bundle).model, num_threads=1)
    interpreter.allocate_tensors()
    detail = interpreter.get_input_details()[0]
    interpreter.set_tensor(detail["index"], np.zeros(detail["shape"], detail["dtype"]))
    invoke: Callable[[], object] = interpreter.invoke
    return invoke


def _paced(invoke: Callable[[], object], count: int) -> list[float]:
    """Milliseconds of each call, at the line's pace: a processor that rests wakes up slower."""
    times_ms = []
    for _ in range(count):
        began = time.perf_counter()
        invoke()
        times_ms.append((time.perf_counter() - began) * 1e3)
        time.sleep(1 / RATE_HZ / 2)
    return times_ms


def _run(station: Path, port: int, frames: int, v5: bool) -> dict[str, object]:
    with Subscriber(port, "bench", v5=v5) as subscriber:
        began = time.monotonic()
        command = [sys.executable, "-m", "edge_agent", "run", str(station), "--quiet"]
        with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as agent:
            subscriber.wait_until_armed(30, agent)
            start_s = time.monotonic() - began
            rss_mb = _peak_rss_mb(agent)
            said = agent.stderr.read() if agent.stderr else ""
        if agent.returncode:
            raise SystemExit(f"lineside-agent ended with {agent.returncode}: {said}")
        subscriber.wait_for(frames, 5)
        judged = [m for m in subscriber.snapshot() if m["verdict"] != "NO-VERDICT"]
        latency = [message["latency_ms"] for message in judged]
        return {"start_s": start_s, "rss_mb": rss_mb, "latency_ms": latency}


def _peak_rss_mb(agent: subprocess.Popen[str]) -> float:
    peak = 0
    process = psutil.Process(agent.pid)
    while agent.poll() is None:
        try:
            peak = max(peak, process.memory_info().rss)
        except psutil.NoSuchProcess:
            break
        time.sleep(0.1)
    return peak / 1e6


def _rows(invoke_ms: list[float], runs: list[dict[str, object]]) -> list[Row]:
    latency = sorted(ms for run in runs for ms in run["latency_ms"])  # type: ignore[attr-defined]
    if not latency:
        raise SystemExit("the agent judged no frame")
    bare = statistics.median(invoke_ms)
    p50 = statistics.median(latency)
    p95 = latency[int(0.95 * (len(latency) - 1))]
    start_s = statistics.median(float(run["start_s"]) for run in runs)  # type: ignore[arg-type]
    rss_mb = max(float(run["rss_mb"]) for run in runs)  # type: ignore[arg-type]
    n = len(latency)
    return [
        Row("invoke_p50_ms", round(bare, 3), "lower", "ms", len(invoke_ms)),
        Row(
            "verdict_p50_ms", round(p50, 3), "lower", "ms", n, reach=round(bare + OVER_INVOKE_MS, 3)
        ),
        Row("verdict_p95_ms", round(p95, 3), "lower", "ms", n),
        Row("verdict_over_invoke_ms", round(p50 - bare, 3), "lower", "ms", n, reach=OVER_INVOKE_MS),
        Row("start_s", round(start_s, 3), "lower", "s", len(runs), reach=2.0),
        Row("rss_mb", round(rss_mb, 1), "lower", "MB", len(runs), reach=200.0),
    ]


if __name__ == "__main__":
    raise SystemExit(main())
