"""One connection of the probe, its network served by paho's own thread."""

from __future__ import annotations

import threading
import time
from typing import Self

from paho.mqtt.client import ConnectFlags
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from edge_agent.broker.client import build_client, connect, refuse_unless_connected
from edge_agent.broker.packets import Will
from edge_agent.contracts.core.errors import BrokerError
from edge_agent.messaging.config import MqttTable

WAIT_S = 5.0
SILENCE_S = 1.0
"""What has not come back after it does not come."""


class ProbeClient:
    """Connects in `with`; raises BrokerError where the broker refuses it or does not answer."""

    def __init__(
        self,
        config: MqttTable,
        client_id: str,
        *,
        fresh: bool = True,
        session_s: int = 0,
        will: Will | None = None,
    ) -> None:
        self.session_present = False
        self.payloads: list[bytes] = []
        self.limits: Properties | None = None
        self._config = config
        self._fresh = fresh
        self._session_s = session_s
        self._answer: ReasonCode | None = None
        self._codes: dict[tuple[str, int], ReasonCode] = {}
        self._change = threading.Condition()
        self._client = build_client(config, client_id)
        self._client.on_connect = lambda _c, _u, flags, code, limits: self._connected(
            flags, code, limits
        )
        self._client.on_message = lambda _c, _u, message: self._came(bytes(message.payload))
        self._client.on_disconnect = lambda *_: self._ended()
        self._closed = False
        self._client.on_publish = lambda _c, _u, mid, code, _p: self._note("publish", mid, code)
        self._client.on_subscribe = lambda _c, _u, mid, codes, _p: self._note(
            "subscribe", mid, codes[0]
        )
        if will is not None:
            self._client.will_set(will.topic, will.payload, qos=will.qos, retain=will.retain)

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

    def __exit__(self, *_: object) -> None:
        self._leave()

    def subscribe(self, topic: str) -> ReasonCode | None:
        """Subscribe with QoS 1; returns the broker's answer, None where none came in time."""
        mid = self._client.subscribe(topic, qos=1)[1]
        return self._code("subscribe", mid)

    def publish(
        self, topic: str, payloads: list[bytes], *, retain: bool = False
    ) -> ReasonCode | None:
        """Publish with QoS 1; returns the answer to the last one, None where one is missing."""
        numbers = [self._client.publish(topic, p, qos=1, retain=retain).mid for p in payloads]
        until = time.monotonic() + WAIT_S
        codes = [self._code("publish", n, max(0.0, until - time.monotonic())) for n in numbers]
        return None if None in codes else codes[-1]

    def receive(self, count: int, silence_s: float = SILENCE_S) -> int:
        """Wait for `count` messages, for silence, or for the end of the connection; returns how
        many came.
        """
        with self._change:
            while len(self.payloads) < count and not self._closed:
                if not self._change.wait(silence_s):
                    break
            return len(self.payloads)

    def _code(self, kind: str, mid: int | None, limit_s: float = WAIT_S) -> ReasonCode | None:
        if mid is None:
            return None
        with self._change:
            self._change.wait_for(lambda: (kind, mid) in self._codes or self._closed, limit_s)
            return self._codes.get((kind, mid))

    def _note(self, kind: str, mid: int, code: ReasonCode) -> None:
        with self._change:
            self._codes[kind, mid] = code
            self._change.notify_all()

    def _connected(
        self, flags: ConnectFlags, reason: ReasonCode, limits: Properties | None
    ) -> None:
        with self._change:
            self._answer = reason
            self.session_present = flags.session_present
            self.limits = limits
            self._change.notify_all()

    def _came(self, payload: bytes) -> None:
        with self._change:
            self.payloads.append(payload)
            self._change.notify_all()

    def _ended(self) -> None:
        with self._change:
            self._closed = True
            self._change.notify_all()

    def _leave(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()
