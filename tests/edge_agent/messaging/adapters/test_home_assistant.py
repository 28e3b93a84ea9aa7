"""Home Assistant's device discovery: the message at a broker, and its templates on real messages.

Required fields and bounds are those of Home Assistant's own schema of this message.
"""

from __future__ import annotations

import json
import re
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from jinja2 import StrictUndefined
from jinja2.sandbox import SandboxedEnvironment
from jsonschema import Draft202012Validator
from pydantic import BaseModel

from benchmarks.brokers import Mosquitto
from edge_agent.contracts.core.errors import ConfigError
from edge_agent.contracts.core.types import Verdict
from edge_agent.contracts.wire.kinds.state import StateMessage
from edge_agent.contracts.wire.messages import CheckMessage
from edge_agent.messaging.adapter import Delivery
from edge_agent.messaging.adapters.home_assistant import (
    HomeAssistantAdapter,
    HomeAssistantTable,
    discovery,
)
from tests.edge_agent.messaging.adapter_kit import decided, station
from tests.edge_agent.messaging.mqtt_kit import Client
from tests.station_kit import HEALTH, mosquitto, wait_until

TOPIC = "homeassistant/device/test/config"
TABLE = HomeAssistantTable(driver="home_assistant")
TEXT = {"type": "string", "minLength": 1}
SENSOR = {
    "type": "object",
    "required": ["platform", "unique_id", "state_topic", "name", "value_template"],
    "properties": {
        "platform": {"const": "sensor"},
        "state_topic": {"type": "string", "pattern": "^[^+#]+$"},
        "state_class": {"enum": ["measurement", "total", "total_increasing"]},
        "device_class": {"const": "enum"},
        "options": {"type": "array", "items": TEXT},
        "entity_category": {"enum": ["config", "diagnostic"]},
        **dict.fromkeys(("unique_id", "name", "value_template", "unit_of_measurement"), TEXT),
    },
    # Home Assistant: options go with device_class enum alone, and with no state_class.
    "dependentRequired": {"options": ["device_class"], "device_class": ["options"]},
    "dependentSchemas": {"options": {"not": {"required": ["state_class"]}}},
    "additionalProperties": False,
}
DISCOVERY = {
    "type": "object",
    "required": ["device", "origin", "components", "availability"],
    "properties": {
        "device": {
            "type": "object",
            "required": ["identifiers"],
            "properties": {
                "identifiers": {"type": "array", "items": TEXT, "minItems": 1},
                **dict.fromkeys(("name", "manufacturer", "model", "sw_version"), TEXT),
            },
            "additionalProperties": False,
        },
        "origin": {
            "type": "object",
            "required": ["name"],
            "properties": {"name": TEXT, "sw_version": TEXT},
            "additionalProperties": False,
        },
        "availability": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["topic"],
                "properties": {"topic": TEXT, "value_template": TEXT},
                "additionalProperties": False,
            },
        },
        "components": {"type": "object", "additionalProperties": SENSOR, "minProperties": 1},
    },
    "additionalProperties": False,
}


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Mosquitto]:
    with mosquitto(tmp_path / "broker") as running:
        yield running


def adapter(port: int) -> HomeAssistantAdapter:
    return HomeAssistantAdapter(TABLE, station(port=port), retry_s=0.05)


def retained(port: int) -> list[dict[str, Any]]:
    """What a Home Assistant that starts now gets."""
    with Client(port, "homeassistant/#") as client:
        wait_until(lambda: client.payloads, 0.3)
        return client.documents()


def described() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(json.dumps(discovery(station(), "lineside", last_part=True)))
    return found


def render(template: str, message: BaseModel) -> str:
    environment = SandboxedEnvironment(undefined=StrictUndefined)
    document = json.loads(message.model_dump_json(exclude_none=True))
    return environment.from_string(template).render(value_json=document, this={"state": "before"})


def shown(message: BaseModel) -> dict[str, str]:
    """Sensor -> its state after a message on its topic."""
    kind = getattr(message, "kind", "")
    sensors = described()["components"].items()
    own = {n: s for n, s in sensors if s["state_topic"] == f"lineside/test/{kind}"}
    return {name: render(sensor["value_template"], message) for name, sensor in own.items()}


