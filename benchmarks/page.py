"""What the station's page costs, and how fast it is: memory, CPU, verdicts, first paint, weight.

    python -m benchmarks.page [--quick]

One agent judges 640x480 frames of a folder camera at 10 a second, without the page, with it and
nobody looking, and with three live viewers of picture and events. Verdict latencies are the
station's own, as its history tells them; those with and without viewers alternate in one run.
Kept evidence is not the page's, and its writing comes and goes: it is off here. First paint and
weight are Chromium's own figures. The network's weights do not matter here.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import tempfile
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.client import HTTPException
from pathlib import Path

import numpy as np
import psutil

from benchmarks.agent_page import start_agent, wait_for_page
from benchmarks.brokers import free_port
from benchmarks.rows import Row, print_rows, say
from tests.station_kit import write_frame, write_image_bundle

RATE_HZ = 10
FRAMES = 40
WARM_PARTS, WARM_S = 20, 60.0
FRAME_PX = (640, 480)
VIEWERS = 3
CHROMIUM = Path("/usr/bin/chromium")
STATION = """\
[station]
id = "bench"
state_dir = "{name}"
[trust]
allow_unsigned = true
[line]
deadline_ms = 10000
[evidence]
enabled = false
{web}
[[channel]]
name = "top"
kind = "image"
bundle = "brightness.bundle"
[channel.source]
driver = "folder"
path = "frames"
rate_hz = {rate_hz}
at_end = "repeat"
"""


@dataclass
class Viewers:
    """Reads pictures and events as a browser's tab does; bytes: what has come."""

    port: int
    count: int = VIEWERS
    bytes: int = 0
    _stop: threading.Event = field(default_factory=threading.Event)

    @contextmanager
    def looking(self) -> Iterator[None]:
        """Look while the block runs."""
        self._stop.clear()
        paths = ["/api/live/top", "/api/events"] * self.count
        threads = [threading.Thread(target=self._read, args=[path], daemon=True) for path in paths]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            self._stop.set()
            for thread in threads:
                thread.join(10)

    def _read(self, path: str) -> None:
        address = f"http://127.0.0.1:{self.port}{path}"
        with suppress(OSError, HTTPException), urllib.request.urlopen(address, timeout=5) as stream:
            while not self._stop.is_set():
                self.bytes += len(stream.read1(65536))


@dataclass(frozen=True)
class Cost:
    """Of one phase. cpu: share of one core; rss_mb at its end."""

    rss_mb: float
    cpu: float


