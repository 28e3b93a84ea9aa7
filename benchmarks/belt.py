"""The simulated belt with a station at it whose agent is killed: what became of each part.

Belt and agent are processes of their own; the belt alone knows which parts are bad and what its
gate did. See benchmarks.station.
"""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.as_service import hurry, service_environment
from benchmarks.brokers import free_port, wait_for_port
from benchmarks.rows import Row, say
from benchmarks.stalls import Stalls, watch_for_stalls

STATION = Path(__file__).parents[1] / "docs" / "belt.toml"
"""The station of the handbook; it is at another port here, and judges by another bundle."""

HANG_PARTS = 10
"""A hang lasts for so many parts."""


@dataclass
class BeltRun:
    """What the belt tells of one run, and how often the agent was killed."""

    tally: dict[str, int] = field(default_factory=dict)
    outcomes: list[dict[str, object]] = field(default_factory=list)
    kills: int = 0
    lost_at_s: list[float] = field(default_factory=list)
    stalls: Stalls = field(default_factory=Stalls)

    def note(self, outcome: dict[str, object]) -> None:
        """A part has gone; what should not have happened is told at once."""
        self.outcomes.append(outcome)
        if outcome["bad"] and outcome["accepted"]:
            say(f"belt: a bad part went through after {self.kills} kills: {outcome}")
        if not outcome["bad"] and outcome["rejected"] and outcome["followed"]:
            say(f"belt: a good part was lost after {self.kills} kills: {outcome}")
            self.lost_at_s.append(time.monotonic())

    @property
    def lost_in_stalls(self) -> int:
        """Good parts that were lost while this computer itself stood still."""
        return sum(map(self.stalls.explains, self.lost_at_s))


def run_belt(
    folder: Path, bundle: Path, *, parts: int, kills: int = 0, hangs: int = 0, rate_hz: float = 10
) -> BeltRun:
    """Move `parts` parts past a station that is killed, or stopped for HANG_PARTS parts (SIGSTOP),
    so often, evenly spread.
    """
    port = free_port()
    station = folder / "station.toml"
    text = STATION.read_text().replace("parts.bundle", str(bundle))
    station.write_text(text.replace('driver = "belt"', f'driver = "belt"\nport = {port}'))
    run = BeltRun()
    kill_at = _spread(parts, kills)
    hang_at = _spread(parts, hangs)
    go_on_at = [k + HANG_PARTS for k in hang_at]
    with watch_for_stalls() as run.stalls, _belt(port, parts, rate_hz) as belt:
        agent = _start_agent(station)
        try:
            for told in map(json.loads, belt):
                if "k" not in told:
                    run.tally = told
                    break
                run.note(told)
                if told["k"] in hang_at:
                    agent.send_signal(signal.SIGSTOP)
                if told["k"] in go_on_at:
                    agent.send_signal(signal.SIGCONT)
                if told["k"] in kill_at:
                    run.kills += 1
                    _kill(agent)
                    agent = _start_agent(station)
        finally:
            _kill(agent)
    return run


def _spread(parts: int, times: int) -> list[int]:
    return [parts * turn // (times + 1) for turn in range(1, times + 1)]


def _kill(agent: subprocess.Popen[bytes]) -> None:
    agent.kill()
    agent.wait()


def belt_rows(run: BeltRun) -> list[Row]:
    """The rows of a run."""
    tally = run.tally
    good = tally["good_accepted"] + tally["good_lost"] + tally["good_lost_down"]
    say(f"belt: {run.kills} kills, {tally}")
    return [
        Row("belt bad parts accepted", tally["bad_accepted"], "lower", "", tally["bad"], reach=0),
        Row("belt good parts lost, station up", tally["good_lost"], "lower", "", good, reach=0),
        Row(
            "belt good parts lost in a stall of this computer",
            run.lost_in_stalls,
            "lower",
            "",
            good,
        ),
        Row("belt stalls of the computer", len(run.stalls.seen), "lower"),
        Row("belt longest stall of the computer", run.stalls.longest_ms, "lower", "ms"),
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
            wait_for_port(port)
            yield iter(belt.stdout or ())
        finally:
            belt.kill()


def _start_agent(station: Path) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "edge_agent", "run", str(station), "--quiet"]
    with (station.parent / "agent.log").open("ab") as log:
        agent = subprocess.Popen(command, stderr=log, stdout=log, env=service_environment())
    hurry(agent.pid)
    return agent
