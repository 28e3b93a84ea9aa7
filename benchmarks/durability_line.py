"""What the parts of benchmarks.durability share: a line that sends verdicts, and a bare client."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion

from benchmarks.brokers import Mosquitto
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
VERDICTS = 20_000

Ack = Literal["broker", "application"]


@dataclass(frozen=True)
class Size:
    """How much is measured. verdicts: of the run with the whole plant, which lasts limit_s at
    most.
    """

    quick: bool = False
    verdicts: int = VERDICTS
    limit_s: float = 3600.0


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


def bare_rate(port: int, count: int, client_id: str, window: int = WINDOW) -> tuple[float, float]:
    """Messages a second of a bare paho client with QoS 1, its processor time in us a message."""
    client = paho.Client(CallbackAPIVersion.VERSION2, client_id=client_id, protocol=paho.MQTTv5)
    client.max_inflight_messages_set(window)
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


def outbox_rate(
    port: int, count: int, state: Path, ack: Ack = "broker", window: int = WINDOW
) -> tuple[float, float]:
    """The same of outbox and sender, where each message is also made, committed and deleted.

    ack: `application` waits for the collector's confirmation of each message.
    """
    outbox, sender = open_line(state, port, ack, window)
    wait_for(lambda: not sender.fault or sender.fault == "not connected yet")
    outbox.put(verdict())
    wait_for(lambda: sender.confirmed >= 1)
    time.sleep(1)
    started, cpu_s = time.perf_counter(), time.process_time()
    for _ in range(count):
        outbox.put(verdict())
    wait_for(lambda: sender.confirmed >= count + 1)
    rate = count / (time.perf_counter() - started)
    used_us = (time.process_time() - cpu_s) / count * 1e6
    sender.stop(5)
    outbox.stop()
    return rate, used_us


def open_line(
    state: Path, port: int, ack: Ack = "broker", window: int = WINDOW
) -> tuple[Outbox, Sender]:
    """A started outbox and sender of the station `bench`."""
    outbox = Outbox(
        OutboxStore(state, 64),
        ActedCounter(state),
        station="bench",
        hand_over=100_000,
        clock=SystemClock(),
        on_commit=lambda: sender.wake(),
    )
    table = {"host": "127.0.0.1", "port": port, "window": window, "reconnect_max_s": 0.5}
    table |= {"ack": ack, "ack_timeout_s": 2}
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
