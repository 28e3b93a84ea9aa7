"""Device discovery of Home Assistant: the station appears there as one device with its sensors.

The one retained message describes where the station's own topics have which value, in the form of
home-assistant.io/integrations/mqtt, "Device discovery payload". Nothing else is sent.
"""

from __future__ import annotations

import hashlib
import json
import logging
import re
import threading
from collections.abc import Callable
from typing import Literal, TypeAlias

from pydantic import Field

from edge_agent.broker.session import BrokerSession
from edge_agent.contracts.core.errors import ConfigError, LinesideError
from edge_agent.contracts.wire.streams import STREAMS, Outbound
from edge_agent.messaging.adapter import AdapterDriver, AdapterStation, AdapterTable, Delivery

LOG = logging.getLogger("lineside.adapter")

CONFIRM_S = 10.0
RETRY_S = 10.0
"""Between two looks at the connection."""
END_S = 2.0
"""The agent's end waits no longer for a broker that does not answer."""
LABEL = (
    "(value_json.channels | selectattr('verdict', 'eq', value_json.verdict)"
    " | map(attribute='label') | select | first | default('', true))[:255]"
)
"""The label of the channel that decided; Home Assistant refuses states of more characters."""

STATES = ("armed", "disarmed", "stopping", "offline")
"""Also the last will's, which comes to the sensor too: Home Assistant complains of any other."""

Fields: TypeAlias = dict[str, object]


class HomeAssistantTable(AdapterTable):
    """A device in Home Assistant, by a retained message to the broker of [mqtt]."""

    driver: Literal["home_assistant"]
    discovery_prefix: str = Field(
        default="homeassistant",
        pattern=r"^[^+#\x00]+$",
        description="where Home Assistant looks for devices",
    )
    last_part: bool = Field(
        default=True,
        description="sensors of the last part too: Home Assistant then takes in every verdict",
    )

    @property
    def needs_broker(self) -> bool:
        """Whether the adapter needs the broker of [mqtt]."""
        return True


class HomeAssistantAdapter:
    """Keeps the description of the station at the broker; a thread of its own waits for it."""

    def __init__(
        self, config: HomeAssistantTable, station: AdapterStation, *, retry_s: float = RETRY_S
    ) -> None:
        mqtt = station.mqtt
        if mqtt is None:
            raise ConfigError(
                "Home Assistant reads the topics of [mqtt]",
                where="station.toml: adapter",
                cure="add [mqtt] to station.toml",
            )
        self._topic = f"{config.discovery_prefix}/device/{_object_id(station.name)}/config"
        document = discovery(station, mqtt.topic_prefix, last_part=config.last_part)
        self._payload = json.dumps(document).encode()
        self._session = BrokerSession(mqtt, f"{station.name}-home-assistant")
        self._retry_s = retry_s
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def open(self, delivery: Callable[[], Delivery]) -> None:
        """Begin to connect; a broker that is away is waited for."""
        del delivery
        self._stop.clear()
        self._thread = threading.Thread(target=self._run, name="home-assistant", daemon=True)
        self._thread.start()

    def publish(self, message: Outbound) -> None:
        """Nothing: Home Assistant reads the station's own topics."""

    def close(self) -> None:
        """Leave the broker, which keeps the description: a stopped station is unavailable."""
        self._stop.set()
        self._session.close()  # ends a wait for the broker's answer
        thread, self._thread = self._thread, None
        if thread is not None:
            thread.join(END_S)
        self._session.close()

    def _run(self) -> None:
        """Describe the station after each connection: a broker may forget what it retained."""
        fault = ""
        while True:
            if self._session.lost:
                told, fault = fault, self._describe()
                if fault and not told:
                    LOG.warning("Home Assistant is not told of this station: %s", fault)
                elif not fault:
                    LOG.info("Home Assistant is told of this station on %s", self._topic)
            if self._stop.wait(self._retry_s):
                return

    def _describe(self) -> str:
        try:
            self._session.open()
            self._session.publish(self._topic, self._payload, CONFIRM_S, retain=True)
        except LinesideError as error:
            self._session.close()  # so that the next look tries again
            return str(error)
        return ""


def discovery(station: AdapterStation, prefix: str, *, last_part: bool) -> Fields:
    """The message that describes the station. prefix: of the station's own topics."""
    topics = {name: stream.topic(prefix, station.name) for name, stream in STREAMS.items()}
    sensors = {**_state_sensor(topics["state"]), **_health_sensors(topics["health"])}
    if last_part:
        sensors |= _part_sensors(topics["verdict"])
    offline = _value("state", "'offline' if value_json.state == 'offline' else 'online'", "''")
    return {
        "device": {
            "identifiers": [f"lineside-{station.name}"],
            "name": station.name,
            "manufacturer": "Lineside",
            "model": "inspection station",
            "sw_version": station.version,
        },
        "origin": {"name": "lineside", "sw_version": station.version},
        "availability": [{"topic": topics["state"], "value_template": offline}],
        "components": {
            name: {"platform": "sensor", "unique_id": f"lineside-{station.name}-{name}", **sensor}
            for name, sensor in sensors.items()
        },
    }


def _state_sensor(topic: str) -> dict[str, Fields]:
    sensor = _sensor("State", topic, _value("state", "value_json.state"))
    choice: Fields = {"device_class": "enum", "options": list(STATES)}
    reason = _sensor("Reason", topic, _value("state", "value_json.reason[:255]"))
    return {"state": sensor | choice, "reason": reason | {"entity_category": "diagnostic"}}


def _health_sensors(topic: str) -> dict[str, Fields]:
    counts = {
        "parts": "Parts",
        "passed": "PASS",
        "failed": "FAIL",
        "no_verdict": "NO-VERDICT",
        "frames_dropped": "Frames dropped",
    }
    found = {
        name: _sensor(title, topic, _value("health", f"value_json.{name}"))
        | {"state_class": "total_increasing"}
        for name, title in counts.items()
    }
    waiting = _sensor("Unconfirmed messages", topic, _value("health", "value_json.outbox_waiting"))
    return found | {"outbox_waiting": waiting | {"state_class": "measurement"}}


def _part_sensors(topic: str) -> dict[str, Fields]:
    verdict = _sensor("Last verdict", topic, _value("verdict", "value_json.verdict"))
    choice: Fields = {"device_class": "enum", "options": ["PASS", "FAIL", "NO-VERDICT"]}
    latency = _sensor("Last latency", topic, _value("verdict", "value_json.latency_ms"))
    return {
        "last_verdict": verdict | choice,
        "last_label": _sensor("Last label", topic, _value("verdict", LABEL)),
        "last_latency": latency | {"unit_of_measurement": "ms", "state_class": "measurement"},
    }


def _sensor(title: str, topic: str, template: str) -> Fields:
    return {"name": title, "state_topic": topic, "value_template": template}


def _value(kind: str, expression: str, otherwise: str = "this.state") -> str:
    """A template; `lineside-agent check` sends messages of another kind to each topic."""
    return f"{{{{ ({expression}) if value_json.kind == '{kind}' else {otherwise} }}}}"


def _object_id(station: str) -> str:
    """The station's name in the letters that a discovery topic may have (a-z, A-Z, 0-9, _, -)."""
    plain = re.sub(r"[^A-Za-z0-9_-]", "_", station)
    # Two stations, cell.1 and cell_1, must not overwrite each other.
    digest = hashlib.sha256(station.encode()).hexdigest()[:8]
    return plain if plain == station else f"{plain}_{digest}"


DRIVER = AdapterDriver(HomeAssistantTable, HomeAssistantAdapter)
