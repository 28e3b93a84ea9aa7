"""The sender against a real broker."""

from __future__ import annotations

import gc
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import paho.mqtt.client as paho
import pytest

from benchmarks.brokers import EmbeddedBroker, Mosquitto, find_mosquitto, free_port, wait_for_port
from benchmarks.subscriber import Subscriber
from edge_agent.contracts.core.clock import SystemClock
from edge_agent.contracts.wire.kinds.ack import AckMessage
from edge_agent.contracts.wire.kinds.state import StateMessage
from edge_agent.messaging.acted_counter import ActedCounter
from edge_agent.messaging.config import MqttTable
from edge_agent.messaging.mqtt.sender import Sender
from edge_agent.messaging.outbox import Outbox
from edge_agent.messaging.outbox_store import OutboxStore
from tests.station_kit import (
    mosquitto,
    verdict,
    wait_until,
    write_frames,
    write_image_bundle,
    write_station,
)


class Line:
    """An outbox and its sender."""

    def __init__(self, folder: Path, port: int, **keys: object) -> None:
        table = {"host": "127.0.0.1", "port": port, "reconnect_max_s": 0.2, **keys}
        self.outbox = Outbox(
            OutboxStore(folder / "state", 64),
            ActedCounter(folder / "state"),
            station="demo",
            hand_over=16384,
            clock=SystemClock(),
            on_commit=lambda: self.sender.wake(),
            probe_s=0.1,
        )
        self.sender = Sender(
            MqttTable.model_validate(table),
            station="demo",
            client_id="lineside-demo",
            outbox=self.outbox,
            clock=SystemClock(),
        )
        self.outbox.start()
        self.sender.start()

    def put(self, count: int) -> list[str]:
        return [self.outbox.put(verdict()) for _ in range(count)]

    def end(self, drain_s: float = 5) -> None:
        self.sender.stop(drain_s)
        self.outbox.stop()


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Mosquitto]:
    with mosquitto(tmp_path / "broker") as running:
        yield running


@pytest.fixture
def guarded(tmp_path: Path) -> Iterator[int]:
    """A broker that knows only the user `station`, who may publish below lineside/demo/state."""
    program = find_mosquitto()
    if program is None:
        pytest.skip("mosquitto is not installed (apt install mosquitto)")
    port = free_port()
    passwords, rights = tmp_path / "passwords", tmp_path / "rights"
    passwords.write_text("station:right\n")
    subprocess.run(["mosquitto_passwd", "-U", str(passwords)], check=True)
    rights.write_text("user station\ntopic write lineside/demo/state\n")
    conf = tmp_path / "guarded.conf"
    conf.write_text(
        f"listener {port} 127.0.0.1\npassword_file {passwords}\nacl_file {rights}\nuser root\n"
        "log_dest none\n"
    )
    process = subprocess.Popen([program, "-c", str(conf)], stderr=subprocess.DEVNULL)
    wait_for_port(port)
    yield port
    process.terminate()
    process.wait(10)


def test_everything_arrives_once_and_in_order(tmp_path: Path, broker: Mosquitto) -> None:
    with Subscriber(broker.port, "demo") as plant:
        line = Line(tmp_path, broker.port)
        ids = line.put(1)
        # What lies there when the connection begins is a backlog, which what is new overtakes.
        assert plant.wait_for(1, 20) == 1
        ids += line.put(2999)
        assert plant.wait_for(3000, 20) == 3000
        line.end()
        assert list(plant.verdicts) == ids
        assert plant.duplicates == 0
    assert line.outbox.waiting == 0
    assert line.sender.confirmed == 3000


