"""A whole plant that dies again and again: agent, broker, collector and database, at random.

The truth is what the line acted on, counted by another process; it must be in the table once, or in
the accounts as lost.
"""

from __future__ import annotations

import random
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Self

from benchmarks.brokers import Mosquitto
from benchmarks.durability_history import start_collector
from benchmarks.durability_line import LIMIT_S, Size, wait_for
from benchmarks.postgres import Postgres, find_postgres
from benchmarks.rows import Row, say
from deploy.history.places import store_at

SEED = 7
PARTS_BETWEEN = (20, 400)
"""Parts that are acted on from one kill to the next: the line makes progress on any machine. In a
long run they are more, a KILLS-th of it at most."""
KILLS = 100
AWAY_S = (0.1, 0.8)
"""How long what was killed stays away."""
START_S = 60.0
VICTIMS = ("agent", "broker", "collector", "database")


def plant_run(size: Size) -> list[Row]:
    """Kill until so many parts were acted on; then let everything drain, and compare."""
    if find_postgres() is None:
        say("  PostgreSQL is not installed: apt install postgresql")
        return []
    wanted, dice = (500 if size.quick else size.verdicts), random.Random(SEED)
    longest = max(2 * PARTS_BETWEEN[0], min(PARTS_BETWEEN[1], wanted // 20), wanted // KILLS)
    until = time.monotonic() + size.limit_s
    kills, due = dict.fromkeys(VICTIMS, 0), list[str]()
    with tempfile.TemporaryDirectory() as name, Plant(Path(name)) as plant:
        while plant.acted < wanted and time.monotonic() < until:
            plant.act(min(dice.randint(PARTS_BETWEEN[0], longest), wanted - plant.acted))
            due = due or dice.sample(VICTIMS, len(VICTIMS))
            victim = due.pop()
            plant.kill(victim)
            kills[victim] += 1
            time.sleep(dice.uniform(*AWAY_S))
            plant.start(victim)
            if sum(kills.values()) % 20 == 0:
                say(f"  {plant.acted} parts, {sum(kills.values())} kills")
        drained = plant.drain(LIMIT_S + wanted / 200)
        found = plant.account()
    say(f"  {kills}, drained: {drained}, {found}")
    known = found["verdicts"] + found["lost"]
    n = sum(kills.values())
    return [
        Row("plant: parts acted on", plant.acted, "higher", n=n),
        Row("plant: acted parts in neither table nor accounts", max(0, plant.acted - known),
            "lower", n=n, reach=0),
        Row("plant: verdicts twice in the table", found["verdicts"] - found["different"], "lower",
            n=n, reach=0),
        Row("plant: numbers that no account explains", found["missing"], "lower", n=n, reach=0),
        Row("plant: parts named as lost", found["lost"], "lower", n=n),
        Row("plant: numbers named as lost whose output did not act", max(0, known - plant.acted),
            "lower", n=kills["agent"]),
    ]  # fmt: skip


class Plant:
    """Four processes; acted: parts whose output acted, over all lives of the agent."""

    def __init__(self, folder: Path) -> None:
        self.acted = 0
        self._state = folder / "state"
        self._broker = Mosquitto(folder / "broker")
        self._database = Postgres()
        self._collector: subprocess.Popen[bytes] | None = None
        self._agent: subprocess.Popen[bytes] | None = None
        self._reader: threading.Thread | None = None

    def __enter__(self) -> Self:
        self._broker.start()
        self._database.__enter__()
        self.start("collector")
        self.start("agent")
        return self

    def __exit__(self, *_: object) -> None:
        for process in (self._agent, self._collector):
            if process is not None and process.poll() is None:
                process.kill()
                process.wait()
        self._broker.kill()
        self._database.__exit__()

    def act(self, parts: int) -> None:
        """Wait until so many more parts were acted on, or START_S went by."""
        target = self.acted + parts
        wait_for(lambda: self.acted >= target, START_S)

    def kill(self, victim: str) -> None:
        """SIGKILL; what the agent had told of its acts until then is counted."""
        if victim == "agent" and self._agent is not None and self._reader is not None:
            self._agent.kill()
            self._agent.wait()
            self._reader.join()
        elif victim == "collector" and self._collector is not None:
            self._collector.kill()
            self._collector.wait()
        elif victim == "broker":
            self._broker.kill()
        elif victim == "database":
            self._database.kill()

    def start(self, victim: str) -> None:
        """Start it again, or what ended meanwhile because another one was away."""
        if victim == "broker":
            self._broker.start()
        elif victim == "database":
            self._database.start()
        if self._collector is None or self._collector.poll() is not None:
            self._collector = start_collector(self._broker.port, self._database.address)
        if self._agent is None or self._agent.poll() is not None:
            self._agent = subprocess.Popen(self._words(), stdout=subprocess.PIPE)
            self._reader = threading.Thread(target=self._count, args=(self._agent,))
            self._reader.start()

    def drain(self, limit_s: float) -> bool:
        """End the line, send what waits; whether all of it was confirmed in `limit_s`."""
        self.kill("agent")
        self._agent = subprocess.Popen([*self._words(), "--drain"])
        until = time.monotonic() + limit_s
        while self._agent.poll() is None and time.monotonic() < until:
            if self._collector is not None and self._collector.poll() is not None:
                self._collector = start_collector(self._broker.port, self._database.address)
            time.sleep(0.5)
        return self._agent.poll() == 0

    def account(self) -> dict[str, int]:
        """What the plant's database knows."""
        sql = (
            "SELECT (SELECT count(*) FROM verdict) AS verdicts, "
            "(SELECT count(DISTINCT event_id) FROM verdict) AS different, "
            "(SELECT CAST(coalesce(sum(lost), 0) AS bigint) FROM account) AS lost, "
            "(SELECT CAST(coalesce(sum(missing), 0) AS bigint) FROM account) AS missing"
        )
        with store_at(self._database.address, writes=False) as store:
            store.query("SET statement_timeout = 0")
            (row,) = store.query(sql)
        return {name: int(str(value)) for name, value in row.items()}

    def _words(self) -> list[str]:
        child = [sys.executable, "-m", "benchmarks.durability_child"]
        return [*child, str(self._state), str(self._broker.port), "--level-2"]

    def _count(self, agent: subprocess.Popen[bytes]) -> None:
        """The child writes a line for each part that it acted on; a pipe outlives its writer."""
        if agent.stdout is not None:
            for _ in agent.stdout:
                self.acted += 1
            agent.stdout.close()
