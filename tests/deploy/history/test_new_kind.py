"""A kind of message that only this file knows goes the whole way: station, broker, plant, ack."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Literal

import pytest

from deploy.history.stores.sqlite import SqliteStore
from deploy.history.subscriber import Broker
from edge_agent.contracts.wire.messages import DurableMessage
from edge_agent.contracts.wire.schemas import schemas
from edge_agent.contracts.wire.stream import Stream
from edge_agent.contracts.wire.streams import STREAMS
from tests.deploy.history.history_kit import collecting
from tests.deploy.history.test_collector import ids_of, stored
from tests.edge_agent.messaging.mqtt_kit import Client, Line
from tests.edge_agent.messaging.outbox_kit import open_outbox
from tests.station_kit import mosquitto, wait_until


class ToolChangeMessage(DurableMessage):
    """A tool of the machine was changed."""

    kind: Literal["tool-change"] = "tool-change"
    tool: str


STREAM = Stream(
    "tool-change",
    ToolChangeMessage,
    "results",
    qos=1,
    retain=False,
    max_bytes=512,
    when="when a tool was changed",
)


def tool_change(tool: str) -> ToolChangeMessage:
    return ToolChangeMessage(station="test", at_ns=7, tool=tool)


def test_new_durable_kind_reaches_the_plant_once_and_is_confirmed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(STREAMS, STREAM.name, STREAM)
    path = tmp_path / "history.db"
    with (
        mosquitto(tmp_path / "broker") as broker,
        collecting(Broker("127.0.0.1", broker.port), SqliteStore(path)) as collector,
        Line(tmp_path / "s", broker.port, ack="application") as line,
    ):
        ids = [line.outbox.put(tool_change(f"drill {k}")) for k in range(3)]
        ids += line.put(1)
        assert wait_until(lambda: line.outbox.waiting == 0, 20)
        assert (collector.unreadable, line.sender.confirmed) == (0, 4)
    rows = stored(path, "SELECT event_id, kind, station, at_ns, payload FROM message")
    assert {tuple(row.values())[:4] for row in rows} == {
        (name, "tool-change", "test", 7) for name in ids[:3]
    }
    assert {json.loads(str(row["payload"]))["tool"] for row in rows} == {
        f"drill {k}" for k in range(3)
    }
    assert ids_of(path) == [ids[3]]


def test_new_kind_has_a_schema_with_its_event_id(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(STREAMS, STREAM.name, STREAM)
    schema = json.loads(schemas()["tool-change.schema.json"])
    assert {"event_id", "station", "at_ns", "tool"} <= set(schema["required"])


def test_rows_of_a_kind_that_a_newer_agent_left_are_sent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as newer:
        newer.setitem(STREAMS, STREAM.name, STREAM)
        outbox = open_outbox(tmp_path / "s")
        left = outbox.put(tool_change("drill"))
        outbox.stop()
    with (
        mosquitto(tmp_path / "broker") as broker,
        Client(broker.port, "lineside/test/+") as plant,
        Line(tmp_path / "s", broker.port) as line,
    ):
        line.put(1)
        assert wait_until(lambda: line.outbox.waiting == 0, 20)
        assert wait_until(lambda: len(plant.payloads) == 2)
        topics = {json.loads(payload)["event_id"]: topic for topic, payload in plant.payloads}
    assert topics[left] == "lineside/test/tool-change"
