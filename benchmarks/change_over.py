"""How long a running station takes to change over to another job, asked for as the command does."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path
from secrets import token_hex
from statistics import median

from benchmarks.as_service import hurry
from benchmarks.rows import Row, say
from edge_agent.station.job_watch import JobRequest, read_state, write_request

STATION = """\
[station]
id = "change-over"
[trust]
allow_unsigned = true
[web]
enabled = false
[[recipe]]
job = "first"
[[recipe]]
job = "second"
bundle = { top = "BUNDLE" }
[[channel]]
name = "top"
kind = "image"
bundle = "BUNDLE"
[channel.source]
driver = "simulated"
rate_hz = 10
width_px = 320
height_px = 240
"""
START_S = 60.0
LONGEST_S = 10.0


def change_over_rows(folder: Path, bundle: Path, switches: int) -> list[Row]:
    """The rows of `switches` change-overs to and fro."""
    path = folder / "station.toml"
    path.write_text(STATION.replace("BUNDLE", str(bundle)))
    command = [sys.executable, "-m", "edge_agent", "run", str(path), "--quiet"]
    with subprocess.Popen(command, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL) as agent:
        hurry(agent.pid)
        try:
            _switch_ms(folder / "state", "first", START_S)
            jobs = ["second", "first"] * switches
            times_ms = [_switch_ms(folder / "state", job, LONGEST_S) for job in jobs[:switches]]
        finally:
            agent.kill()
    middle, longest = median(times_ms), max(times_ms)
    say(f"change-over: {middle:.0f} ms, {longest:.0f} ms at most of {switches}")
    return [
        Row("change-over, median", middle, "lower", "ms", switches, reach=500),
        Row("change-over, longest", longest, "lower", "ms", switches, reach=500),
    ]


def _switch_ms(state_dir: Path, job: str, limit_s: float) -> float:
    """Ask for a job and wait until every channel judges by its bundle."""
    asked = JobRequest(job=job, request=token_hex(8))
    began = time.monotonic()
    write_request(state_dir, asked)
    while time.monotonic() - began < limit_s:
        state = read_state(state_dir)
        if state is not None and state.request == asked.request and state.active:
            return (time.monotonic() - began) * 1e3
        time.sleep(0.002)
    raise TimeoutError(f"job {job} is not active after {limit_s:g} s")
