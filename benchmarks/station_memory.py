"""What memory, adapters and page add to a verdict's time: the agent with all of them and with none.

Both agents run the same simulated line by turns, each in a process of its own, and send to the same
broker. While everything is on, the metrics are scraped and the page and its live picture are read.
"""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import tempfile
import threading
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from benchmarks.brokers import EmbeddedBroker, Mosquitto, find_mosquitto, free_port
from benchmarks.rows import Row, say
from tests.station_kit import write_image_bundle

Broker = Mosquitto | EmbeddedBroker

RATE_HZ = 10
READ_EVERY_S = 0.5
FIRST_LEFT_OUT = 20
"""Parts of each run that pay for the start."""
STATION = """
[station]
id = "bench"
state_dir = "{state}"
[trust]
allow_unsigned = true
[mqtt]
host = "127.0.0.1"
port = {broker}
protocol = "{protocol}"
[[channel]]
name = "top"
kind = "image"
bundle = "../brightness.bundle"
[channel.source]
driver = "simulated"
rate_hz = {rate_hz}
parts = {parts}
width_px = 320
height_px = 240
"""
OFF = """
[audit]
enabled = false
[evidence]
enabled = false
"""
ON = """
[evidence]
pass_share = 0.05
[web]
enabled = true
port = {page}
[[adapter]]
driver = "prometheus"
port = {metrics}
[[adapter]]
driver = "home_assistant"
"""


def memory_rows(quick: bool) -> list[Row]:
    """Verdict p99 with evidence, audit, adapters and page on, off, and the difference."""
    parts, turns = (40, 1) if quick else (300, 4)
    on: list[float] = []
    off: list[float] = []
    with tempfile.TemporaryDirectory(prefix="lineside-memory-") as scratch:
        folder = Path(scratch)
        write_image_bundle(folder / "brightness.bundle")
        broker = Mosquitto(folder / "broker") if find_mosquitto() else EmbeddedBroker()
        with broker:
            for turn in range(turns):
                off += _latencies_ms(folder / f"off-{turn}", broker, parts, OFF)
                page, metrics = free_port(), free_port()
                more = ON.format(page=page, metrics=metrics)
                with _read_again_and_again(page, metrics):
                    on += _latencies_ms(folder / f"on-{turn}", broker, parts, more)
    return _rows(on, off)


def _rows(on: list[float], off: list[float]) -> list[Row]:
    rows = []
    for share, reach in ((50, None), (99, 1.0)):
        with_all, without = float(np.percentile(on, share)), float(np.percentile(off, share))
        say(f"memory: verdict p{share} {with_all:.2f} ms with everything on, {without:.2f} off")
        name = f"verdict p{share}, evidence, audit, adapters and page"
        rows += [
            Row(f"{name} on", with_all, "lower", "ms", n=len(on)),
            Row(f"{name} off", without, "lower", "ms", n=len(off)),
            Row(f"{name}, on minus off", with_all - without, "lower", "ms", len(on), reach=reach),
        ]
    return rows


def _latencies_ms(folder: Path, broker: Broker, parts: int, more: str) -> list[float]:
    """Grab to decision of each part, as the agent itself measures it."""
    folder.mkdir()
    path = folder / "station.toml"
    table = STATION.format(
        state=folder / "state",
        broker=broker.port,
        protocol="5" if isinstance(broker, Mosquitto) else "3.1.1",
        parts=parts,
        rate_hz=RATE_HZ,
    )
    path.write_text(table + more)
    command = [sys.executable, "-m", "edge_agent", "run", str(path), "--json", "--no-wait"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=600)
    found = [json.loads(line)["latency_ms"] for line in done.stdout.splitlines()]
    if len(found) != parts:
        raise RuntimeError(f"the agent decided {len(found)} of {parts} parts: {done.stderr[-500:]}")
    return found[FIRST_LEFT_OUT:]


@contextlib.contextmanager
def _read_again_and_again(page: int, metrics: int) -> Iterator[None]:
    """Somebody who looks at the page and its picture, and a Prometheus that scrapes."""
    ended = threading.Event()
    paths = [
        f"http://127.0.0.1:{page}/",
        f"http://127.0.0.1:{page}/api/line",
        f"http://127.0.0.1:{page}/api/picture/top",
        f"http://127.0.0.1:{metrics}/metrics",
    ]

    def read() -> None:
        while not ended.wait(READ_EVERY_S):
            for path in paths:
                with contextlib.suppress(OSError), urllib.request.urlopen(path, timeout=2) as got:
                    got.read()

    reader = threading.Thread(target=read, name="reader", daemon=True)
    reader.start()
    try:
        yield
    finally:
        ended.set()
        reader.join(10)
