"""Decisions as messages: what another client of the broker sees."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import paho.mqtt.client as paho
import pytest

from benchmarks.brokers import Mosquitto
from edge_agent.contracts.core.clock import ManualClock
from edge_agent.contracts.core.errors import DeviceError
from edge_agent.contracts.core.types import Verdict
from edge_agent.contracts.wire.decision import Decision
from edge_agent.outputs.mqtt import MqttOutput, MqttOutputTable
from tests.station_kit import mosquitto, wait_until


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Mosquitto]:
    with mosquitto(tmp_path / "broker") as running:
        yield running


@pytest.fixture
def seen(broker: Mosquitto) -> Iterator[list[tuple[str, str]]]:
    """(part_id, action) of every message on the gate's topic."""
    found: list[tuple[str, str]] = []
    client = paho.Client(paho.CallbackAPIVersion.VERSION2)

    def take(_: object, __: object, message: paho.MQTTMessage) -> None:
        document = json.loads(message.payload)
        found.append((document["part_id"], document["action"]))

    client.on_message = take
    client.connect("127.0.0.1", broker.port)
    client.subscribe("line/gate", 1)
    client.loop_start()
    assert wait_until(client.is_connected)
    yield found
    client.disconnect()
    client.loop_stop()


def output(port: int) -> MqttOutput:
    table = {"driver": "mqtt", "topic": "line/gate", "broker": {"host": "127.0.0.1", "port": port}}
    return MqttOutput(MqttOutputTable.model_validate(table), name="gate", clock=ManualClock())


def decision(part_id: str) -> Decision:
    return Decision(part_id, Verdict.PASS, "accept", "", 1.0, ())


def test_every_decision_lies_between_two_safe_states(
    broker: Mosquitto, seen: list[tuple[str, str]]
) -> None:
    gate = output(broker.port)
    gate.open()
    gate.write(decision("p1"))
    gate.write(decision("p2"))
    gate.close()
    gate.close()
    wanted = [("", "reject"), ("p1", "accept"), ("p2", "accept"), ("", "reject")]
    assert wait_until(lambda: seen == wanted), seen


def test_a_station_that_is_killed_leaves_the_safe_state(
    broker: Mosquitto, seen: list[tuple[str, str]]
) -> None:
    code = (
        "from tests.edge_agent.outputs.test_mqtt_output import output, decision\n"
        f"gate = output({broker.port})\ngate.open()\ngate.write(decision('p1'))\n"
        "print('up', flush=True)\ninput()"
    )
    child = subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert child.stdout is not None
    assert child.stdin is not None
    assert child.stdout.readline() == "up\n"
    os.kill(child.pid, signal.SIGKILL)
    child.wait()
    child.stdin.close()
    child.stdout.close()
    wanted = [("", "reject"), ("p1", "accept"), ("", "reject")]
    assert wait_until(lambda: seen == wanted), seen


def test_a_broker_that_is_gone_is_a_fault_until_it_is_back(broker: Mosquitto) -> None:
    gate = output(broker.port)
    gate.open()
    broker.stop()
    with pytest.raises(DeviceError, match="broker 127"):
        gate.write(decision("p1"))
    assert gate.status().failed == 1
    assert gate.status().fault
    broker.start()
    gate.write(decision("p2"))
    assert gate.status().fault == ""
    gate.close()
