"""Tags over a real broker as rows: by the clock, by a trigger, and when somebody falls silent."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path

import paho.mqtt.client as paho
import pytest

from benchmarks.brokers import Mosquitto, free_port
from edge_agent.capture.process.mqtt_tags import MqttTags, MqttTagsTable
from edge_agent.capture.queue import build_queue
from edge_agent.contracts.core.clock import SystemClock
from edge_agent.contracts.core.errors import DeviceError
from edge_agent.contracts.core.types import Item, ProcessRow, Unreadable
from tests.station_kit import mosquitto, take_all


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Mosquitto]:
    with mosquitto(tmp_path / "broker") as running:
        yield running


class Plant:
    """A PLC's gateway: publishes tags and waits until the broker has them."""

    def __init__(self, port: int) -> None:
        self._client = paho.Client(paho.CallbackAPIVersion.VERSION2, reconnect_on_failure=False)
        self._client.connect("127.0.0.1", port)
        self._client.loop_start()

    def say(self, topic: str, value: object, *, retain: bool = False) -> None:
        sent = self._client.publish(f"plant/{topic}", json.dumps(value), qos=1, retain=retain)
        sent.wait_for_publish(5)

    def say_bytes(self, topic: str, payload: bytes) -> None:
        self._client.publish(f"plant/{topic}", payload, qos=1).wait_for_publish(5)

    def leave(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()


@pytest.fixture
def plant(broker: Mosquitto) -> Iterator[Plant]:
    gateway = Plant(broker.port)
    yield gateway
    gateway.leave()


def tags(port: int, protocol: str = "5", **keys: object) -> MqttTags:
    tag = [
        {"name": "torque [Nm]", "topic": "plant/mill", "key": "torque"},
        {"name": "kind", "topic": "plant/kind"},
        {"name": "part", "topic": "plant/part"},
    ]
    broker = {"host": "127.0.0.1", "port": port, "protocol": protocol}
    asked = {"driver": "mqtt_tags", "broker": broker, "tag": tag, "part_tag": "part", **keys}
    return MqttTags(MqttTagsTable.model_validate(asked), name="mill", clock=SystemClock())


def first(source: MqttTags, within_s: float = 20.0) -> Item | None:
    until = time.monotonic() + within_s
    while time.monotonic() < until:
        item = source.next(0.1)
        if item is not None:
            return item
    return None


def exactly(source: MqttTags, count: int) -> list[Item]:
    """The first `count` items, and whatever comes within a fifth of a second after them."""
    found = [item for item in (first(source) for _ in range(count)) if item is not None]
    more = (source.next(0.1) for _ in range(2))
    return [*found, *(item for item in more if item is not None)]


def drain(source: MqttTags) -> None:
    """Take everything for five seconds."""
    for _ in range(50):
        source.next(0.1)


@pytest.mark.parametrize("protocol", ["5", "3.1.1"])
def test_a_trigger_takes_the_values_of_its_part(
    broker: Mosquitto, plant: Plant, protocol: str
) -> None:
    source = tags(broker.port, protocol, trigger_tag="part")
    source.open()
    plant.say("mill", {"torque": 40.5})
    plant.say("kind", "L")
    assert source.next(0.1) is None
    for part, torque in (("p-1", 41.5), ("p-2", None)):
        plant.say("mill", {"torque": torque})
        plant.say("part", part)
        item = first(source)
        assert isinstance(item, ProcessRow)
        assert (item.part_id, item.tags["torque [Nm]"]) == (part, torque)
        assert item.tags["kind"] == "L"
    assert item.seq == 1
    source.close()
    source.close()


def test_the_next_parts_values_do_not_reach_a_row_that_was_asked_for(
    broker: Mosquitto, plant: Plant
) -> None:
    source = tags(broker.port, trigger_tag="part")
    source.open()
    plant.say("kind", "L")
    for k in range(20):
        plant.say("mill", {"torque": k})
        plant.say("part", f"p-{k}")
    rows = [first(source) for _ in range(20)]
    source.close()
    found = [(row.part_id, row.tags["torque [Nm]"]) for row in rows if isinstance(row, ProcessRow)]
    assert found == [(f"p-{k}", k) for k in range(20)]


def test_settling_waits_for_the_parts_own_values(broker: Mosquitto, plant: Plant) -> None:
    source = tags(broker.port, trigger_tag="part", settle_ms=400)
    source.open()
    plant.say("mill", {"torque": 1})
    plant.say("kind", "L")
    plant.say("part", "p-1")
    plant.say("mill", {"torque": 2})
    item = first(source)
    assert isinstance(item, ProcessRow)
    assert item.tags["torque [Nm]"] == 2
    source.close()


@pytest.mark.parametrize(
    ("on", "values", "rows"),
    [("message", [1, 1, 0, 1], 4), ("change", [1, 1, 0, 1], 3), ("rise", [1, 1, 0, 1], 2)],
    ids=["message", "change", "rise"],
)
def test_what_counts_as_a_trigger(
    broker: Mosquitto, plant: Plant, on: str, values: list[int], rows: int
) -> None:
    source = tags(broker.port, trigger_tag="part", trigger_on=on)
    source.open()
    plant.say("mill", {"torque": 1})
    plant.say("kind", "L")
    for value in values:
        plant.say("part", value)
    assert len(exactly(source, rows)) == rows
    source.close()


def test_a_payload_that_nobody_can_read_ends_nothing(broker: Mosquitto, plant: Plant) -> None:
    source = tags(broker.port, trigger_tag="part")
    source.open()
    plant.say("kind", "L")
    for payload in (b"[" * 100_000, b"\xff\x00", b"7" * 2_000_000):
        plant.say_bytes("mill", payload)
    plant.say("part", "p-1")
    faulty = first(source)
    assert isinstance(faulty, Unreadable)
    assert (
        faulty.reason == "torque [Nm]: a payload of 2000000 bytes, 1048576 are read, on plant/mill"
    )
    plant.say("mill", {"torque": 7})
    plant.say("part", "p-2")
    item = first(source)
    source.close()
    assert isinstance(item, ProcessRow)
    assert (item.part_id, item.tags["torque [Nm]"]) == ("p-2", 7)


@pytest.mark.parametrize(
    ("on", "rows"), [("message", 2), ("change", 2), ("rise", 1)], ids=["message", "change", "rise"]
)
def test_a_trigger_that_cannot_be_read_passes_no_part(
    broker: Mosquitto, plant: Plant, on: str, rows: int
) -> None:
    source = tags(broker.port, trigger_tag="part", trigger_on=on, settle_ms=200)
    source.open()
    plant.say("mill", {"torque": 1})
    plant.say("kind", "L")
    plant.say_bytes("part", b"\xff")
    plant.say("part", "p-2")
    items = exactly(source, rows)
    source.close()
    assert len(items) == rows
    assert isinstance(items[-1], ProcessRow)
    assert items[-1].part_id == "p-2"
    if on != "rise":
        assert isinstance(items[0], Unreadable)
        assert items[0].reason == "part: a payload that is no text on plant/part"
        assert items[0].part_id == ""


def test_a_tag_that_falls_silent_is_named_in_every_row(broker: Mosquitto, plant: Plant) -> None:
    source = tags(broker.port, period_s=0.1, stale_s=1)
    plant.say("kind", "L", retain=True)
    source.open()
    plant.say("mill", {"torque": 1})
    plant.say("part", "p-1")
    plant.say("kind", "L")
    item = first(source)
    assert isinstance(item, ProcessRow)
    time.sleep(1)
    late = [source.next(0.2) for _ in range(5)][-1]
    assert isinstance(late, Unreadable)
    assert late.part_id == "p-1"
    assert "torque [Nm] is stale: " in late.reason
    assert "kind is stale: " in late.reason
    assert late.seq > item.seq
    source.close()


def test_a_tag_that_never_spoke_is_named(broker: Mosquitto, plant: Plant) -> None:
    source = tags(broker.port, trigger_tag="part")
    plant.say("kind", "old", retain=True)
    source.open()
    plant.say("mill", {"speed": 3})
    plant.say("part", "p-1")
    item = first(source)
    assert isinstance(item, Unreadable)
    assert "torque [Nm]: 1 message(s) came on plant/mill, none with the key 'torque'" in item.reason
    assert "kind: only a retained message came on plant/kind" in item.reason
    source.close()


def test_a_lost_broker_is_a_lost_device_and_leaves_a_hole(broker: Mosquitto, plant: Plant) -> None:
    source = tags(broker.port, period_s=0.1)
    source.open()
    for topic, value in (("mill", {"torque": 1}), ("kind", "L"), ("part", "p")):
        plant.say(topic, value)
    before = first(source)
    assert isinstance(before, ProcessRow)
    broker.stop()
    with pytest.raises(DeviceError, match="the connection is lost"):
        drain(source)
    source.close()
    with pytest.raises(DeviceError, match="cannot be reached"):
        source.open()
    broker.start()
    source.open()
    again = Plant(broker.port)
    for topic, value in (("mill", {"torque": 2}), ("kind", "L"), ("part", "p")):
        again.say(topic, value)
    after = first(source)
    again.leave()
    source.close()
    assert isinstance(after, ProcessRow)
    assert after.tags["torque [Nm]"] == 2
    assert after.seq > before.seq + 1


def test_a_part_whose_values_were_awaited_when_the_broker_went_is_told(
    broker: Mosquitto, plant: Plant
) -> None:
    source = tags(broker.port, trigger_tag="part", settle_ms=60_000)
    source.open()
    plant.say("mill", {"torque": 1})
    plant.say("kind", "L")
    plant.say("part", "p-1")
    assert source.next(0.2) is None
    broker.stop()
    item = first(source)
    assert isinstance(item, Unreadable)
    assert item.part_id == "p-1"
    assert "lost before the values settled" in item.reason
    with pytest.raises(DeviceError, match="the connection is lost"):
        source.next(1)
    source.close()


def test_nobody_there_is_an_absent_device() -> None:
    with pytest.raises(DeviceError, match="cannot be reached"):
        tags(free_port(), period_s=1).open()


def test_a_part_whose_values_settle_when_the_station_stops_is_not_passed_over(
    broker: Mosquitto, plant: Plant
) -> None:
    feed = build_queue(
        tags(broker.port, trigger_tag="part", settle_ms=20_000),
        name="mill",
        size=4,
        clock=SystemClock(),
    )
    feed.start()
    for part in ("p-1", "p-2"):
        plant.say("part", part)
    feed.stop()
    left = take_all(feed.take)
    feed.close()
    assert [(type(one), one.part_id, one.seq) for one in left] == [
        (Unreadable, "p-1", 0),
        (Unreadable, "p-2", 1),
    ]
    assert isinstance(left[0], Unreadable)
    assert left[0].reason == "stopped before the values settled"
