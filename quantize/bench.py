"""How fast a model runs: on this machine in fresh processes, or on a station over ssh."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from edge_agent.contracts.errors import BundleError, DeviceError

LIMIT_S = 600


@dataclass(frozen=True)
class Timing:
    """Wall times of one model with so many threads; cold start is process start to first output."""

    runtime: str
    threads: int
    runs: int
    p50_ms: float
    p95_ms: float
    p99_ms: float
    cold_start_ms: float
    rss_mb: float


def time_model(model: bytes, threads: int = 1, runs: int = 200) -> Timing:
    """Time the bytes of a .tflite file in a fresh process; raises BundleError if it cannot run."""
    with tempfile.TemporaryDirectory(prefix="lineside-bench-") as folder:
        path = Path(folder) / "model.tflite"
        path.write_bytes(model)
        job = {"model": str(path), "threads": threads, "runs": runs, "started_ns": time.time_ns()}
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(p for p in sys.path if p)}
        done = subprocess.run(
            [sys.executable, "-m", "quantize.stopwatch", json.dumps(job)],
            capture_output=True,
            text=True,
            env=environment,
            timeout=LIMIT_S,
            check=False,
        )
    if done.returncode != 0:
        last = done.stderr.strip().splitlines()[-1:] or ["no message"]
        raise BundleError(
            f"cannot be timed ({last[0]})",
            where="model.tflite",
            cure="see lineside-quantize inspect",
        )
    return Timing(**json.loads(done.stdout.splitlines()[-1]))


def time_on_station(bundle: Path, host: str, threads: list[int], runs: int) -> list[Timing]:
    """Copy the bundle to user@host, time it there with the station's own program, remove it.

    Raises DeviceError where the station cannot be reached or lacks the program.
    """
    remote = f"/tmp/lineside-bench-{os.getpid()}.bundle"
    _run(["scp", "-q", "-o", "BatchMode=yes", str(bundle), f"{host}:{remote}"], host)
    words = ["lineside-quantize", "bench", remote, "--json", "--runs", str(runs), "--threads"]
    command = shlex.join([*words, *map(str, threads)])
    try:
        said = _run(["ssh", "-o", "BatchMode=yes", host, command], host)
    finally:
        _run(["ssh", "-o", "BatchMode=yes", host, shlex.join(["rm", "-f", remote])], host)
    return [Timing(**one) for one in json.loads(said.splitlines()[-1])["timings"]]


def _run(command: list[str], host: str) -> str:
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=LIMIT_S, check=False)
    except FileNotFoundError as error:
        raise DeviceError(
            f"{command[0]} is not installed", where=host, cure="apt install openssh-client"
        ) from error
    if done.returncode != 0:
        last = (done.stderr or done.stdout).strip().splitlines()[-1:] or ["no message"]
        raise DeviceError(
            f"{command[0]} fails ({last[0]})",
            where=host,
            cure="check the address and the key, and that Lineside is installed there",
        )
    return done.stdout
