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


def rows_into_databases(size: Size) -> list[Row]:
    """Rows a second of checked messages, in the collector's batches, each committed to disk."""
    count, rounds = (2_000, 1) if size.quick else (20_000, 3)
    payloads = [payload_of(seq) for seq in range(count)]
    started = time.process_time()
    arrivals = [one for text in payloads if (one := read_arrival(TOPIC, text, 1)) is not None]
    check_us = (time.process_time() - started) / count * 1e6
    rates: dict[str, list[float]] = {"SQLite": [], "PostgreSQL": []}
    with tempfile.TemporaryDirectory() as name, databases(rounds) as addresses:
        for k in range(rounds):
            rates["SQLite"].append(row_rate(str(Path(name) / f"{k}.db"), arrivals))
            rates["PostgreSQL"].append(row_rate(addresses[k], arrivals) if addresses else 0.0)
            say("  " + ", ".join(f"{place} {some[-1]:.0f}/s" for place, some in rates.items()))
    reach = {"SQLite": 10_000, "PostgreSQL": 20_000}
    rows = [
        Row(f"rows into {place}, batches of {BATCH}, each fsynced", statistics.median(some),
            "higher", "1/s", n=rounds, reach=reach[place])
        for place, some in rates.items() if any(some)
    ]  # fmt: skip
    return [*rows, Row("processor time to check a message", check_us, "lower", "us", n=count)]


def level2(size: Size) -> list[Row]:
    """Messages a second up to a row that the collector has confirmed, against the bare client."""
    count, rounds = (500, 1) if size.quick else (10_000, 3)
    bare, rates = [], []
    with tempfile.TemporaryDirectory() as name, databases(1) as addresses:
        place = addresses[0] if addresses else str(Path(name) / "history.db")
        for k in range(rounds):
            with listened_broker(Path(name) / f"bare{k}") as broker:
                bare.append(bare_rate(broker.port, count, f"bare{k}")[0])
            with Mosquitto(Path(name) / f"ours{k}") as broker, collecting(broker.port, place):
                rates.append(
                    outbox_rate(broker.port, count, Path(name) / f"s{k}", "application")[0]
                )
            say(f"  bare {bare[-1]:.0f}/s, to a confirmed row {rates[-1]:.0f}/s")
    ratios = [mine / other for mine, other in zip(rates, bare, strict=True)]
    kind = "PostgreSQL" if addresses else "SQLite"
    mid = statistics.median
    return [
        Row("bare paho QoS 1 beside level 2", mid(bare), "higher", "1/s", n=rounds),
        Row(f"to a confirmed row in {kind}", mid(rates), "higher", "1/s", n=rounds, reach=5_000),
        Row("to a confirmed row against bare", mid(ratios), "higher", n=rounds, reach=0.8),
    ]


def row_rate(place: str, arrivals: list[Arrival]) -> float:
    """Rows a second into an empty history."""
    with store_at(place) as store:
        started = time.perf_counter()
        for k in range(0, len(arrivals), BATCH):
            store.add(arrivals[k : k + BATCH])
        return len(arrivals) / (time.perf_counter() - started)


def payload_of(seq: int) -> bytes:
    """A verdict as a station sends it."""
    message = verdict().model_copy(update={"event_id": f"bench/1/{seq}"})
    return message.model_dump_json(exclude_none=True).encode()


@contextmanager
def databases(count: int) -> Iterator[list[str]]:
    """Addresses of empty databases of a server; none where PostgreSQL is not installed."""
    if find_postgres() is None:
        say("  PostgreSQL is not installed: apt install postgresql")
        yield []
        return
    with Postgres() as server:
        yield [server.new_database(f"bench{k}") for k in range(count)]


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