def test_what_was_made_while_the_broker_was_away_arrives_when_it_is_back(
    tmp_path: Path, broker: Mosquitto, caplog: pytest.LogCaptureFixture
) -> None:
    line = Line(tmp_path, broker.port)
    with Subscriber(broker.port, "demo"):
        first = line.put(50)
        assert wait_until(lambda: line.outbox.waiting == 0)
    broker.stop()
    second = line.put(200)
    time.sleep(0.4)
    assert line.outbox.waiting == 200
    broker.start()
    with Subscriber(broker.port, "demo") as plant:
        assert plant.wait_for(200, 10) == 200
        # One that came before somebody subscribed was refused, and comes again after the others.
        assert sorted(plant.verdicts) == sorted(second)
    line.end()
    assert first
    said = [record.message for record in caplog.records if "nothing is sent" in record.message]
    assert len(said) == 1, "one line when it breaks"


def test_drained_end_leaves_nothing_and_says_offline(tmp_path: Path, broker: Mosquitto) -> None:
    with Subscriber(broker.port, "demo") as plant:
        line = Line(tmp_path, broker.port)
        line.sender.publish(StateMessage(station="demo", state="armed", at_ns=1))
        line.put(500)
        assert wait_until(lambda: len(plant.states) == 1)
        line.sender.publish(
            StateMessage(station="demo", state="stopping", reason="asked to", at_ns=2)
        )
        line.end()
        assert line.outbox.waiting == 0
        assert plant.wait_for(500, 5) == 500
        assert wait_until(lambda: len(plant.states) == 3)
        assert [state["state"] for state in plant.states] == ["armed", "stopping", "offline"]
        assert plant.states[2]["reason"] == "stopped: asked to"


def test_killed_station_is_offline_by_its_last_will(tmp_path: Path, broker: Mosquitto) -> None:
    write_image_bundle(tmp_path / "brightness.bundle")
    write_frames(tmp_path / "frames", 2)
    station = write_station(
        tmp_path,
        'driver = "folder"\npath = "frames"\nat_end = "wait"',
        mqtt=f'host = "127.0.0.1"\nport = {broker.port}',
    )
    with Subscriber(broker.port, "test") as plant:
        words = [sys.executable, "-m", "edge_agent", "run", str(station)]
        agent = subprocess.Popen(words, stderr=subprocess.DEVNULL)
        assert wait_until(lambda: plant.states)
        agent.send_signal(signal.SIGKILL)
        agent.wait()
        assert wait_until(lambda: len(plant.states) == 2)
        assert [state["state"] for state in plant.states] == ["armed", "offline"]
    with Subscriber(broker.port, "test") as later:
        assert wait_until(lambda: later.states)
        assert later.states[0]["state"] == "offline", "the last will is not retained"


@pytest.mark.parametrize("given", ["wrong password", "no user"])
def test_refused_station_says_why_and_keeps_everything(
    tmp_path: Path, guarded: int, given: str, caplog: pytest.LogCaptureFixture
) -> None:
    secret = tmp_path / "secret"
    secret.write_text("wrong\n")
    keys = {} if given == "no user" else {"username": "station", "password_file": secret}
    line = Line(tmp_path, guarded, **keys)
    line.put(5)
    assert wait_until(lambda: "refuses us" in line.sender.fault)
    assert f"broker 127.0.0.1:{guarded}: refuses us (Not authorized)" in line.sender.fault
    assert "check username and password_file" in line.sender.fault
    line.end(0)
    assert line.outbox.waiting == 5
    said = [record.message for record in caplog.records if "refuses us" in record.message]
    assert len(said) == 1
    assert "wrong" not in caplog.text


def test_message_that_the_broker_refuses_stays_on_disk(tmp_path: Path, guarded: int) -> None:
    """MQTT 5: a PUBACK with Not authorized is no confirmation."""
    secret = tmp_path / "secret"
    secret.write_text("right\n")
    line = Line(tmp_path, guarded, username="station", password_file=secret)
    line.put(3)
    assert wait_until(lambda: "not authorized" in " ".join(line.sender.faults).lower())
    line.end(0)
    assert line.outbox.waiting == 3
    assert line.sender.confirmed == 0


