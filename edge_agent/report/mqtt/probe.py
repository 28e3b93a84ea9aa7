"""Is the broker there, does it let us in, does it keep what it takes? As far as can be seen here.

The probe uses a client id and topics of its own, below PREFIX/STATION/check, and cleans up.
"""

from __future__ import annotations

import socket
import threading
import time
import uuid
from types import TracebackType
from typing import Self

from paho.mqtt.client import Client, ConnectFlags, DisconnectFlags, MQTTMessage
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from edge_agent.broker.client import address, build_client, connect, refuse_unless_connected
from edge_agent.broker.secrets import check_secrets
from edge_agent.contracts.core.check_result import Finding
from edge_agent.contracts.core.errors import BrokerError
from edge_agent.report.config import MqttTable

WAIT_S = 5.0
QUEUED = 1100
"""Messages left for a subscriber that is away: mosquitto's default keeps 1000 of them."""
SESSION_S = 120


class Caller:
    """One connection of the probe, its network served by paho's own thread."""

    def __init__(
        self, config: MqttTable, client_id: str, *, fresh: bool, session_s: int = 0
    ) -> None:
        self.session_present = False
        self.heard: list[bytes] = []
        self.limits: Properties | None = None
        self._config = config
        self._fresh = fresh
        self._session_s = session_s
        self._answer: ReasonCode | None = None
        self._change = threading.Condition()
        self._client = build_client(config, client_id)
        self._client.on_connect = self._on_connect
        self._client.on_message = self._on_message
        self._client.on_disconnect = self._on_disconnect
        self._closed = False

    def __enter__(self) -> Self:
        connect(self._client, self._config, session_expiry_s=self._session_s, fresh=self._fresh)
        self._client.loop_start()
        with self._change:
            self._change.wait_for(lambda: self._answer is not None or self._closed, WAIT_S)
        try:
            refuse_unless_connected(self._config, self._answer, closed=self._closed)
        except BrokerError:
            self._leave()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._leave()

    def subscribe(self, topic: str) -> None:
        """Subscribe with QoS 1; returns when the broker has answered or not in time."""
        done = threading.Event()
        self._client.on_subscribe = lambda *_: done.set()
        self._client.subscribe(topic, qos=1)
        done.wait(WAIT_S)

    def publish(self, topic: str, payloads: list[bytes], *, retain: bool = False) -> bool:
        """Publish with QoS 1; whether everything was acknowledged in time."""
        under_way = [self._client.publish(topic, p, qos=1, retain=retain) for p in payloads]
        until = time.monotonic() + WAIT_S
        for message in under_way:
            message.wait_for_publish(max(0.0, until - time.monotonic()))
        return all(message.is_published() for message in under_way)

    def hear(self, count: int) -> int:
        """How many messages came, waiting for `count` of them or for silence."""
        with self._change:
            while len(self.heard) < count:
                if not self._change.wait(1.0):
                    break
            return len(self.heard)

    def _on_connect(
        self,
        client: Client,
        userdata: object,
        flags: ConnectFlags,
        reason: ReasonCode,
        properties: Properties | None,
    ) -> None:
        with self._change:
            self._answer = reason
            self.session_present = flags.session_present
            self.limits = properties
            self._change.notify_all()

    def _on_message(self, client: Client, userdata: object, message: MQTTMessage) -> None:
        with self._change:
            self.heard.append(bytes(message.payload))
            self._change.notify_all()

    def _on_disconnect(
        self,
        client: Client,
        userdata: object,
        flags: DisconnectFlags,
        reason: ReasonCode,
        properties: Properties | None,
    ) -> None:
        with self._change:
            self._closed = True
            self._change.notify_all()

    def _leave(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()


def probe_broker(config: MqttTable, station: str, client_id: str) -> list[Finding]:
    """What can be said of the broker from here, the first failure last."""
    where = address(config)
    try:
        with socket.create_connection((config.host, config.port), WAIT_S):
            found = [Finding("broker reachable", "OK", f"{where} accepts connections")]
    except OSError as error:
        cure = "start the broker, or correct mqtt.host and mqtt.port"
        return [Finding("broker reachable", "FAIL", f"{where}: {error.strerror or error}", cure)]
    name = f"{client_id}-check-{uuid.uuid4().hex[:8]}"
    topic = f"{config.topic_prefix}/{station}/check/{uuid.uuid4().hex[:8]}"
    try:
        with Caller(config, name, fresh=True) as caller:
            found.append(Finding("broker lets us in", "OK", _how(config)))
            found.append(_limits(caller.limits))
            found.append(_takes(caller, topic))
        if config.protocol == "5":
            found += [_keeps_session(config, name, topic), _keeps_retained(config, name, topic)]
    except BrokerError as error:
        failed = Finding("broker lets us in", "FAIL", error.what, error.cure)
        return [*found, *check_secrets(config), failed]
    return [*found, *check_secrets(config), NOT_PROVEN]


NOT_PROVEN = Finding(
    "broker survives a power cut",
    "UNKNOWN",
    "nobody can see from here whether what it acknowledged is on its disk",
    "mosquitto: persistence true, autosave_interval 1 (see --mosquitto-conf); or ack = "
    '"application"',
)


def _how(config: MqttTable) -> str:
    user = f"as {config.username}" if config.username else "without a user"
    return f"MQTT {config.protocol}, {user}, {'TLS' if config.tls else 'not encrypted'}"


def _limits(properties: Properties | None) -> Finding:
    """QoS and sizes that the broker announced (MQTT 5.0, section 3.2.2.3)."""
    said = {
        name: getattr(properties, name)
        for name in ("ReceiveMaximum", "MaximumQoS", "RetainAvailable", "MaximumPacketSize")
        if hasattr(properties, name)
    }
    text = ", ".join(f"{name} {value}" for name, value in said.items()) or "none announced"
    if said.get("MaximumQoS", 2) < 1:
        return Finding("broker's limits", "FAIL", text, "allow QoS 1 at the broker")
    if said.get("RetainAvailable", 1) == 0:
        return Finding("broker's limits", "FAIL", text, "allow retained messages at the broker")
    if said.get("MaximumPacketSize", 1 << 20) < 8192:
        return Finding("broker's limits", "FAIL", text, "allow packets of 8192 bytes")
    return Finding("broker's limits", "OK", text)


def _takes(caller: Caller, topic: str) -> Finding:
    if caller.publish(topic, [b"probe"]):
        return Finding("broker takes QoS 1", "OK", "acknowledged")
    cure = f"give this user the right to publish below {topic.rsplit('/', 2)[0]}"
    return Finding("broker takes QoS 1", "FAIL", "no acknowledgement", cure)


def _keeps_session(config: MqttTable, name: str, topic: str) -> Finding:
    """A subscriber goes away, messages are published, it comes back: does it get all of them?"""
    what = "broker keeps a session"
    with Caller(config, name, fresh=True, session_s=SESSION_S) as away:
        away.subscribe(topic)
    with Caller(config, f"{name}-2", fresh=True) as caller:
        caller.publish(topic, [b"%d" % k for k in range(QUEUED)])
    with Caller(config, name, fresh=False, session_s=0) as back:
        if not back.session_present:
            cure = "let the broker keep sessions (mosquitto: persistent_client_expiration)"
            return Finding(what, "WARN", "our session was gone after a reconnection", cure)
        heard = back.hear(QUEUED)
    if heard < QUEUED:
        detail = f"a subscriber that was away got {heard} of {QUEUED} messages"
        return Finding(what, "WARN", detail, "mosquitto: max_queued_messages 0")
    return Finding(what, "OK", f"a subscriber that was away got all {QUEUED} messages")


def _keeps_retained(config: MqttTable, name: str, topic: str) -> Finding:
    what, kept = "broker keeps the state", f"{topic}/retained"
    with Caller(config, name, fresh=True) as caller:
        caller.publish(kept, [b"kept"], retain=True)
    with Caller(config, name, fresh=True) as caller:
        caller.subscribe(kept)
        heard = caller.hear(1)
        caller.publish(kept, [b""], retain=True)
    if heard:
        return Finding(what, "OK", "a retained message is there after a reconnection")
    return Finding(what, "FAIL", "a retained message was gone", "allow retained messages")
