"""The collector's connection to the broker: its session, what it subscribes to, its confirmations.

Alone, a collector subscribes to all stations at once. With a share of the stations it learns their
names from state and health, which it reads of all, and subscribes to each of its own. In a group
the broker gives each message to one member (shared subscription, MQTT 5).
"""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, NamedTuple, Self

from deploy.history.sharing import Share
from deploy.history.waker import Waker
from edge_agent.broker import packets
from edge_agent.broker.packets import Answer, Login, Packet
from edge_agent.contracts.core.clock import Clock
from edge_agent.contracts.core.errors import BrokerAwayError, BrokerError
from edge_agent.contracts.core.log_limit import LogLimit
from edge_agent.contracts.core.strict import validate
from edge_agent.contracts.wire.kinds.ack import AckMessage
from edge_agent.contracts.wire.stream import topic_of
from edge_agent.contracts.wire.streams import STREAMS, outbound
from edge_agent.messaging.config import MqttTable
from edge_agent.messaging.mqtt.connection import Connection, ConnectionLostError

LOG = logging.getLogger("lineside.collect")

SESSION_S = 7 * 86400
KEEPALIVE_S = 60
PACKET_MAX = 1 << 20
"""Bytes of a packet; the broker keeps longer ones from us (MQTT 5)."""
WAIT_MIN_S, WAIT_MAX_S = 0.2, 10.0
"""Between two attempts to connect."""
TICK_S = 0.5
NO_SHARED = 0x9E
"""Reason code: shared subscriptions not supported (MQTT 5, section 2.4)."""


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

    def table(self) -> MqttTable:
        """The same in the words of a station's [mqtt]; raises ConfigError."""
        found: dict[str, object] = {
            "host": self.host,
            "port": self.port,
            "protocol": self.protocol,
            "keepalive_s": KEEPALIVE_S,
        }
        if self.ca_file is not None:
            found["tls"] = {"ca_file": self.ca_file.absolute()}
        return validate(MqttTable, found, "the options of `collect`")


class Incoming(NamedTuple):
    """A message as it came; connection: by which of the collector's connections, one after another.

    A packet number means nothing on a later connection than its own; 0: QoS 0.
    """

    topic: str
    payload: bytes
    number: int
    connection: int


