"""A whole station at work for an hour: does it see every frame, in time, within its budgets?

Two cameras of 1280x960 at 15 frames a second, a vibration sensor of four axes at 25.6 kHz, ten rows
of process tags a second; evidence, audit log, Prometheus adapter and page are on, and every verdict
goes to a broker. Frames are JPEG files, so that decoding is part of the load. The network is a
MobileNetV2-0.35-224 with random weights, which change no speed, and passes every part.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np
import psutil
from scipy.io import wavfile

from benchmarks.as_service import service_environment, write_byte_code
from benchmarks.brokers import Mosquitto, free_port
from benchmarks.rows import Row, say
from benchmarks.sized import write_sized_run
from benchmarks.stalls import watch_for_stalls
from benchmarks.subscriber import Subscriber
from benchmarks.workshop import Workshop
from edge_agent.simulator import motor
from edge_agent.simulator.scene import render

CAMERAS = ("left", "right")
FRAME_PX = (1280, 960)
CAMERA_HZ = 15.0
SENSOR_HZ = 25_600
ROWS_HZ = 10.0
DRAWN = 12
PICTURES = 240
"""Different frames of a camera, then they begin again: DRAWN parts at several places."""
RECORDING_S = 30
"""A sensor gives windows, and no minute at once as a file does."""
WARM_UP = 0.2
"""Share of the run at its begin that says nothing about growth."""

BUDGETS = {
    "load: start to armed": (2.0, "s"),
    "load: camera frames unseen or undecided": (0.0, ""),
    "load: parts passed unseen": (0.0, ""),
    "load: grab to verdict of a frame, p99": (20.0, "ms"),
    "load: processor, of one core": (60.0, "%"),
    "load: resident memory": (250.0, "MB"),
    "load: growth of memory": (1.0, "MB/h"),
    "load: log lines": (10.0, "1/min"),
    "load: messages beside verdicts": (20.0, "1/min"),
    "load: written to disk": (1000.0, "MB/h"),
}
"""What a station may take: row -> (limit, unit). docs/station.md shows the same table."""

STATION = """\
[station]
id = "load"
[mqtt]
host = "127.0.0.1"
port = {port}
[trust]
root = "station"
[web]
port = {web}
[[adapter]]
driver = "prometheus"
port = 0
{cameras}
[[channel]]
name = "motor"
kind = "vibration"
[channel.source]
driver = "replay"
path = "recordings"
format = "wav"
full_scale_g = 16
axes = ["0", "1", "2", "3"]
window_s = 1
paced = true
[[channel]]
name = "press"
kind = "tabular"
bundle = "power.bundle"
[channel.source]
driver = "rows"
path = "rows.csv"
rate_hz = {rows_hz}
"""
CAMERA = """\
[[channel]]
name = "{name}"
kind = "image"
bundle = "station/bundles/sized"
[channel.source]
driver = "folder"
path = "{name}"
rate_hz = {rate_hz}
at_end = "repeat"
"""


@dataclass
class Watched:
    """What a run showed. samples: (seconds since the start, resident bytes)."""

    start_s: float = 0.0
    took_s: float = 0.0
    cpu_s: float = 0.0
    written: int = 0
    log_lines: int = 0
    longest_stall_ms: float = 0.0
    samples: list[tuple[float, int]] = field(default_factory=list)


def load_rows(quick: bool, seconds: float = 3600.0) -> list[Row]:
    """The rows of an hour, or of other `seconds`; quick: of 20 s."""
    seconds = 20.0 if quick else seconds
    with tempfile.TemporaryDirectory(prefix="lineside-load-") as scratch:
        folder = Path(scratch)
        _prepare(folder, seconds)
        with Mosquitto(folder / "broker") as broker:
            (folder / "station.toml").write_text(_station(broker.port))
            with Subscriber(broker.port, "load") as heard:
                with watch_for_stalls() as stalls:
                    watched = _run(folder, heard, seconds)
                watched.longest_stall_ms = stalls.longest_ms
                heard.wait_for(10**9, 2.0)
            return _rows(watched, heard, seconds)


def _station(port: int) -> str:
    cameras = "".join(CAMERA.format(name=name, rate_hz=CAMERA_HZ) for name in CAMERAS)
    return STATION.format(port=port, web=free_port(), cameras=cameras, rows_hz=ROWS_HZ)


def _prepare(folder: Path, seconds: float) -> None:
    from tests.station_kit import write_process_bundle

    write_byte_code()
    say("building a MobileNetV2-0.35-224 bundle, frames and recordings")
    workshop = Workshop(folder)
    write_sized_run(folder / "runs" / "sized", good_logit=8.0)
    allowed = ("--allow", "accuracy", "--allow", "escapes")
    workshop.deliver(workshop.bundle(folder / "runs" / "sized", *allowed))
    power = write_process_bundle(folder / "power.bundle")
    workshop.call("lineside-deploy", "release", power, "--keys", folder / "keys")
    for seed, name in enumerate(CAMERAS):
        (folder / name).mkdir()
        drawn = [render(seed, k, *FRAME_PX)[:, :, ::-1] for k in range(DRAWN)]
        for k in range(PICTURES):
            moved = np.roll(drawn[k % DRAWN], k // DRAWN, axis=1)
            cv2.imwrite(str(folder / name / f"{k:04}.jpg"), moved)
    _record(folder / "recordings", seconds)
    rows = [f"{20 + 5 * np.sin(k / 50):.3f},{1200 + k % 100}" for k in range(_rows_of(seconds))]
    (folder / "rows.csv").write_text("\n".join(["torque [Nm],speed [rpm]", *rows]) + "\n")


def _rows_of(seconds: float) -> int:
    return round(1.2 * seconds * ROWS_HZ) + 600


def _record(folder: Path, seconds: float) -> None:
    """One recording under as many names as the run needs, and more."""
    folder.mkdir()
    run = motor.trial(1, 1, 0.0)
    axis = motor.record(run, RECORDING_S * SENSOR_HZ, SENSOR_HZ)[:, 0]
    axes = np.stack([np.roll(axis, 997 * k) for k in range(4)], axis=1)
    samples = np.clip(axes / 16 * 32767, -32768, 32767).astype(np.int16)
    wavfile.write(folder / "0000.wav", SENSOR_HZ, samples)
    for k in range(1, round(2 * seconds / RECORDING_S) + 4):
        os.link(folder / "0000.wav", folder / f"{k:04}.wav")


def _run(folder: Path, heard: Subscriber, seconds: float) -> Watched:
    watched = Watched()
    with _agent(folder) as agent:
        began = time.monotonic()
        if not heard.wait_until_armed(60, agent):
            raise SystemExit((folder / "log").read_text())
        watched.start_s = time.monotonic() - began
        process = psutil.Process(agent.pid)
        cpu_before, armed = _cpu_s(process), time.monotonic()
        while (now := time.monotonic() - armed) < seconds:
            watched.samples.append((now, process.memory_info().rss))
            time.sleep(min(5.0, seconds / 20))
        watched.took_s = time.monotonic() - armed
        watched.cpu_s = _cpu_s(process) - cpu_before
        watched.written = process.io_counters().write_bytes
        agent.terminate()
        agent.wait(30)
    watched.log_lines = len((folder / "log").read_text().splitlines())
    return watched


@contextmanager
def _agent(folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    command = [sys.executable, "-m", "edge_agent", "run", "station.toml", "--quiet"]
    with (folder / "log").open("wb") as log:
        agent = subprocess.Popen(
            command, cwd=folder, stdout=subprocess.DEVNULL, stderr=log, env=service_environment()
        )
        try:
            yield agent
        finally:
            agent.kill()
            agent.wait()


def _cpu_s(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)


def _rows(watched: Watched, heard: Subscriber, seconds: float) -> list[Row]:
    verdicts = heard.snapshot()
    frames = [m for m in verdicts if m["channels"][0]["channel"] in CAMERAS]
    judged = [m for m in frames if m["channels"][0].get("score") is not None]
    health = heard.latest.get("health", {})
    decided = [m for m in frames if m["verdict"] != "NO-VERDICT"]
    undecided = len(frames) - len(decided) + int(health.get("frames_dropped", 0))
    passed = [m for m in verdicts if m["verdict"] == "PASS"]
    unseen = [m for m in passed if any(one.get("score") is None for one in m["channels"])]
    latency = [m["latency_ms"] for m in judged]
    minutes, hours = watched.took_s / 60, watched.took_s / 3600
    others = sum(count for kind, count in heard.kinds.items() if kind != "verdict")
    say(f"load: {len(frames)} frames of {len(verdicts)} items, {watched.took_s:.0f} s")
    found = {
        "load: start to armed": (watched.start_s, 1),
        "load: camera frames unseen or undecided": (undecided, len(frames)),
        "load: parts passed unseen": (len(unseen), len(passed)),
        "load: grab to verdict of a frame, p99": (float(np.percentile(latency, 99)), len(judged)),
        "load: processor, of one core": (100 * watched.cpu_s / watched.took_s, 1),
        "load: resident memory": (max(rss for _, rss in watched.samples) / 1e6, 1),
        "load: growth of memory": (growth_mb_h(watched.samples), len(watched.samples)),
        "load: log lines": (watched.log_lines / max(1.0, minutes), watched.log_lines),
        "load: messages beside verdicts": (others / max(1.0, minutes), others),
        "load: written to disk": (watched.written / 1e6 / hours, 1),
    }
    rows = [
        Row(name, round(found[name][0], 3), "lower", unit, found[name][1], reach=limit)
        for name, (limit, unit) in BUDGETS.items()
    ]
    asked = round(len(CAMERAS) * CAMERA_HZ * seconds)
    rate = len(frames) / watched.took_s
    return [
        *rows,
        Row("load: camera frames a second", rate, "higher", "1/s", asked, reach=29.5),
        Row("load: longest stall of the computer", watched.longest_stall_ms, "lower", "ms"),
    ]


def growth_mb_h(samples: list[tuple[float, int]]) -> float:
    """Slope of a line through the resident memory after the warm-up; 0 for a short run."""
    last_s = samples[-1][0]
    late = [(at, rss) for at, rss in samples if at >= WARM_UP * last_s]
    if last_s < 600:
        return 0.0
    seconds, sizes = np.array(late, float).T
    return float(np.polyfit(seconds / 3600, sizes / 1e6, 1)[0])