def main() -> int:
    """Print the rows."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="seconds instead of minutes")
    quick = bool(parser.parse_args().quick)
    phase_s, turns = (4.0, 1) if quick else (20.0, 3)
    with tempfile.TemporaryDirectory(prefix="lineside-bench-") as scratch:
        folder = Path(scratch)
        write_image_bundle(folder / "brightness.bundle")
        for k in range(FRAMES):
            write_frame(folder / "frames" / f"p{k:03d}.png", 40 if k % 4 else 200, FRAME_PX, seed=k)
        rows = measure(folder, phase_s, turns)
    print_rows(rows)
    return 0


def measure(folder: Path, phase_s: float, turns: int) -> list[Row]:
    """Every row. phase_s: length of a phase; turns: phases with and without viewers."""
    bare = _without_page(folder, phase_s)
    port = free_port()
    web = f"[web]\nenabled = true\nport = {port}\npicture_rate_hz = 5"
    agent = _agent(folder, "page", web)
    try:
        if not wait_for_page(agent, port):
            raise RuntimeError((folder / "page.log").read_text())
        process, viewers = psutil.Process(agent.pid), Viewers(port)
        _wait_for_parts(port)
        alone, watched = [], []
        costs_alone, costs_watched = [], []
        for turn in range(turns):
            costs_alone.append(_phase(process, phase_s))
            alone += latencies_ms(port, int(phase_s * RATE_HZ))
            with viewers.looking():
                costs_watched.append(_phase(process, phase_s))
                watched += latencies_ms(port, int(phase_s * RATE_HZ))
            say(f"turn {turn + 1} of {turns}: {costs_alone[-1]}, watched {costs_watched[-1]}")
        rows = _cost_rows(bare, costs_alone, costs_watched)
        rows += _verdict_rows(alone, watched)
        return rows + browser_rows(f"http://127.0.0.1:{port}/")
    finally:
        agent.terminate()
        agent.wait(30)


def _wait_for_parts(port: int) -> None:
    until = time.monotonic() + WARM_S
    while len(latencies_ms(port, WARM_PARTS)) < WARM_PARTS:
        if time.monotonic() > until:
            raise RuntimeError("the agent judged nothing: see page.log")
        time.sleep(0.5)


def latencies_ms(port: int, most: int) -> list[float]:
    """Of the last parts, as the station decided them."""

    address = f"http://127.0.0.1:{port}/api/history?limit={min(most, 2000)}"
    with urllib.request.urlopen(address, timeout=30) as answer:
        return [float(part["latency_ms"]) for part in json.load(answer)["parts"]]


def browser_rows(address: str) -> list[Row]:
    """First paint and weight of the screen Line in Chromium; none where it is not installed."""
    if not CHROMIUM.exists():
        say("no Chromium: no row of first paint and weight")
        return []
    from playwright.sync_api import sync_playwright

    paints, weight = [], 0
    with sync_playwright() as player:
        browser = player.chromium.launch(
            executable_path=str(CHROMIUM), args=["--no-sandbox", "--disable-gpu"]
        )
        for _ in range(5):
            context = browser.new_context(viewport={"width": 1280, "height": 800})
            tab = context.new_page()
            tab.goto(address, wait_until="commit")
            tab.wait_for_selector("#verdict[data-verdict]:not([data-verdict=''])")
            paints.append(float(tab.evaluate(FIRST_PAINT)))
            weight = int(tab.evaluate(WEIGHT))
            context.close()
        browser.close()
    paint_s = statistics.median(paints) / 1e3
    return [
        Row("first paint, median", paint_s, "lower", " s", n=len(paints), reach=1.0),
        Row("page weight without pictures", weight / 1e3, "lower", " kB", reach=300),
    ]


FIRST_PAINT = """() => performance.getEntriesByName("first-contentful-paint")[0].startTime"""
WEIGHT = """() => [...performance.getEntriesByType("resource"),
  ...performance.getEntriesByType("navigation")]
  .filter((one) => !/api\\/(live|picture|events)/.test(one.name))
  .reduce((sum, one) => sum + one.transferSize, 0)"""


def _without_page(folder: Path, phase_s: float) -> Cost:
    agent = _agent(folder, "bare", "")
    try:
        process = psutil.Process(agent.pid)
        until = time.monotonic() + WARM_S
        while (folder / "bare.log").read_text().count("FAIL") < WARM_PARTS // 2:
            if time.monotonic() > until:
                raise RuntimeError("the agent judged nothing: see bare.log")
            time.sleep(0.5)
        return _phase(process, phase_s)
    finally:
        agent.terminate()
        agent.wait(30)


def _agent(folder: Path, name: str, web: str) -> subprocess.Popen[bytes]:
    station = folder / f"{name}.toml"
    station.write_text(STATION.format(name=name, web=web, rate_hz=RATE_HZ))
    return start_agent(station, folder / f"{name}.log")


def _phase(process: psutil.Process, seconds: float) -> Cost:
    def used_s() -> float:
        times = process.cpu_times()
        return float(times.user + times.system)

    before, began = used_s(), time.monotonic()
    time.sleep(seconds)
    share = (used_s() - before) / (time.monotonic() - began)
    return Cost(process.memory_info().rss / (1 << 20), share)


def _cost_rows(bare: Cost, alone: list[Cost], watched: list[Cost]) -> list[Row]:
    rss_mb = max(cost.rss_mb for cost in watched) - bare.rss_mb
    pairs = zip(alone, watched, strict=True)
    cpu = statistics.median(with_.cpu - without.cpu for without, with_ in pairs)
    idle = statistics.median(cost.cpu for cost in alone) - bare.cpu
    return [
        Row("memory over the agent, three live viewers", rss_mb, "lower", " MB", reach=20),
        Row("CPU over the agent, three live viewers", 100 * (cpu + max(0.0, idle)), "lower",
            " % of a core", n=len(watched), reach=5),
        Row("CPU over the agent, nobody looks", 100 * idle, "lower", " % of a core", reach=5),
    ]  # fmt: skip


def _verdict_rows(alone: list[float], watched: list[float]) -> list[Row]:
    p99 = [float(np.percentile(found, 99)) for found in (alone, watched)]
    say(f"verdict p99: {p99[0]:.2f} ms alone, {p99[1]:.2f} ms with viewers")
    return [
        Row("verdict p99 with viewers over without", p99[1] - p99[0], "lower", " ms",
            n=len(watched), reach=1.0),
        Row("verdict p99 without viewers", p99[0], "lower", " ms", n=len(alone)),
    ]  # fmt: skip


if __name__ == "__main__":
    raise SystemExit(main())
