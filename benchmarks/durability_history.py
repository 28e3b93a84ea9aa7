"""How fast verdicts become rows: into each database, and through a station up to the row."""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.brokers import Mosquitto
from benchmarks.durability_line import Size, bare_rate, listened_broker, outbox_rate, verdict
from benchmarks.postgres import Postgres, find_postgres
from benchmarks.rows import Row, say
from deploy.history.arrivals import Arrival
from deploy.history.collector import BATCH
from deploy.history.inbox import read_arrival
from deploy.history.places import store_at

TOPIC = "lineside/bench/verdict"
WIDE = 1000
"""mqtt.window of both sides where a row is waited for: its way is longer than the broker's."""


def rows_into_databases(size: Size) -> list[Row]:
    """Rows a second of checked messages, in the collector's batches, each committed to disk."""
    count, rounds = (2_000, 1) if size.quick else (20_000, 3)
    payloads = [payload_of(seq) for seq in range(count)]
    started = time.process_time()
    arrivals = [one for text in payloads if (one := read_arrival(TOPIC, text, 1)) is not None]
    check_us = (time.process_time() - started) / count * 1e6
    rates: dict[str, list[float]] = {"SQLite": [], "PostgreSQL": []}
    used_us: dict[str, list[float]] = {"SQLite": [], "PostgreSQL": []}
    with tempfile.TemporaryDirectory() as name, database_server() as server:
        for k in range(rounds):
            places = {"SQLite": str(Path(name) / f"{k}.db")}
            if server is not None:
                places["PostgreSQL"] = server.new_database(f"rows{k}")
            for kind, place in places.items():
                rate, cpu_us = row_rate(place, arrivals, server if kind != "SQLite" else None)
                rates[kind].append(rate)
                used_us[kind].append(cpu_us)
            say(
                "  " + ", ".join(f"{kind} {some[-1]:.0f}/s" for kind, some in rates.items() if some)
            )
    reach, mid = {"SQLite": 10_000, "PostgreSQL": 20_000}, statistics.median
    found = [Row("processor time to check a message", check_us, "lower", "us", n=count)]
    for kind, some in rates.items():
        if some:
            batches = f"rows into {kind}, batches of {BATCH}, each fsynced"
            found += [
                Row(batches, mid(some), "higher", "1/s", n=rounds, reach=reach[kind]),
                Row(f"processor time of a row in {kind}", mid(used_us[kind]), "lower", "us"),
            ]
    return found


def level2(size: Size) -> list[Row]:
    """Messages a second up to a row that the collector has confirmed, against the bare client."""
    count, rounds = (500, 1) if size.quick else (10_000, 3)
    bare, rates = [], []
    with tempfile.TemporaryDirectory() as name, database_server() as server:
        place = server.address if server is not None else str(Path(name) / "history.db")
        for k in range(rounds):
            with listened_broker(Path(name) / f"bare{k}") as broker:
                bare.append(bare_rate(broker.port, count, f"bare{k}", WIDE)[0])
            with Mosquitto(Path(name) / f"ours{k}") as broker, collecting(broker.port, place):
                rates.append(
                    outbox_rate(broker.port, count, Path(name) / f"s{k}", "application", WIDE)[0]
                )
            say(f"  bare {bare[-1]:.0f}/s, to a confirmed row {rates[-1]:.0f}/s")
    ratios = [mine / other for mine, other in zip(rates, bare, strict=True)]
    kind = "PostgreSQL" if find_postgres() else "SQLite"
    mid = statistics.median
    return [
        Row("bare paho QoS 1 beside level 2", mid(bare), "higher", "1/s", n=rounds),
        Row(f"to a confirmed row in {kind}", mid(rates), "higher", "1/s", n=rounds, reach=5_000),
        Row("to a confirmed row against bare", mid(ratios), "higher", n=rounds, reach=0.8),
    ]


def row_rate(place: str, arrivals: list[Arrival], server: Postgres | None) -> tuple[float, float]:
    """Rows a second into an empty history; processor time in us a row, the server's included."""
    with store_at(place) as store:
        store.add(arrivals[:1])
        server_s = 0.0 if server is None else server.cpu_s()
        started, cpu_s = time.perf_counter(), time.process_time()
        for k in range(1, len(arrivals), BATCH):
            store.add(arrivals[k : k + BATCH])
        rate = len(arrivals) / (time.perf_counter() - started)
        used_s = time.process_time() - cpu_s
        used_s += 0.0 if server is None else server.cpu_s() - server_s
    return rate, used_s / len(arrivals) * 1e6


def payload_of(seq: int) -> bytes:
    """A verdict as a station sends it."""
    message = verdict().model_copy(update={"event_id": f"bench/1/{seq}"})
    return message.model_dump_json(exclude_none=True).encode()


@contextmanager
def database_server() -> Iterator[Postgres | None]:
    """A PostgreSQL server; None where it is not installed."""
    if find_postgres() is None:
        say("  PostgreSQL is not installed: apt install postgresql")
        yield None
        return
    with Postgres() as server:
        yield server


@contextmanager
def collecting(port: int, place: str) -> Iterator[subprocess.Popen[bytes]]:
    """A collector in a process of its own."""
    collector = start_collector(port, place)
    try:
        yield collector
    finally:
        collector.terminate()
        collector.wait(20)


def start_collector(port: int, place: str) -> subprocess.Popen[bytes]:
    """`lineside-deploy collect` as an administrator starts it."""
    words = [sys.executable, "-m", "deploy", "collect", "--host", "127.0.0.1", "--port", str(port)]
    return subprocess.Popen([*words, "--db", place], stderr=subprocess.DEVNULL)
