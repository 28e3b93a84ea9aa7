"""Collects the durable messages of all stations: subscribe, de-duplicate, commit, then confirm.

Only after the commit a station is told (mqtt.ack = "application") that it may delete a message, so
a verdict is safe in the plant's database and not only at a broker.
"""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from pydantic import ValidationError

from deploy.history.store import HistoryStore
from edge_agent.contracts.core.errors import BrokerError
from edge_agent.contracts.wire.kinds.ack import AckMessage
from edge_agent.contracts.wire.messages import DurableMessage
from edge_agent.contracts.wire.streams import STREAMS

LOG = logging.getLogger("lineside.collect")

BATCH = 1000
GATHER_S = 0.1
"""A batch is committed when it is full, or this long after its first message."""
SESSION_S = 7 * 86400
WAITING_MAX = 50_000
"""Messages that may wait for the disk; then the broker is not read until there is room."""


@dataclass(frozen=True)
class Broker:
    """Where the broker is, and as whom."""

    host: str
    port: int
    prefix: str = "lineside"
    client_id: str = "lineside-collector"
    username: str | None = None
    password: str | None = None
    ca_file: Path | None = None


class Collector:
    """run() until `stop` is set; counts what it stored."""

    def __init__(self, broker: Broker, store: HistoryStore) -> None:
        self.new = 0
        self.repeated = 0
        self.unreadable = 0
        self._broker = broker
        self._store = store
        self._arrived: queue.Queue[MQTTMessage] = queue.Queue(WAITING_MAX)
        self._client = Client(
            CallbackAPIVersion.VERSION2,
            client_id=broker.client_id,
            protocol=MQTTProtocolVersion.MQTTv5,
        )
        self._client.on_connect = lambda client, *_: self._subscribe(client)
        self._client.on_message = lambda _c, _u, message: self._arrived.put(message)
        if broker.username is not None:
            self._client.username_pw_set(broker.username, broker.password)
        if broker.ca_file is not None:
            self._client.tls_set(str(broker.ca_file))

    def run(self, stop: threading.Event) -> None:
        """Collect until `stop` is set; raises BrokerError where no broker is there at the start."""
        properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
        properties.SessionExpiryInterval = SESSION_S
        where = f"broker {self._broker.host}:{self._broker.port}"
        try:
            self._client.connect(
                self._broker.host, self._broker.port, clean_start=False, properties=properties
            )
        except OSError as error:
            cure = "start the broker, or correct --host and --port"
            raise BrokerError(f"cannot be reached ({error})", where=where, cure=cure) from error
        self._client.loop_start()
        try:
            while not stop.is_set():
                self._collect(self._gather())
        finally:
            self._client.disconnect()
            self._client.loop_stop()

    def _subscribe(self, client: Client) -> None:
        durable = [name for name, stream in STREAMS.items() if stream.durable]
        client.subscribe([(f"{self._broker.prefix}/+/{name}", 1) for name in durable])

    def _gather(self) -> list[MQTTMessage]:
        try:
            batch = [self._arrived.get(timeout=0.5)]
        except queue.Empty:
            return []
        until = time.monotonic() + GATHER_S
        while len(batch) < BATCH:
            try:
                batch.append(self._arrived.get(timeout=max(0.0, until - time.monotonic())))
            except queue.Empty:
                break
        return batch

    def _collect(self, batch: Iterable[MQTTMessage]) -> None:
        """Commit a batch, and confirm it after that."""
        messages = [m for arrived in batch if (m := self._read(arrived)) is not None]
        if not messages:
            return
        stored = self._store.add(messages)
        self.new, self.repeated = self.new + stored.new, self.repeated + stored.repeated
        by_station: defaultdict[str, list[str]] = defaultdict(list)
        for message in messages:
            by_station[message.station].append(message.event_id)
        for station, event_ids in by_station.items():
            topic = STREAMS["ack"].topic(self._broker.prefix, station)
            ack = AckMessage(event_ids=event_ids)
            self._client.publish(topic, ack.model_dump_json(), qos=1)

    def _read(self, arrived: MQTTMessage) -> DurableMessage | None:
        """A message that is what its topic says; a stranger's is counted and left out."""
        _, station, name = arrived.topic.rsplit("/", 2)
        try:
            message = STREAMS[name].message.model_validate_json(arrived.payload)
        except ValidationError:
            self.unreadable += b'"kind":"check"' not in arrived.payload[:200]
            return None
        if (
            not isinstance(message, DurableMessage)
            or message.station != station
            or not message.event_id.startswith(f"{station}/")
        ):
            self.unreadable += 1
            return None
        return message
