"""Parts that messages report, over a real broker."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import paho.mqtt.client as paho
import pytest

from benchmarks.brokers import Mosquitto
from edge_agent.contracts.core.clock import SystemClock
from edge_agent.contracts.core.errors import DeviceError
from edge_agent.trigger.mqtt import MqttTrigger, MqttTriggerTable
from tests.station_kit import mosquitto


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Mosquitto]:
    with mosquitto(tmp_path / "broker") as running:
        yield running


def trigger(port: int, **keys: object) -> MqttTrigger:
    broker = {"host": "127.0.0.1", "port": port}
    asked = {"driver": "mqtt", "topic": "line/part", "broker": broker, **keys}
    config = MqttTriggerTable.model_validate(asked)
    return MqttTrigger(config, name="reader", clock=SystemClock())


def say(port: int, *payloads: bytes, retain: bool = False) -> None:
    client = paho.Client(paho.CallbackAPIVersion.VERSION2)
    client.connect("127.0.0.1", port)
    client.loop_start()
    for payload in payloads:
        client.publish("line/part", payload, qos=1, retain=retain).wait_for_publish(5)
    client.disconnect()
    client.loop_stop()


def ids(source: MqttTrigger, count: int) -> list[str]:
    events = [source.next(2) for _ in range(count)]
    assert [event.seq for event in events if event] == list(range(count))
    return [event.part_id for event in events if event]


def test_each_message_is_a_part_and_a_retained_one_is_none(broker: Mosquitto) -> None:
    say(broker.port, b"old", retain=True)
    reader = trigger(broker.port)
    reader.open()
    say(broker.port, b"p-1", b"p-2\n", b"", b"\xff\xfe")
    assert ids(reader, 4) == ["p-1", "p-2", "", ""]
    assert reader.next(0.05) is None
    reader.close()
    reader.close()


def test_the_part_is_named_by_a_key_and_a_broken_message_is_a_part_too(broker: Mosquitto) -> None:
    reader = trigger(broker.port, part_key="id")
    reader.open()
    say(broker.port, b'{"id": "a"}', b'{"id": 7}', b'{"id": [1]}', b"{", b"[" * 60_000)
    say(broker.port, b'{"id": "a", "id": "b"}', b'{"id": true}')
    assert ids(reader, 7) == ["a", "7", "", "", "", "", ""]
    reader.close()


def test_a_broker_that_goes_is_a_lost_device_and_comes_back(broker: Mosquitto) -> None:
    reader = trigger(broker.port)
    reader.open()
    broker.stop()
    with pytest.raises(DeviceError, match="the connection is lost"):
        reader.next(5)
    broker.start()
    reader.open()
    say(broker.port, b"p-1")
    assert ids(reader, 1) == ["p-1"]
    reader.close()