def test_retained_message_is_there_for_who_starts_later(broker: Mosquitto) -> None:
    made = adapter(broker.port)
    made.open(Delivery)
    assert wait_until(lambda: retained(broker.port), 10)
    made.close()
    made.close()
    (document,) = retained(broker.port)
    Draft202012Validator(DISCOVERY).validate(document)
    assert document == described()


def test_broker_that_forgot_is_told_again(broker: Mosquitto, tmp_path: Path) -> None:
    made = adapter(broker.port)
    made.open(Delivery)
    assert wait_until(lambda: retained(broker.port), 10)
    broker.kill()
    (tmp_path / "broker" / "mosquitto.db").unlink(missing_ok=True)
    broker.start()
    assert wait_until(lambda: retained(broker.port), 10)
    made.close()


def test_broker_that_is_away_is_waited_for(tmp_path: Path) -> None:
    late = mosquitto(tmp_path / "broker")
    made = adapter(late.port)
    made.open(Delivery)
    with late:
        assert wait_until(lambda: retained(late.port), 10)
        made.close()


def test_broker_that_never_answers_does_not_hold_up_the_end() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        made = adapter(silent.getsockname()[1])
        made.open(Delivery)
        connection, _ = silent.accept()
        with connection:
            started = time.monotonic()
            made.close()
            assert time.monotonic() - started < 1.5  # the limit of the wait is 2 s
    assert not [t for t in threading.enumerate() if t.name == "home-assistant"]


def test_every_sensor_has_an_id_and_a_topic_of_its_station() -> None:
    sensors = described()["components"].values()
    assert len({sensor["unique_id"] for sensor in sensors}) == len(sensors)
    assert {s["state_topic"].rpartition("/")[0] for s in sensors} == {"lineside/test"}


def test_sensors_of_the_last_part_can_be_left_out() -> None:
    few = discovery(station(), "lineside", last_part=False)["components"]
    assert isinstance(few, dict)
    assert not [name for name in few if name.startswith("last_")]
    assert "passed" in few


def test_templates_give_the_values_of_the_messages() -> None:
    armed = StateMessage(station="test", at_ns=1, state="armed", reason="x" * 400)
    assert shown(armed) == {"state": "armed", "reason": "x" * 255}
    assert shown(HEALTH) == {
        "parts": "3",
        "passed": "1",
        "failed": "1",
        "no_verdict": "1",
        "frames_dropped": "0",
        "outbox_waiting": "0",
    }
    failed = shown(decided(Verdict.FAIL, label="scratch"))
    assert failed == {"last_verdict": "FAIL", "last_label": "scratch", "last_latency": "30.0"}
    assert shown(decided(Verdict.PASS))["last_label"] == ""


@pytest.mark.parametrize(
    ("state", "wanted"),
    [("armed", "online"), ("disarmed", "online"), ("stopping", "online"), ("offline", "offline")],
)
def test_station_is_unavailable_when_its_will_was_published(state: Any, wanted: str) -> None:
    (availability,) = described()["availability"]
    assert availability["topic"] == "lineside/test/state"
    message = StateMessage(station="test", at_ns=1, state=state)
    assert render(availability["value_template"], message) == wanted


def test_message_of_a_check_changes_nothing() -> None:
    check = CheckMessage(station="test", at_ns=1, nonce="n")
    document = described()
    states = {render(s["value_template"], check) for s in document["components"].values()}
    assert states == {"before"}
    assert render(document["availability"][0]["value_template"], check) == ""


@pytest.mark.parametrize("name", ["cell.1", "cell_1", "a-B.9"])
def test_topic_has_only_letters_that_home_assistant_takes(broker: Mosquitto, name: str) -> None:
    made = HomeAssistantAdapter(TABLE, station(name, broker.port), retry_s=0.05)
    with Client(broker.port, "homeassistant/#") as client:
        made.open(Delivery)
        assert wait_until(lambda: client.payloads, 10)
        (topic, _), *_ = client.payloads
    made.close()
    assert re.fullmatch(r"homeassistant/device/[a-zA-Z0-9_-]+/config", topic)
    assert (topic == "homeassistant/device/cell_1/config") == (name == "cell_1")


def test_no_broker_is_an_error_of_the_configuration() -> None:
    with pytest.raises(ConfigError, match=r"add \[mqtt\]"):
        HomeAssistantAdapter(TABLE, station())
