"""Everything that a running station sends meets its schema, its budget and its topic."""

from __future__ import annotations

import json
import threading
from pathlib import Path

import jsonschema
import paho.mqtt.client as paho

from edge_agent.contracts.core.clock import SystemClock
from edge_agent.contracts.wire.schemas import schemas
from edge_agent.contracts.wire.streams import outbound
from edge_agent.station.config import read_config
from edge_agent.station.station import Station
from tests.station_kit import mosquitto, wait_until, write_station


def test_every_message_meets_its_schema_and_its_budget(bench: Path) -> None:
    (bench / "frames" / "part0005.png").write_bytes(b"")
    heard: list[paho.MQTTMessage] = []
    subscribed = threading.Event()
    with mosquitto(bench / "broker") as broker:
        listener = paho.Client(paho.CallbackAPIVersion.VERSION2, protocol=paho.MQTTv5)
        listener.on_message = lambda client, user, message: heard.append(message)
        listener.on_connect = lambda client, *_: client.subscribe("lineside/#", qos=1)
        listener.on_subscribe = lambda *_: subscribed.set()
        listener.connect("127.0.0.1", broker.port)
        listener.loop_start()
        assert subscribed.wait(10)
        config = write_station(
            bench,
            'driver = "folder"\npath = "frames"\nrate_hz = 20',
            mqtt=f'host = "127.0.0.1"\nport = {broker.port}',
            line="health_every_s = 0.2\ndeadline_ms = 10000",
        )
        Station(read_config(config), clock=SystemClock()).run(threading.Event())
        assert wait_until(lambda: any(b'"offline"' in message.payload for message in heard))
        listener.disconnect()
        listener.loop_stop()
    names = {name: json.loads(schemas()[f"{name}.schema.json"]) for name in outbound()}
    by_stream: dict[str, list[dict[str, object]]] = {}
    for message in heard:
        prefix, station, name = message.topic.split("/")
        assert (prefix, station) == ("lineside", "test")
        assert len(message.payload) <= outbound()[name].max_bytes
        document = json.loads(message.payload)
        jsonschema.validate(document, names[name])
        by_stream.setdefault(name, []).append(document)
    assert len(by_stream["verdict"]) == 12
    states = [state["state"] for state in by_stream["state"]]
    assert states == ["armed", "stopping", "offline"]
    assert by_stream["state"][0]["bundles"] == {"top": "brightness 1.0.0"}
    last = by_stream["health"][-1]
    assert (last["parts"], last["passed"], last["failed"], last["no_verdict"]) == (12, 8, 3, 1)
    assert last["grabbed"] == 12
    assert 20 < float(str(last["rss_mb"])) < 2000
