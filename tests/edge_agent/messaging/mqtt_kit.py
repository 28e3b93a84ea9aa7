"""A line, as a sender sees it, and a plant that listens, for tests against a real broker."""

from __future__ import annotations

import threading
from collections import Counter
from pathlib import Path
from typing import Any, Self

import paho.mqtt.client as paho
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from edge_agent.contracts.core.clock import SystemClock
from edge_agent.messaging.config import MqttTable
from edge_agent.messaging.mqtt.sender import Sender
from tests.edge_agent.messaging.outbox_kit import open_outbox, put
from tests.station_kit import wait_until


class Line:
    """An outbox of the station `test`, and its sender."""

    def __init__(self, folder: Path, port: int, *, client_id: str = "line", **keys: object) -> None:
        self.folder = folder
        table = {"host": "127.0.0.1", "port": port, "reconnect_max_s": 0.2, **keys}
        self.outbox = open_outbox(folder, on_commit=lambda: self.sender.wake())
        self.sender = Sender(
            MqttTable.model_validate(table),
            station="test",
            client_id=client_id,
            outbox=self.outbox,
            clock=SystemClock(),
            tick_s=0.05,
        )
        self.sender.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.end(0)

    def put(self, count: int) -> list[str]:
        return put(self.outbox, count)

    def says(self, text: str) -> bool:
        """Whether a fault with this text is told soon."""
        return wait_until(lambda: text in " ".join([self.sender.fault, *self.sender.faults]))

    def end(self, drain_s: float = 5) -> None:
        self.sender.stop(drain_s)
        self.outbox.stop()


class Client:
    """Any other client of the broker: counts what it gets, by topic."""

    def __init__(self, port: int, *topics: str, client_id: str = "", session_s: int = 0) -> None:
        self.payloads: list[tuple[str, bytes]] = []
        self.ended: list[str] = []
        self._ready = threading.Event()
        self._client = paho.Client(
            paho.CallbackAPIVersion.VERSION2, client_id=client_id, protocol=paho.MQTTv5
        )
        self._client.reconnect_delay_set(0.05, 0.2)
        self._client.on_message = lambda _c, _u, m: self.payloads.append((m.topic, m.payload))
        self._client.on_disconnect = lambda _c, _u, _f, reason, _p: self.ended.append(str(reason))
        self._client.on_connect = lambda client, *_: self._subscribe(client, topics)
        self._client.on_subscribe = lambda *_: self._ready.set()
        properties = Properties(PacketTypes.CONNECT)
        properties.SessionExpiryInterval = session_s
        self._client.connect("127.0.0.1", port, clean_start=not session_s, properties=properties)
        self._client.loop_start()
        if not self._ready.wait(10):
            raise TimeoutError("the broker did not answer within 10 s")

    def _subscribe(self, client: paho.Client, topics: tuple[str, ...]) -> None:
        for topic in topics:
            client.subscribe(topic, qos=1)
        if not topics:
            self._ready.set()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._client.disconnect()
        self._client.loop_stop()

    def publish(
        self, topic: str, payload: str | bytes, qos: int = 1, *, retain: bool = False
    ) -> None:
        info = self._client.publish(topic, payload, qos=qos, retain=retain)
        if qos:
            info.wait_for_publish(5)

    def count(self) -> Counter[bytes]:
        """Payload -> how often it came."""
        return Counter(payload for _, payload in list(self.payloads))

    def documents(self) -> list[dict[str, Any]]:
        """Every payload as JSON."""
        import json

        return [json.loads(payload) for _, payload in list(self.payloads)]
