"""Verdicts through outbox and sender to a broker: how fast, against a bare client, and what a kill
costs.

    python -m benchmarks.durability [--only PART] [--quick] [--verdicts N]

Broker, payloads and machine are the same for both sides of each ratio, and both run in the same
minute: a bare paho client publishes with QoS 1 from memory; the outbox makes every message durable
(synchronous=FULL) before it is sent, waits for its PUBACK, and deletes it. `level2` does the same
up to a row in the plant's database; `plant` kills agent, broker, collector and database at random
while N parts are acted on (default 20,000); both, and `rows`, need PostgreSQL. `cluster` kills a
node of three of RabbitMQ 4, and needs root and mmdebstrap.
"""

from __future__ import annotations

import argparse
import json
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Self

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion

from benchmarks.brokers import Mosquitto
from benchmarks.durability_cluster import cluster_run
from benchmarks.durability_history import level2, rows_into_databases
from benchmarks.durability_line import (
    LIMIT_S,
    VERDICTS,
    Size,
    bare_rate,
    listened_broker,
    open_line,
    outbox_rate,
    verdict,
    wait_for,
)
from benchmarks.durability_plant import plant_run
from benchmarks.rows import Row, print_rows, say


def main(words: list[str] | None = None) -> None:
    """Print the rows of the parts that were asked for."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--only", choices=sorted(PARTS), help="one part")
    parser.add_argument("--quick", action="store_true", help="a smoke version, not for figures")
    parser.add_argument(
        "--verdicts", type=int, default=VERDICTS, metavar="N", help="parts of `plant`"
    )
    parser.add_argument(
        "--minutes", type=float, default=60, help="after which `plant` acts on no more parts"
    )
    given = parser.parse_args(words)
    rows: list[Row] = []
    for name, part in PARTS.items():
        if given.only in (None, name):
            say(f"{name} ...")
            rows += part(Size(given.quick, given.verdicts, 60 * given.minutes))
    print_rows(rows)


def throughput(size: Size) -> list[Row]:
    """Messages a second through everything, against the bare client, by turns."""
    count, rounds = (500, 1) if size.quick else (10_000, 5)
    bare, ours, bare_us, ours_us = [], [], [], []
    with tempfile.TemporaryDirectory() as name, listened_broker(Path(name)) as broker:
        for k in range(rounds):
            rate, cpu_us = bare_rate(broker.port, count, f"bare{k}")
            bare.append(rate)
            bare_us.append(cpu_us)
            rate, cpu_us = outbox_rate(broker.port, count, Path(name) / f"state{k}")
            ours.append(rate)
            ours_us.append(cpu_us)
            say(f"  bare {bare[-1]:.0f}/s, outbox and sender {ours[-1]:.0f}/s")
    ratios = [mine / other for mine, other in zip(ours, bare, strict=True)]
    mid = statistics.median
    return [
        Row("bare paho QoS 1", mid(bare), "higher", "1/s", n=rounds),
        Row("outbox and sender, synchronous=FULL", mid(ours), "higher", "1/s", n=rounds),
        Row("outbox and sender against bare", mid(ratios), "higher", n=rounds, reach=0.8),
        Row("processor time of bare paho", mid(bare_us), "lower", "us a message", n=rounds),
        Row("processor time of outbox and sender", mid(ours_us), "lower", "us a message", n=rounds),
    ]


def disk(size: Size) -> list[Row]:
    """Messages a second into the outbox's file, without a broker."""
    count = 500 if size.quick else 20_000
    with tempfile.TemporaryDirectory() as name:
        outbox, sender = open_line(Path(name), 1)
        reader, message, started = outbox.reader(), verdict(), time.perf_counter()
        for _ in range(count):
            outbox.put(message)
        put_s = time.perf_counter() - started
        wait_for(lambda: len(reader.after(count - 1, 1).rows) == 1)
        kept_s = time.perf_counter() - started
        reader.close()
        sender.stop(0)
        outbox.stop()
    return [
        Row("put() returns", count / put_s, "higher", "1/s", n=count),
        Row("messages to disk, group commit", count / kept_s, "higher", "1/s", n=count),
    ]


def kill(size: Size) -> list[Row]:
    """kill -9 while parts are acted on, with the output's own count as truth."""
    kills = 3 if size.quick else 100
    words = [sys.executable, "-m", "benchmarks.durability_child"]
    acted = 0
    with tempfile.TemporaryDirectory() as name, Mosquitto(Path(name) / "broker") as broker:
        state = Path(name) / "state"
        with Plant(broker.port) as plant:
            for k in range(kills):
                words_k = [*words, str(state), str(broker.port)]
                child = subprocess.Popen(words_k, stdout=subprocess.PIPE)
                begun = child.stdout is not None and child.stdout.readline() != b""
                time.sleep(0.007 * (k % 60))
                child.send_signal(signal.SIGKILL)
                acted += begun + child.communicate()[0].count(b"\n")
            last = [*words, str(state), str(broker.port), "--drain"]
            subprocess.run(last, check=True, timeout=LIMIT_S)
            wait_for(lambda: len(plant.verdicts) + plant.dropped >= acted, 10)
        known = len(plant.verdicts) + plant.dropped
    return [
        Row("parts acted on, over all kills", acted, "higher", n=kills),
        Row("parts named in gap messages", plant.dropped, "lower", n=kills),
        Row("acted parts that nobody knows of", max(0, acted - known), "lower", n=kills, reach=0),
        Row("numbers told lost whose output did not act", max(0, known - acted), "lower", n=kills),
    ]


class Plant:
    """A receiver with a session that the broker keeps: every verdict, and what gaps name."""

    def __init__(self, port: int) -> None:
        self.verdicts: set[str] = set()
        self._gaps: dict[str, int] = {}
        self._ready = threading.Event()
        self._client = paho.Client(
            CallbackAPIVersion.VERSION2, client_id="plant", protocol=paho.MQTTv5
        )
        self._client.on_connect = lambda c, *_: c.subscribe("lineside/bench/#", qos=1)
        self._client.on_subscribe = lambda *_: self._ready.set()
        self._client.on_message = self._take
        self._client.connect("127.0.0.1", port)
        self._client.loop_start()
        self._ready.wait(10)

    @property
    def dropped(self) -> int:
        """Messages that gap messages name."""
        return sum(self._gaps.values())

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._client.disconnect()
        self._client.loop_stop()

    def _take(self, _client: object, _user: object, message: paho.MQTTMessage) -> None:
        document = json.loads(message.payload)
        if document["kind"] == "verdict":
            self.verdicts.add(document["event_id"])
        elif document["kind"] == "gap":
            self._gaps[document["event_id"]] = document["dropped"]


PARTS: dict[str, Callable[[Size], list[Row]]] = {
    "throughput": throughput,
    "disk": disk,
    "kill": kill,
    "rows": rows_into_databases,
    "level2": level2,
    "plant": plant_run,
    "cluster": cluster_run,
}


if __name__ == "__main__":
    main()
