"""An edge node of Sparkplug B 3.0 at the broker of [mqtt]: births, data, deaths for SCADA."""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Literal

from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.reasoncodes import ReasonCode
from pydantic import Field

from edge_agent.broker.client import build_client, connect
from edge_agent.contracts.core.errors import BrokerError, ConfigError, StorageError
from edge_agent.contracts.core.extras import PROTOBUF, missing
from edge_agent.contracts.core.files import write_atomic
from edge_agent.contracts.core.json_text import load_json_object
from edge_agent.contracts.wire.streams import Outbound
from edge_agent.messaging.adapter import AdapterDriver, AdapterStation, AdapterTable, Delivery

LOG = logging.getLogger("lineside.adapter")

RETRY_S = 5.0
LEAVE_S = 2.0
LEVEL = r"^[^+/#\x00]+$"


class SparkplugTable(AdapterTable):
    """The station as an edge node, each channel as a device."""

    driver: Literal["sparkplug"]
    group: str = Field(
        default="Lineside", pattern=LEVEL, max_length=64, description="Sparkplug group id"
    )
    primary_host: str = Field(
        default="", pattern=r"^[^+/#\x00]*$", description="births wait until this host is online"
    )

    @property
    def needs_broker(self) -> bool:
        """Whether the adapter needs the broker of [mqtt]."""
        return True


class SparkplugAdapter:
    """One connection after the other, each with its own bdSeq; a thread of its own makes them."""

    def __init__(
        self, config: SparkplugTable, station: AdapterStation, *, retry_s: float = RETRY_S
    ) -> None:
        try:
            from edge_agent.messaging.sparkplug.node import EdgeNode
        except ImportError as error:
            raise missing(PROTOBUF, "station.toml: adapter") from error
        if station.mqtt is None:
            cure = "add [mqtt] to station.toml"
            raise ConfigError("Sparkplug needs [mqtt]", where="station.toml: adapter", cure=cure)
        self._mqtt = station.mqtt
        self._station = station
        self._retry_s = retry_s
        self._node = EdgeNode(config.group, station.name)
        self._command = self._node.topic("NCMD")
        self._host = f"spBv1.0/STATE/{config.primary_host}" if config.primary_host else ""
        self._host_is_online = not self._host
        self._host_said_ms = 0
        self._bd_file = station.state_dir / "sparkplug.json"
        self._bd_seq = 0
        self._lock = threading.RLock()
        self._client: Client | None = None
        self._away = threading.Event()
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def open(self, delivery: Callable[[], Delivery]) -> None:
        """Begin to connect; a broker that is away is waited for."""
        del delivery
        self._stop.clear()
        self._thread = threading.Thread(target=self._run, name="sparkplug", daemon=True)
        self._thread.start()

    def publish(self, message: Outbound) -> None:
        """Send what a message changes, or keep it for the next birth."""
        with self._lock:
            self._send(list(self._node.data(message)))

    def close(self) -> None:
        """Say NDEATH and leave; closing twice is fine."""
        self._stop.set()
        self._away.set()
        thread, self._thread = self._thread, None
        if thread is not None:
            thread.join(LEAVE_S + self._retry_s)

    # --- the thread: one connection after the other

    def _run(self) -> None:
        fault = ""
        while not self._stop.is_set():
            self._away.clear()
            try:
                self._connect()
            except (BrokerError, StorageError, ConfigError) as error:
                if not fault:
                    LOG.warning("Sparkplug: %s", error)
                fault = str(error)
                self._stop.wait(self._retry_s)
                continue
            fault = ""
            self._away.wait()
            self._leave()
            if not self._stop.is_set():
                self._stop.wait(self._retry_s)

    def _connect(self) -> None:
        self._bd_seq = next_bd_seq(self._bd_file)
        client = build_client(self._mqtt, f"lineside-{self._station.name}-sparkplug")
        death = self._node.death(self._bd_seq, self._now_ms())
        client.will_set(death.topic, death.payload, qos=1, retain=False)
        client.on_connect = lambda c, _u, _f, code, _p: self._connected(c, code)
        client.on_message = lambda _c, _u, message: self._came(message)
        client.on_disconnect = lambda *_: self._away.set()
        self._host_is_online = not self._host
        with self._lock:
            self._client = client
        connect(client, self._mqtt, session_expiry_s=0, fresh=True)
        client.loop_start()

    def _connected(self, client: Client, code: ReasonCode) -> None:
        if code.is_failure:
            LOG.warning("Sparkplug: the broker refuses us (%s)", code)
            self._away.set()
            return
        client.subscribe(self._command, qos=1)
        if self._host:
            client.subscribe(self._host, qos=1)
        self._be_born()

    def _be_born(self) -> None:
        with self._lock:
            if self._host_is_online:
                self._send(self._node.births(self._bd_seq, self._now_ms()))

    def _came(self, message: MQTTMessage) -> None:
        if message.topic == self._command:
            from edge_agent.messaging.sparkplug.node import REBIRTH
            from edge_agent.messaging.sparkplug.payload import commands

            if commands(bytes(message.payload)).get(REBIRTH) is True and self._node.born:
                self._be_born()
        elif message.topic == self._host:
            payload = bytes(message.payload)
            self._follow_host(is_online(payload), said_at(payload))

    def _follow_host(self, online: bool, at_ms: int) -> None:
        """Without its host a node dies, and is born again on a new connection (section 5.4); what
        was said before the last word of the host is no news.
        """
        if at_ms < self._host_said_ms:
            return
        self._host_said_ms = at_ms
        was, self._host_is_online = self._host_is_online, online
        if online and not was:
            self._be_born()
        elif was and not online:
            self._away.set()

    def _leave(self) -> None:
        with self._lock:
            client, self._client = self._client, None
            if client is None:
                return
            if self._node.born and client.is_connected():
                death = self._node.death(self._bd_seq, self._now_ms())
                client.publish(death.topic, death.payload, qos=0).wait_for_publish(LEAVE_S)
            self._node.born = False
        client.disconnect()
        client.loop_stop()
        client.on_connect = client.on_message = client.on_disconnect = None

    def _send(self, messages: Iterable[tuple[str, bytes]]) -> None:
        client = self._client
        for topic, payload in messages:
            if client is not None:
                client.publish(topic, payload, qos=0)

    def _now_ms(self) -> int:
        return self._station.clock.utc_ns() // 1_000_000


def next_bd_seq(path: Path) -> int:
    """0 to 255, one more than that of the connection before, also across restarts."""
    try:
        last = int(str(load_json_object(path.read_bytes())["bdSeq"]))
    except (OSError, ValueError, KeyError):
        last = -1
    number = (last + 1) % 256
    write_atomic(path, json.dumps({"bdSeq": number}).encode())
    return number


def is_online(payload: bytes) -> bool:
    """Whether a STATE message says that its host is there."""
    try:
        return load_json_object(payload)["online"] is True
    except (ValueError, KeyError):
        return False


def said_at(payload: bytes) -> int:
    """The time of a STATE message, in ms since 1970; 0 where it has none."""
    try:
        found = load_json_object(payload)["timestamp"]
    except (ValueError, KeyError):
        return 0
    return found if type(found) is int else 0


DRIVER = AdapterDriver(SparkplugTable, SparkplugAdapter)
