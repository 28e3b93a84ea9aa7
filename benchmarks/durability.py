"""Verdicts through outbox and sender to a broker: how fast, against a bare client, and what a kill
costs.

    python -m benchmarks.durability [--only throughput|disk|kill] [--quick]

Broker, payloads and machine are the same for both sides of each ratio, and both run in the same
minute: a bare paho client publishes with QoS 1 from memory; the outbox makes every message durable
(synchronous=FULL) before it is sent, waits for its PUBACK, and deletes it.
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
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Self

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion

from benchmarks.brokers import Mosquitto
from benchmarks.rows import Row, print_rows, say
from edge_agent.contracts.core.clock import SystemClock
from edge_agent.contracts.core.types import Verdict
from edge_agent.contracts.wire.kinds.verdict import ChannelVerdict, VerdictMessage
from edge_agent.messaging.acted_counter import ActedCounter
from edge_agent.messaging.config import MqttTable
from edge_agent.messaging.mqtt.sender import Sender
from edge_agent.messaging.outbox import Outbox
from edge_agent.messaging.outbox_store import OutboxStore

WINDOW = 100
LIMIT_S = 120.0


def main(words: list[str] | None = None) -> None:
    """Print the rows of the parts that were asked for."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--only", choices=sorted(PARTS), help="one part")
    parser.add_argument("--quick", action="store_true", help="a smoke version, not for figures")
    given = parser.parse_args(words)
    rows: list[Row] = []
    for name, part in PARTS.items():
        if given.only in (None, name):
            say(f"{name} ...")
            rows += part(given.quick)
    print_rows(rows)


def throughput(quick: bool) -> list[Row]:
    """Messages a second through everything, against the bare client, by turns."""
    count, rounds = (500, 1) if quick else (10_000, 5)
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


def disk(quick: bool) -> list[Row]:
    """Messages a second into the outbox's file, without a broker."""
    count = 500 if quick else 20_000
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


def kill(quick: bool) -> list[Row]:
    """kill -9 while parts are acted on, with the output's own count as truth."""
    kills = 3 if quick else 100
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


@contextmanager
def listened_broker(folder: Path) -> Iterator[Mosquitto]:
    """A mosquitto and a subscriber that is another process."""
    with Mosquitto(folder / "broker") as broker:
        words = ["mosquitto_sub", "-p", str(broker.port), "-t", "#", "-q", "1"]
        listener = subprocess.Popen(words, stdout=subprocess.DEVNULL)
        time.sleep(0.5)
        try:
            yield broker
        finally:
            listener.terminate()
            listener.wait(10)


def bare_rate(port: int, count: int, client_id: str) -> tuple[float, float]:
    """Messages a second of a bare paho client with QoS 1, its processor time in us a message."""
    client = paho.Client(CallbackAPIVersion.VERSION2, client_id=client_id, protocol=paho.MQTTv5)
    client.max_inflight_messages_set(WINDOW)
    answers = [0]

    def count_answer(*_: object) -> None:
        answers[0] += 1

    client.on_publish = count_answer
    client.connect("127.0.0.1", port)
    client.loop_start()
    time.sleep(0.3)
    payload = verdict().model_dump_json(exclude_none=True).encode()
    started, cpu_s = time.perf_counter(), time.process_time()
    for _ in range(count):
        client.publish("lineside/bench/verdict", payload, qos=1)
    wait_for(lambda: answers[0] >= count)
    rate = count / (time.perf_counter() - started)
    used_us = (time.process_time() - cpu_s) / count * 1e6
    client.disconnect()
    client.loop_stop()
    return rate, used_us


def outbox_rate(port: int, count: int, state: Path) -> tuple[float, float]:
    """The same of outbox and sender, where each message is also made, committed and deleted."""
    outbox, sender = open_line(state, port)
    wait_for(lambda: not sender.fault or sender.fault == "not connected yet")
    time.sleep(1)
    started, cpu_s = time.perf_counter(), time.process_time()
    for _ in range(count):
        outbox.put(verdict())
    wait_for(lambda: sender.confirmed >= count)
    rate = count / (time.perf_counter() - started)
    used_us = (time.process_time() - cpu_s) / count * 1e6
    sender.stop(5)
    outbox.stop()
    return rate, used_us


def open_line(state: Path, port: int) -> tuple[Outbox, Sender]:
    """A started outbox and sender of the station `bench`."""
    outbox = Outbox(
        OutboxStore(state, 64),
        ActedCounter(state),
        station="bench",
        hand_over=100_000,
        clock=SystemClock(),
        on_commit=lambda: sender.wake(),
    )
    table = {"host": "127.0.0.1", "port": port, "window": WINDOW, "reconnect_max_s": 0.5}
    sender = Sender(
        MqttTable.model_validate(table),
        station="bench",
        client_id="lineside-bench",
        outbox=outbox,
        clock=SystemClock(),
    )
    outbox.start()
    sender.start()
    return outbox, sender


def verdict() -> VerdictMessage:
    """A verdict of one channel, of 300 bytes."""
    return VerdictMessage(
        station="bench",
        at_ns=time.time_ns(),
        part_id="p",
        verdict=Verdict.NO_VERDICT,
        action="reject",
        latency_ms=1,
        deadline_ms=2,
        channels=[ChannelVerdict(channel="top", bundle="caps 1.0.0", verdict=Verdict.NO_VERDICT)],
    )


def wait_for(holds: Callable[[], object], limit_s: float = LIMIT_S) -> bool:
    """Whether `holds` became true in time."""
    until = time.monotonic() + limit_s
    while not holds():
        if time.monotonic() > until:
            return False
        time.sleep(0.002)
    return True


PARTS: dict[str, Callable[[bool], list[Row]]] = {
    "throughput": throughput,
    "disk": disk,
    "kill": kill,
}


if __name__ == "__main__":
    main()