def test_absent_broker_is_named_with_the_cure(tmp_path: Path) -> None:
    port = free_port()
    line = Line(tmp_path, port)
    assert wait_until(lambda: "cannot be reached" in line.sender.fault)
    assert f"broker 127.0.0.1:{port}" in line.sender.fault
    assert "correct mqtt.host, mqtt.port" in line.sender.fault
    line.end(0)


@pytest.mark.parametrize("host", ["a" * 64 + ".example", "a..b"], ids=["label", "dots"])
def test_a_name_that_no_host_can_have_is_an_absent_broker(tmp_path: Path, host: str) -> None:
    line = Line(tmp_path, 1883, host=host)
    assert wait_until(lambda: "cannot be reached" in line.sender.fault)
    assert f"broker {host}:1883" in line.sender.fault
    line.end(0)


def test_receiver_confirms_where_the_broker_is_not_trusted(
    tmp_path: Path, broker: Mosquitto
) -> None:
    with Subscriber(broker.port, "demo") as plant:
        line = Line(tmp_path, broker.port, ack="application", ack_timeout_s=0.3)
        ids = line.put(20)
        assert plant.wait_for(20, 10) == 20
        assert line.outbox.waiting == 20, "a PUBACK was taken for the receiver's word"
        assert wait_until(lambda: plant.duplicates >= 1), "unconfirmed messages are not repeated"
        confirm(broker.port, AckMessage(event_ids=ids[:15]))
        assert wait_until(lambda: line.outbox.waiting == 5)
        confirm(broker.port, AckMessage(event_ids=["other/1/2"]))
        confirm(broker.port, AckMessage(event_ids=ids[15:]))
        assert wait_until(lambda: line.outbox.waiting == 0)
        line.end(0)


def confirm(port: int, message: AckMessage) -> None:
    client = paho.Client(paho.CallbackAPIVersion.VERSION2, protocol=paho.MQTTv5)
    client.connect("127.0.0.1", port)
    client.loop_start()
    client.publish("lineside/demo/ack", message.model_dump_json(), qos=1).wait_for_publish(5)
    client.disconnect()
    client.loop_stop()


def test_sigterm_ends_a_running_station_with_nothing_lost(
    tmp_path: Path, broker: Mosquitto
) -> None:
    write_image_bundle(tmp_path / "brightness.bundle")
    write_frames(tmp_path / "frames", 20)
    station = write_station(
        tmp_path,
        'driver = "folder"\npath = "frames"\nat_end = "repeat"\nrate_hz = 200',
        mqtt=f'host = "127.0.0.1"\nport = {broker.port}',
        line="deadline_ms = 10000",
    )
    with Subscriber(broker.port, "test") as plant:
        words = [sys.executable, "-m", "edge_agent", "run", "--quiet", str(station)]
        agent = subprocess.Popen(words, stderr=subprocess.PIPE, text=True, env={**os.environ})
        plant.wait_for(100, 20)
        agent.send_signal(signal.SIGTERM)
        _, said = agent.communicate(timeout=20)
        assert agent.returncode == 0
        parts = int(said.rsplit(" parts:", 1)[0].rsplit("\n", 1)[1])
        assert plant.wait_for(parts, 5) == parts
        assert ", 0 wait" in said
        seqs = [int(event.rsplit("/", 1)[1]) for event in plant.verdicts]
        assert seqs == sorted(set(seqs))  # other messages have numbers, too
        states = [state["state"] for state in plant.states]
        assert (states[0], states[-2:]) == ("armed", ["stopping", "offline"])


# amqtt leaves sockets and tasks to the garbage collector when it shuts down.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.filterwarnings("ignore::ResourceWarning")
def test_broker_that_knows_only_mqtt_311_is_served(tmp_path: Path) -> None:
    with EmbeddedBroker() as old, Subscriber(old.port, "demo", v5=False) as plant:
        line = Line(tmp_path, old.port, protocol="3.1.1")
        ids = line.put(200)
        assert plant.wait_for(200, 15) == 200
        line.end()
        assert sorted(plant.verdicts) == sorted(ids)  # a backlog goes after what is live
    assert line.outbox.waiting == 0
    gc.collect()
