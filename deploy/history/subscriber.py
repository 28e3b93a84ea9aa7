"""The collector's connection to the broker: its session, what it subscribes to, its confirmations.

Alone, a collector subscribes to all stations at once. With a share of the stations it learns their
names from state and health, which it reads of all, and subscribes to each of its own. In a group
the broker gives each message to one member (shared subscription, MQTT 5).
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, NamedTuple, Self

from paho.mqtt.client import Client, ConnectFlags, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from deploy.history.sharing import Share
from edge_agent.contracts.core.clock import Clock
from edge_agent.contracts.core.errors import BrokerError
from edge_agent.contracts.core.log_limit import LogLimit
from edge_agent.contracts.wire.kinds.ack import AckMessage
from edge_agent.contracts.wire.stream import topic_of
from edge_agent.contracts.wire.streams import STREAMS, outbound

LOG = logging.getLogger("lineside.collect")

SESSION_S = 7 * 86400
PACKET_MAX = 1 << 20
"""Bytes of a packet; the broker keeps longer ones from us (MQTT 5)."""
VERSIONS = {"5": MQTTProtocolVersion.MQTTv5, "3.1.1": MQTTProtocolVersion.MQTTv311}


@dataclass(frozen=True)
class Broker:
    """Where the broker is, as whom, and for which stations.

    hold: keep the broker's own acknowledgement (PUBACK) back until a message is committed.
    """

    host: str
    port: int
    prefix: str = "lineside"
    client_id: str = "lineside-collector"
    username: str | None = None
    password: str | None = None
    ca_file: Path | None = None
    protocol: Literal["5", "3.1.1"] = "5"
    share: Share = field(default_factory=Share)
    group: str = ""
    hold: bool = False


class Incoming(NamedTuple):
    """A message as it came; connection: by which of the collector's connections, one after another.

    A packet number means nothing on a later connection than its own.
    """

    topic: str
    payload: bytes
    number: int
    qos: int
    connection: int


class Subscriber:
    """Hands every message to `take`, which may wait; that slows the broker down."""

    def __init__(self, broker: Broker, take: Callable[[Incoming], None], clock: Clock) -> None:
        self._broker = broker
        self._take = take
        self._log = LogLimit(LOG, clock)
        self._stations: set[str] = set()
        self._connection = 0
        self._asked = {0}
        self._durable = [name for name, stream in STREAMS.items() if stream.durable]
        self._latest = [name for name in outbound() if name not in self._durable]
        self._client = Client(
            CallbackAPIVersion.VERSION2,
            client_id=broker.client_id,
            protocol=VERSIONS[broker.protocol],
            clean_session=False if broker.protocol == "3.1.1" else None,
            manual_ack=broker.hold,
        )
        self._client.on_connect = self._connected
        self._client.on_subscribe = self._subscribed
        self._client.on_message = lambda _client, _user, message: self._arrived(message)
        if broker.username is not None:
            self._client.username_pw_set(broker.username, broker.password)
        if broker.ca_file is not None:
            self._client.tls_set(str(broker.ca_file))

    def __enter__(self) -> Self:
        self._connect()
        self._client.loop_start()
        return self

    def __exit__(self, *_: object) -> None:
        self._client.disconnect()
        self._client.loop_stop()

    @property
    def is_subscribed(self) -> bool:
        """Whether the broker has taken every subscription of the present connection."""
        return self._client.is_connected() and not self._asked

    @property
    def stations(self) -> frozenset[str]:
        """With a share: the stations whose messages the broker sends us."""
        return frozenset(self._stations) if self.is_subscribed else frozenset()

    def takes(self, station: str) -> bool:
        """Whether a station's messages are ours to store."""
        return self._broker.share.takes(station)

    def confirm(self, station: str, ack: AckMessage) -> None:
        """Tell a station what is stored."""
        topic = topic_of("ack", self._broker.prefix, station)
        self._client.publish(topic, ack.model_dump_json(), qos=1)

    def release(self, messages: Iterable[Incoming]) -> None:
        """These are committed, or nothing can be done with them: the broker may forget them."""
        if self._broker.hold:
            for message in messages:
                if message.connection == self._connection:
                    self._client.ack(message.number, message.qos)

    def _connect(self) -> None:
        five = self._broker.protocol == "5"
        properties = Properties(PacketTypes.CONNECT) if five else None  # type: ignore[no-untyped-call]
        if properties is not None:
            properties.SessionExpiryInterval = SESSION_S
            properties.MaximumPacketSize = PACKET_MAX
        host, port = self._broker.host, self._broker.port
        try:
            self._client.connect(
                host, port, clean_start=False if five else 3, properties=properties
            )
        except OSError as error:
            raise BrokerError(
                f"cannot be reached ({error})",
                where=f"broker {host}:{port}",
                cure="start the broker, or correct --host and --port",
            ) from error

    # --- paho's thread

    def _connected(
        self,
        client: Client,
        _user: object,
        _flags: ConnectFlags,
        reason: ReasonCode,
        properties: Properties | None,
    ) -> None:
        self._connection += 1
        if reason.is_failure:
            text = f"the broker refuses the collector ({reason}): check user, password and ACL"
            self._log.log(logging.ERROR, "refused", text)
            return
        if self._broker.group and getattr(properties, "SharedSubscriptionAvailable", 1) == 0:
            text = "this broker has no shared subscriptions: use --share in place of --group"
            self._log.log(logging.ERROR, "group", text)
            return
        self._asked = {self._subscribe(client, self._topics())}

    def _subscribe(self, client: Client, topics: list[str]) -> int:
        """The number of the packet, which the broker's answer names."""
        _, number = client.subscribe([(topic, 1) for topic in topics])
        return number or 0

    def _topics(self) -> list[str]:
        prefix, group = self._broker.prefix, self._broker.group
        latest = [topic_of(name, prefix, "+") for name in self._latest]
        if group:
            durable = [f"$share/{group}/{topic_of(name, prefix, '+')}" for name in self._durable]
        elif self._broker.share.whole:
            durable = [topic_of(name, prefix, "+") for name in self._durable]
        else:
            durable = [topic for station in self._stations for topic in self._topics_of(station)]
        return [*durable, *latest]

    def _topics_of(self, station: str) -> list[str]:
        return [topic_of(name, self._broker.prefix, station) for name in self._durable]

    def _subscribed(
        self,
        _client: Client,
        _user: object,
        number: int,
        reasons: list[ReasonCode],
        _properties: Properties | None,
    ) -> None:
        self._asked.discard(number)
        if any(reason.is_failure for reason in reasons):
            text = "the broker refuses a subscription: let its ACL allow this user to read"
            self._log.log(logging.ERROR, "suback", f"{text} {self._broker.prefix}/#")

    def _arrived(self, message: MQTTMessage) -> None:
        topic, payload = message.topic, bytes(message.payload)
        self._take(Incoming(topic, payload, message.mid, message.qos, self._connection))
        if self._broker.share.whole:
            return
        station = topic.rsplit("/", 2)[-2]
        if station not in self._stations and self.takes(station):
            self._stations.add(station)
            self._asked.add(self._subscribe(self._client, self._topics_of(station)))
