"""kill -9 at random moments while a real broker comes and goes: nothing that was kept is lost."""

from __future__ import annotations

import json
import random
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections import Counter, defaultdict
from pathlib import Path

import paho.mqtt.client as paho
import pytest
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from benchmarks.brokers import Mosquitto
from tests.station_kit import (
    mosquitto,
    wait_until,
    write_frames,
    write_image_bundle,
    write_station,
)

AGENT = [sys.executable, "-m", "edge_agent", "run", "--quiet"]


class Auditor:
    """A plant's database: a persistent session, every event counted by its id."""

    def __init__(self, port: int) -> None:
        self.seen: Counter[str] = Counter()
        self.order: defaultdict[str, list[int]] = defaultdict(list)
        self.dropped: Counter[str] = Counter()
        self._client = paho.Client(
            paho.CallbackAPIVersion.VERSION2, client_id="auditor", protocol=paho.MQTTv5
        )
        self._client.reconnect_delay_set(0.1, 0.3)
        self._client.on_connect = self._subscribe
        self._client.on_message = self._count
        properties = Properties(PacketTypes.CONNECT)
        properties.SessionExpiryInterval = 3600
        self._client.connect("127.0.0.1", port, clean_start=False, properties=properties)
        self._client.loop_start()

    def _subscribe(self, client: paho.Client, *_: object) -> None:
        client.subscribe("lineside/test/verdict", qos=1)
        client.subscribe("lineside/test/gap", qos=1)

    def _count(self, client: paho.Client, user: object, message: paho.MQTTMessage) -> None:
        document = json.loads(message.payload)
        event_id = document["event_id"]
        _, epoch, seq = event_id.split("/")
        if document["kind"] == "gap" and event_id not in self.seen:
            self.dropped[epoch] += document["dropped"]
        self.seen[event_id] += 1
        self.order[epoch].append(int(seq))

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()


class Flapping(threading.Thread):
    """Restarts the broker at random until told to leave it running."""

    def __init__(self, broker: Mosquitto, rng: random.Random) -> None:
        super().__init__(daemon=True)
        self.restarts = 0
        self._broker = broker
        self._rng = rng
        self._done = threading.Event()

    def run(self) -> None:
        while not self._done.wait(self._rng.uniform(0.5, 2.0)):
            self._broker.stop()
            time.sleep(self._rng.uniform(0.1, 1.0))
            self._broker.start()
            self.restarts += 1

    def leave_running(self) -> None:
        self._done.set()
        self.join()


def kept(state: Path) -> set[str]:
    """Every event id of every epoch, by the outbox's own books; gap messages name the lost ones."""
    base = sqlite3.connect(state / "outbox.db")
    rows = base.execute("SELECT epoch, next_seq FROM epoch").fetchall()
    base.close()
    return {f"test/{epoch}/{seq}" for epoch, count in rows for seq in range(count)}


def wait_for_epoch(state: Path) -> None:
    """Until the agent that was just started has begun its epoch."""
    note = state / "epoch"
    before = note.read_text() if note.exists() else ""
    until = time.monotonic() + 10
    while time.monotonic() < until and (not note.exists() or note.read_text() == before):
        time.sleep(0.01)


def kill_and_audit(folder: Path, kills: int, seed: int) -> dict[str, int]:
    """Kill the agent `kills` times while the broker flaps; then check every event that was kept."""
    rng = random.Random(seed)
    broker = mosquitto(folder / "broker")
    write_image_bundle(folder / "brightness.bundle")
    write_frames(folder / "frames", 40)
    mqtt = f'host = "127.0.0.1"\nport = {broker.port}\nreconnect_max_s = 0.5'
    source = 'driver = "folder"\npath = "frames"\nat_end = "repeat"\nrate_hz = 300'
    station = write_station(folder, source, mqtt=mqtt)
    with broker:
        auditor = Auditor(broker.port)
        flapping = Flapping(broker, rng)
        flapping.start()
        for _ in range(kills):
            agent = subprocess.Popen([*AGENT, str(station)], stderr=subprocess.DEVNULL)
            if rng.random() < 0.8:
                wait_for_epoch(folder / "state")
            time.sleep(rng.uniform(0.0, 0.7))
            agent.send_signal(signal.SIGKILL)
            agent.wait()
        flapping.leave_running()
        write_station(folder, 'driver = "folder"\npath = "frames"', mqtt=mqtt)
        last = subprocess.run(
            [*AGENT, str(station)], capture_output=True, text=True, check=False, timeout=60
        )
        assert last.returncode == 0, last.stderr
        assert "0 wait" in last.stderr
        events = kept(folder / "state")
        told = auditor.dropped.total
        assert wait_until(lambda: len(events - set(auditor.seen)) <= told(), 20)
        auditor.close()
    missing = Counter(event.split("/")[1] for event in events - set(auditor.seen))
    assert missing == auditor.dropped, "what never came is not what the gap messages count"
    assert set(auditor.seen) <= events, "an event was sent that was never kept"
    for epoch, seqs in auditor.order.items():
        first_seen = list(dict.fromkeys(seqs))
        assert first_seen == sorted(first_seen), f"epoch {epoch} came out of order"
    repeats = sum(auditor.seen.values()) - len(auditor.seen)
    found = {"events": len(events), "repeats": repeats, "restarts": flapping.restarts}
    sys.stderr.write(f"{found}\n")
    return found


def test_ten_kills_lose_nothing(tmp_path: Path) -> None:
    found = kill_and_audit(tmp_path, kills=10, seed=1)
    assert found["events"] > 40
    assert found["restarts"] > 0


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_hundred_kills_lose_nothing(tmp_path: Path) -> None:
    found = kill_and_audit(tmp_path, kills=100, seed=2)
    assert found["events"] > 1000
