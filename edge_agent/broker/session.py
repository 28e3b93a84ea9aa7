"""A connection to a broker for one driver: its own client, no session that outlives it."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable, Sequence

from paho.mqtt.client import Client, ConnectFlags, DisconnectFlags, MQTTMessage
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from edge_agent.broker.address import CONNECT_S, address
from edge_agent.broker.client import build_client, connect, refusal, refuse_unless_connected
from edge_agent.broker.config import BrokerTable
from edge_agent.contracts.core.errors import BrokerError, DeviceError

OnMessage = Callable[[MQTTMessage], None]


def ignore(message: MQTTMessage) -> None:
    """For a session that only publishes."""
    del message


class BrokerSession:
    """Connects, subscribes and publishes with QoS 1; `lost` says why the connection is gone.

    on_message: called in the client's thread. will: (topic, payload) that the broker publishes
    when this program dies. change: is notified when `lost` changes, for a caller that waits for
    more than the connection.
    """

    def __init__(
        self,
        broker: BrokerTable,
        name: str,
        *,
        topics: Sequence[str] = (),
        on_message: OnMessage = ignore,
        will: tuple[str, bytes] | None = None,
        change: threading.Condition | None = None,
    ) -> None:
        self.lost = "not open"
        self._broker = broker
        self._name = name
        self._topics = list(topics)
        self._message = on_message
        self._will = will
        self._client: Client | None = None
        self._answer: ReasonCode | None = None
        self._granted: list[ReasonCode] | None = None
        self._change = change or threading.Condition()

    @property
    def where(self) -> str:
        """`broker host:port`."""
        return address(self._broker)

    def open(self) -> None:
        """Connect and subscribe; raises DeviceError when the broker is not there or refuses."""
        self.close()
        self.lost, self._answer, self._granted = "", None, None
        client = build_client(self._broker, f"lineside-{self._name}-{uuid.uuid4().hex[:8]}")
        client.on_connect = self._on_connect
        client.on_subscribe = self._on_subscribe
        client.on_message = self._on_message
        client.on_disconnect = self._on_disconnect
        if self._will is not None:
            client.will_set(*self._will, qos=1)
        self._client = client
        try:
            connect(client, self._broker, session_expiry_s=0, fresh=True)
            with self._change:
                # Where close() came first, it found no thread to wait for.
                if self._client is not client:
                    raise self._error("was closed while it connected")
                client.loop_start()
            self._await_connection()
            self._subscribe(client)
        except BrokerError as error:
            self.close()
            raise DeviceError(error.what, where=error.where, cure=error.cure) from error

    def publish(
        self, topic: str, payload: bytes, timeout_s: float, *, retain: bool = False
    ) -> None:
        """Publish; raises DeviceError when the broker does not confirm in time."""
        client = self._client
        if client is None or self.lost:
            raise self._error(f"the connection is lost ({self.lost})")
        message = client.publish(topic, payload, qos=1, retain=retain)
        try:
            message.wait_for_publish(timeout_s)
        except (RuntimeError, ValueError) as error:
            raise self._error(f"takes no message ({error})") from error
        if not message.is_published():
            raise self._error(f"confirms nothing within {timeout_s:g} s")

    def close(self) -> None:
        """Leave the broker; the will is not sent."""
        with self._change:
            client, self._client = self._client, None
            self.lost = "not open"
            self._change.notify_all()
        if client is not None:
            client.disconnect()
            client.loop_stop()

    def _error(self, what: str) -> DeviceError:
        return DeviceError(what, where=self.where, cure="check the broker and the network")

    def _await_connection(self) -> None:
        with self._change:
            self._change.wait_for(lambda: self._answer is not None or self.lost, CONNECT_S)
            refuse_unless_connected(self._broker, self._answer, closed=bool(self.lost))

    def _subscribe(self, client: Client) -> None:
        if not self._topics:
            return
        client.subscribe([(topic, 1) for topic in self._topics])
        with self._change:
            self._change.wait_for(lambda: self._granted is not None or self.lost, CONNECT_S)
            granted = self._granted or []
        for topic, reason in zip(self._topics, granted, strict=False):
            if reason.is_failure:
                raise refusal(self._broker, reason, f"refuses the subscription to {topic}")
        if not granted:
            what = f"does not answer the subscription to {self._topics[0]} within {CONNECT_S:g} s"
            raise BrokerError(what, where=self.where, cure="see the broker's log")

    def _on_message(self, client: Client, userdata: object, message: MQTTMessage) -> None:
        if client is self._client:
            self._message(message)

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
            self._change.notify_all()

    def _on_subscribe(
        self,
        client: Client,
        userdata: object,
        mid: int,
        reasons: list[ReasonCode],
        properties: Properties | None,
    ) -> None:
        with self._change:
            self._granted = reasons
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
            if client is self._client:
                self.lost = str(reason)
                self._change.notify_all()
