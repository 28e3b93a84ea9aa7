"""The simulated belt with a station at it whose agent is killed: what became of each part.

Belt and agent are processes of their own; the belt alone knows which parts are bad and what its
gate did. See benchmarks.station.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.rows import Row, say

STATION = Path(__file__).parents[1] / "docs" / "belt.toml"
"""The station of the handbook; it is at another port here, and judges by another bundle."""

PRIORITY = 1
"""Real-time priority of the agent, where the system allows it: a line does not wait for a computer
that is busy with other things. The belt's own is higher.
"""
GONE_S = 60.0


@dataclass
class BeltRun:
    """What the belt tells of one run, and how often the agent was killed."""

    tally: dict[str, int] = field(default_factory=dict)
    outcomes: list[dict[str, object]] = field(default_factory=list)
    kills: int = 0

    def note(self, outcome: dict[str, object]) -> None:
        """A part has gone; what should not have happened is told at once."""
        self.outcomes.append(outcome)
        if outcome["bad"] and outcome["accepted"]:
            say(f"belt: a bad part went through after {self.kills} kills: {outcome}")
        if not outcome["bad"] and outcome["rejected"] and outcome["followed"]:
            say(f"belt: a good part was lost after {self.kills} kills: {outcome}")


def run_belt(folder: Path, bundle: Path, *, parts: int, kills: int, rate_hz: float = 10) -> BeltRun:
    """Move `parts` parts past a station that is killed `kills` times, evenly spread."""
    port = _free_port()
    station = folder / "station.toml"
    text = STATION.read_text().replace("parts.bundle", str(bundle))
    station.write_text(text.replace('driver = "belt"', f'driver = "belt"\nport = {port}'))
    run = BeltRun()
    kill_at = [parts * turn // (kills + 1) for turn in range(1, kills + 1)]
    with _belt(port, parts, rate_hz) as belt:
        agent = _start_agent(station)
        try:
            for line in belt:
                told = json.loads(line)
                if "k" not in told:
                    run.tally = told
                    break
                run.note(told)
                if told["k"] in kill_at:
                    agent.send_signal(signal.SIGKILL)
                    agent.wait()
                    run.kills += 1
                    agent = _start_agent(station)
        finally:
            agent.kill()
            agent.wait()
    return run


def belt_rows(run: BeltRun) -> list[Row]:
    """The rows of a run."""
    tally = run.tally
    good = tally["good_accepted"] + tally["good_lost"] + tally["good_lost_down"]
    say(f"belt: {run.kills} kills, {tally}")
    return [
        Row("belt bad parts accepted", tally["bad_accepted"], "lower", "", tally["bad"], reach=0),
        Row("belt good parts lost, station up", tally["good_lost"], "lower", "", good, reach=0),
        Row("belt good parts lost, station down", tally["good_lost_down"], "lower", "", good),
        Row("belt kills survived", run.kills, "higher", "", tally["parts"]),
    ]


@contextmanager
def _belt(port: int, parts: int, rate_hz: float) -> Iterator[Iterator[str]]:
    """The lines of a belt of plain parts."""
    words = ["--parts", str(parts), "--rate-hz", str(rate_hz), "--port", str(port)]
    words += ["--look", "plain", "--json"]
    command = [sys.executable, "-m", "edge_agent", "belt", *words]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as belt:
        try:
            _wait_for(port)
            yield iter(belt.stdout or ())
        finally:
            belt.kill()


def _wait_for(port: int) -> None:
    """Wait until somebody listens there; raises TimeoutError."""
    until = time.monotonic() + GONE_S
    while time.monotonic() < until:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise TimeoutError(f"nobody listens at port {port}")


def _start_agent(station: Path) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "edge_agent", "run", str(station), "--quiet"]
    with (station.parent / "agent.log").open("ab") as log:
        agent = subprocess.Popen(command, stderr=log, stdout=log)
    hurry(agent.pid)
    return agent


def hurry(process: int) -> None:
    """Let a process run before all that are not in a hurry, as `chrt -r 1` does."""
    with contextlib.suppress(OSError):
        os.sched_setscheduler(process, os.SCHED_RR, os.sched_param(PRIORITY))


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])