class Subscriber:
    """Hands every message to `take`, which may wait; that slows the broker down. What it does not
    take stays at the broker.

    One thread owns the connection; it connects again for ever.
    """

    def __init__(self, broker: Broker, take: Callable[[Incoming], bool], clock: Clock) -> None:
        self._broker = broker
        self._take = take
        self._clock = clock
        self._log = LogLimit(LOG, clock)
        self._stations: set[str] = set()
        self._count = 0
        self._number = 0
        self._asked: set[int] | None = None
        self._unanswered: set[int] = set()
        self._confirmations: deque[tuple[str, bytes]] = deque()
        self._released: deque[Incoming] = deque()
        self._durable = [name for name, stream in STREAMS.items() if stream.durable]
        self._latest = [name for name in outbound() if name not in self._durable]
        self._ended = threading.Event()
        self._waker: Waker | None = None
        self._thread: threading.Thread | None = None

    def __enter__(self) -> Self:
        """Connect; raises BrokerError where no broker is there, and ConfigError."""
        connection, waker = self._new_connection(), Waker()
        try:
            connection.open(waker.end)
        except ConnectionLostError as lost:
            connection.close()
            waker.close()
            cure = "start the broker, or correct the options of `collect`"
            kind = BrokerAwayError if lost.away else BrokerError
            raise kind(lost.what, where=lost.where, cure=cure) from lost
        self._waker = waker
        self._thread = threading.Thread(
            target=self._run, args=(connection, waker), name="collector-mqtt", daemon=True
        )
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._wake()
        if self._thread is not None:
            self._thread.join()
        if self._waker is not None:
            self._waker.close()

    @property
    def is_subscribed(self) -> bool:
        """Whether the broker has taken every subscription of the present connection."""
        return self._asked == set()

    @property
    def stations(self) -> frozenset[str]:
        """With a share: the stations whose messages the broker sends us."""
        return frozenset(self._stations) if self.is_subscribed else frozenset()

    def takes(self, station: str) -> bool:
        """Whether a station's messages are ours to store."""
        return self._broker.share.takes(station)

    def confirm(self, station: str, ack: AckMessage) -> None:
        """Tell a station what is stored. A word that is lost is said again at the next repeat."""
        topic = topic_of("ack", self._broker.prefix, station)
        self._confirmations.append((topic, ack.model_dump_json().encode()))
        self._wake()

    def release(self, messages: Iterable[Incoming]) -> None:
        """These are committed, or nothing can be done with them: the broker may forget them."""
        if self._broker.hold:
            self._released.extend(messages)
            self._wake()

    def _wake(self) -> None:
        if self._waker is not None:
            self._waker.wake()

    # --- the thread

    def _run(self, connection: Connection, waker: Waker) -> None:
        wait_s, is_open = WAIT_MIN_S, True
        while not self._ended.is_set():
            try:
                if not is_open:
                    connection.open(waker.end)
                wait_s = WAIT_MIN_S
                self._serve(connection, waker)
            except BrokerError as lost:
                self._log.log(logging.ERROR, "lost", f"nothing arrives for now: {lost}")
            finally:
                connection.close()
                self._asked = None
            self._ended.wait(wait_s)
            wait_s = min(2 * wait_s, WAIT_MAX_S)
            connection, is_open = self._new_connection(), False

    def _new_connection(self) -> Connection:
        table = self._broker.table()
        login = Login(
            client_id=self._broker.client_id,
            keepalive_s=KEEPALIVE_S,
            username=self._broker.username,
            password=self._broker.password,
            properties={packets.SESSION_EXPIRY: SESSION_S, packets.MAXIMUM_PACKET: PACKET_MAX},
            keeps_session=True,
        )
        return Connection(table, login, self._clock)

    def _serve(self, connection: Connection, waker: Waker) -> None:
        """One connection, until it ends; raises ConnectionLostError."""
        self._count += 1
        self._unanswered.clear()
        self._asked = {self._subscribe(connection, topic) for topic in self._topics()}
        while not self._ended.is_set():
            for packet in connection.exchange(TICK_S, waker.end):
                self._handle(packet, connection)
            self._send_waiting(connection)
        self._send_waiting(connection)

    def _handle(self, packet: Packet, connection: Connection) -> None:
        if isinstance(packet, packets.Incoming):
            self._arrived(packet, connection)
        elif isinstance(packet, Answer) and packet.kind == packets.PUBACK:
            self._unanswered.discard(packet.number)
        elif isinstance(packet, Answer):
            self._subscribed(packet)

    def _arrived(self, packet: packets.Incoming, connection: Connection) -> None:
        topic = packet.topic
        taken = self._take(Incoming(topic, packet.payload, packet.number, self._count))
        if taken and packet.number and not self._broker.hold:
            connection.send(packets.puback_packet(packet.number))
        if self._broker.share.whole:
            return
        station = topic.rsplit("/", 2)[-2]
        if station not in self._stations and self.takes(station) and self._asked is not None:
            self._stations.add(station)
            for one in self._topics_of(station):
                self._asked.add(self._subscribe(connection, one))

    def _send_waiting(self, connection: Connection) -> None:
        """Confirmations, as many as the broker allows without an answer, and held PUBACKs."""
        while self._released:
            message = self._released.popleft()
            if message.number and message.connection == self._count:
                connection.send(packets.puback_packet(message.number))
        # One place stays free for what is not a confirmation, where there is more than one.
        limit = max(1, connection.receive_maximum - 1)
        while self._confirmations and len(self._unanswered) < limit:
            topic, payload = self._confirmations.popleft()
            head = packets.publish_head(topic, qos=1, retain=False)
            number = self._next_number()
            self._unanswered.add(number)
            connection.send(packets.publish_packet(head, number, payload, v5=connection.v5))

    # --- subscriptions

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

    def _subscribe(self, connection: Connection, topic: str) -> int:
        """The number of the packet, which the broker's answer names."""
        number = self._next_number()
        connection.send(packets.subscribe_packet(number, topic, v5=connection.v5))
        return number

    def _subscribed(self, answer: Answer) -> None:
        if self._asked is not None:
            self._asked.discard(answer.number)
        if answer.code == NO_SHARED:
            text = "this broker has no shared subscriptions: use --share in place of --group"
            self._log.log(logging.ERROR, "group", text)
        elif answer.code >= packets.FAILURE:
            text = "the broker refuses a subscription: let its ACL allow this user to read"
            self._log.log(logging.ERROR, "suback", f"{text} {self._broker.prefix}/#")

    def _next_number(self) -> int:
        while True:
            self._number = self._number % 65535 + 1
            if self._number not in self._unanswered:
                return self._number
