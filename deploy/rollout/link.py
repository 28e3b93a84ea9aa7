"""A connection to the broker that comes back by itself: reports in, retained messages out."""

from __future__ import annotations

import ssl
import threading
import uuid
from collections.abc import Callable

from paho.mqtt.client import Client, ConnectFlags, MQTTMessage, MQTTv5
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from deploy.broker.client import CURES, WAIT_S, tls_cure
from deploy.broker.target import BrokerTarget
from edge_agent.contracts.core.errors import BrokerAwayError, BrokerError

IN_FLIGHT = 100

OnReport = Callable[[str, bytes], None]
"""Is given topic and payload, in paho's thread."""


class Link:
    """Subscribes to `topic` on every connection; MQTT 5, for messages that expire at the broker."""

    def __init__(self, target: BrokerTarget, topic: str, on_report: OnReport) -> None:
        self._target = target
        self._topic = topic
        self._on_report = on_report
        self._client: Client | None = None
        self._refused = ""
        self._is_ready = False
        self._change = threading.Condition()

    def open(self) -> None:
        """Connect and subscribe; raises BrokerError, or ConfigError for unreadable certificates."""
        client = self._build()
        try:
            client.connect(self._target.host, self._target.port, keepalive=15)
        except ssl.SSLError as error:
            raise self._error(f"TLS fails ({error})", tls_cure(error)) from error
        except (OSError, UnicodeError) as error:
            reason = getattr(error, "strerror", None) or error
            cure = "start the broker, or correct [mqtt] of stations.toml"
            raise BrokerAwayError(
                f"cannot be reached ({reason})", where=self._target.address, cure=cure
            ) from error
        self._client = client
        client.loop_start()
        with self._change:
            self._change.wait_for(lambda: self._is_ready or self._refused, 2 * WAIT_S)
        if not self._is_ready:
            self.close()
            cure = CURES.get(self._refused, "check [mqtt] of stations.toml, and see its log")
            raise self._error(f"lets us not in ({self._refused or 'no answer'})", cure)

    def publish(self, topic: str, payload: bytes, expiry_s: int) -> None:
        """Leave a retained message for so long; raises BrokerError where it is not confirmed."""
        if self._client is None:
            raise self._error("is not connected", "open the connection")
        properties = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]
        properties.MessageExpiryInterval = expiry_s
        sent = self._client.publish(topic, payload, qos=1, retain=True, properties=properties)
        try:
            sent.wait_for_publish(2 * WAIT_S)
        except (RuntimeError, ValueError) as error:
            raise self._error(f"takes no message ({error})", "see its log") from error
        if not sent.is_published():
            raise self._error("confirms nothing", "check the broker and the network")

    def close(self) -> None:
        """Leave the broker; twice is fine."""
        client, self._client = self._client, None
        if client is not None:
            client.disconnect()
            client.loop_stop()
            client.on_connect = client.on_subscribe = client.on_message = None

    def _build(self) -> Client:
        client = Client(
            CallbackAPIVersion.VERSION2,
            client_id=f"lineside-rollout-{uuid.uuid4().hex[:8]}",
            protocol=MQTTv5,
        )
        client.connect_timeout = WAIT_S
        client.max_inflight_messages_set(IN_FLIGHT)
        if self._target.username is not None:
            client.username_pw_set(self._target.username, self._target.password)
        if self._target.ca_file is not None:
            client.tls_set_context(self._target.tls_context())
        client.on_connect = self._connected
        client.on_subscribe = lambda _c, _u, _mid, codes, _p: self._subscribed(codes)
        client.on_message = self._came
        return client

    def _connected(
        self,
        client: Client,
        userdata: object,
        flags: ConnectFlags,
        code: ReasonCode,
        given: Properties | None,
    ) -> None:
        if code.is_failure:
            self._end(str(code))
        else:
            client.subscribe(self._topic, qos=1)

    def _subscribed(self, codes: list[ReasonCode]) -> None:
        if any(code.is_failure for code in codes):
            self._end(f"{self._topic}: {codes[0]}")
            return
        with self._change:
            self._is_ready = True
            self._change.notify_all()

    def _came(self, client: Client, userdata: object, message: MQTTMessage) -> None:
        self._on_report(message.topic, bytes(message.payload))

    def _end(self, refused: str) -> None:
        with self._change:
            self._refused = refused
            self._change.notify_all()

    def _error(self, what: str, cure: str) -> BrokerError:
        return BrokerError(what, where=self._target.address, cure=cure)
