"""The sender: from the outbox to the broker, at least once and in order.

A message leaves the outbox only after a PUBACK with a success code (or, with ack = "application",
after a receiver confirmed its event id). Every connection starts again at the oldest message that
is not confirmed. One thread owns the MQTT client and its socket.
"""

from __future__ import annotations

import logging
import random
import select
import socket
import threading
import time
from collections import OrderedDict

from paho.mqtt.client import Client, ConnectFlags, DisconnectFlags, MQTTMessage
from paho.mqtt.enums import MQTTErrorCode
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode
from pydantic import BaseModel, ValidationError

from edge_agent.broker.client import CONNECT_S, address, build_client, connect, refusal
from edge_agent.contracts.core.clock import Clock
from edge_agent.contracts.core.errors import BrokerError, LinesideError
from edge_agent.contracts.wire.messages import AckMessage, HealthMessage, StateMessage
from edge_agent.contracts.wire.streams import STREAMS, stream_of
from edge_agent.report.config import MqttTable
from edge_agent.report.outbox import Outbox
from edge_agent.report.outbox_store import Key, Row

LOG = logging.getLogger("lineside.mqtt")

FIRST_WAIT_S = 0.2
"""The wait before the second attempt to connect; it doubles up to mqtt.reconnect_max_s."""
TICK_S = 0.5
FAREWELL_S = 2.0
"""Longest wait for the broker's answer to the last state message."""
BEGIN: Key = (-1, -1)


class Sender:
    """Sends the outbox, the state (retained, also as last will) and the health."""

    def __init__(
        self, config: MqttTable, *, station: str, client_id: str, outbox: Outbox, clock: Clock
    ) -> None:
        self.fault = "not connected yet"
        self.confirmed = 0
        self._config = config
        self._station = station
        self._client_id = client_id
        self._outbox = outbox
        self._clock = clock
        self._reader = outbox.reader()
        self._state: StateMessage | None = None
        self._news: dict[str, BaseModel] = {}
        self._under_way: OrderedDict[int, Key | None] = OrderedDict()
        self._unconfirmed: OrderedDict[Key, float] = OrderedDict()
        self._cursor = BEGIN
        self._attempts = 0
        self._refused: BrokerError | None = None
        self._answered = False
        self._receive_maximum = 65535
        self._stop_at_s: float | None = None
        self._stopping = threading.Event()
        self._wake_r, self._wake_w = socket.socketpair()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Start the thread; a broker that is away is waited for, not an error."""
        for end in (self._wake_r, self._wake_w):
            end.setblocking(False)
        self._outbox.on_commit = self.wake
        self._thread = threading.Thread(target=self._run, name="mqtt", daemon=True)
        self._thread.start()

    def stop(self, drain_s: float) -> None:
        """Send what waits, for at most `drain_s` and while connected; say goodbye; disconnect."""
        self._stop_at_s = time.monotonic() + drain_s
        self._stopping.set()
        self.wake()
        if self._thread is not None:
            self._thread.join(timeout=drain_s + FAREWELL_S + 2 * CONNECT_S)
            self._thread = None
        self._wake_r.close()
        self._wake_w.close()

    def publish(self, message: StateMessage | HealthMessage) -> None:
        """Send the newest message of a stream that is not durable, once; a state also again after
        each reconnection.
        """
        self._news[stream_of(message).name] = message
        if isinstance(message, StateMessage):
            self._state = message
        self.wake()

    def wake(self) -> None:
        """Something waits to be sent."""
        try:
            self._wake_w.send(b"\0")
        except OSError:
            return  # the pipe is full (awake anyway) or closed

    def _run(self) -> None:
        while True:
            try:
                self._serve()
            except LinesideError as error:
                self._lose(str(error))
            except Exception as error:
                if self._attempts.bit_count() <= 1:
                    LOG.exception("the sender failed (%d); connecting again", self._attempts)
                self._lose(repr(error))
            if self._stopping.is_set():
                break
            self._stopping.wait(self._wait_s())
        self._reader.close()

    def _lose(self, fault: str) -> None:
        if not self.fault or self._attempts == 0:
            LOG.error("nothing is sent for now, verdicts are kept: %s", fault)
        self.fault = fault

    def _wait_s(self) -> float:
        wait_s: float = min(
            self._config.reconnect_max_s, FIRST_WAIT_S * 2 ** min(self._attempts, 16)
        )
        self._attempts += 1
        return wait_s * random.uniform(0.5, 1.0)

    def _serve(self) -> None:
        """One connection, from CONNECT until it ends; raises BrokerError when it is lost."""
        client = self._client()
        connect(client, self._config, session_expiry_s=self._config.session_expiry_s, fresh=False)
        try:
            self._await_answer(client)
            self._begin(client)
            while not self._finished():
                self._send_news(client)
                self._send_messages(client)
                self._exchange(client, TICK_S)
                self._repeat_unconfirmed()
            self._farewell(client)
        finally:
            client.disconnect()
            self._exchange_quietly(client)

    def _client(self) -> Client:
        client = build_client(self._config, self._client_id)
        client.max_inflight_messages_set(65535)
        client.on_connect = self._on_connect
        client.on_disconnect = self._on_disconnect
        client.on_publish = self._on_publish
        client.on_message = self._on_message
        stream = STREAMS["state"]
        will = StateMessage(
            station=self._station,
            state="offline",
            reason="the connection was lost",
            at_ns=self._clock.utc_ns(),
        )
        client.will_set(
            stream.topic(self._config.topic_prefix, self._station),
            will.model_dump_json(),
            qos=stream.qos,
            retain=stream.retain,
        )
        return client

    def _await_answer(self, client: Client) -> None:
        self._refused, self._answered = None, False
        until = time.monotonic() + CONNECT_S
        while not self._answered:
            self._exchange(client, 0.1)
            if time.monotonic() > until:
                raise BrokerError(
                    "does not answer", where=address(self._config), cure="see the broker's log"
                )

    def _begin(self, client: Client) -> None:
        self._under_way.clear()
        self._unconfirmed.clear()
        self._cursor = BEGIN
        if self._config.ack == "application":
            client.subscribe(f"{self._config.topic_prefix}/{self._station}/ack", qos=1)
        if self._state is not None:
            self._news["state"] = self._state
        LOG.info("connected to %s", address(self._config))

    def _finished(self) -> bool:
        if self._stop_at_s is None:
            return False
        sent = self._outbox.waiting == 0 and not self._news
        return sent or time.monotonic() > self._stop_at_s

    def _send_news(self, client: Client) -> None:
        while self._news:
            name, message = self._news.popitem()
            self._publish(client, name, message.model_dump_json(exclude_none=True).encode(), None)

    def _send_messages(self, client: Client) -> None:
        window = max(1, min(self._config.window, self._receive_maximum - 1))
        room = window - len(self._under_way)
        if self._config.ack == "application":
            room = min(room, 10 * window - len(self._unconfirmed))
        if room < max(1, window // 2) and self._under_way:
            return
        for row in self._reader.after(self._cursor, max(1, room)):
            self._publish(client, row.stream, row.payload, row)

    def _publish(self, client: Client, name: str, payload: bytes, row: Row | None) -> None:
        stream = STREAMS[name]
        topic = stream.topic(self._config.topic_prefix, self._station)
        info = client.publish(topic, payload, qos=stream.qos, retain=stream.retain)
        if info.rc not in (MQTTErrorCode.MQTT_ERR_SUCCESS, MQTTErrorCode.MQTT_ERR_AGAIN):
            raise BrokerError(
                f"the connection was lost ({info.rc.name})", where=address(self._config)
            )
        if stream.qos:
            self._under_way[info.mid] = None if row is None else row.key
        if row is not None:
            self._cursor = row.key

    def _exchange(self, client: Client, timeout_s: float) -> None:
        """Read and write what is ready; raises BrokerError when the connection is lost."""
        link = client.socket()
        if link is None:
            raise self._lost()
        pending = getattr(link, "pending", lambda: 0)()
        writers = [link] if client.want_write() else []
        ready, writable, _ = select.select(
            [link, self._wake_r], writers, [], 0 if pending else timeout_s
        )
        if self._wake_r in ready:
            self._wake_r.recv(4096)
        if link in ready or pending:
            client.loop_read()
        if writable:
            client.loop_write()
        client.loop_misc()
        if self._refused is not None or client.socket() is None:
            raise self._lost()

    def _lost(self) -> BrokerError:
        lost = BrokerError(
            "the connection was lost", where=address(self._config), cure="see the broker's log"
        )
        return self._refused or lost

    def _exchange_quietly(self, client: Client) -> None:
        try:
            while client.want_write():
                self._exchange(client, 0.1)
        except (BrokerError, OSError):
            return

    def _repeat_unconfirmed(self) -> None:
        """With ack = "application": begin again when the oldest message waited too long."""
        oldest = next(iter(self._unconfirmed.values()), None)
        if oldest is not None and time.monotonic() - oldest > self._config.ack_timeout_s:
            LOG.warning("no receiver confirms our messages; sending them again")
            self._unconfirmed.clear()
            self._cursor = BEGIN

    def _farewell(self, client: Client) -> None:
        if self._state is not None:
            why = f": {self._state.reason}" if self._state.reason else ""
            gone = {"state": "offline", "reason": f"stopped{why}", "at_ns": self._clock.utc_ns()}
            self._news["state"] = self._state.model_copy(update=gone)
            self._send_news(client)
        until = time.monotonic() + FAREWELL_S
        while self._under_way and time.monotonic() < until:
            self._exchange(client, 0.1)

    def _on_connect(
        self,
        client: Client,
        userdata: object,
        flags: ConnectFlags,
        reason: ReasonCode,
        properties: Properties | None,
    ) -> None:
        self._answered = True
        if reason.is_failure:
            self._refused = refusal(self._config, reason)
        self._receive_maximum = int(getattr(properties, "ReceiveMaximum", 65535))

    def _on_disconnect(
        self,
        client: Client,
        userdata: object,
        flags: DisconnectFlags,
        reason: ReasonCode,
        properties: Properties | None,
    ) -> None:
        if reason.is_failure and self._refused is None:
            self._refused = refusal(self._config, reason, "ended the connection")

    def _on_publish(
        self,
        client: Client,
        userdata: object,
        mid: int,
        reason: ReasonCode,
        properties: Properties | None,
    ) -> None:
        if mid not in self._under_way:
            return
        key = self._under_way.pop(mid)
        if reason.is_failure:
            self._refused = refusal(self._config, reason, "refuses a message")
            return
        self._recover()
        if key is not None and self._config.ack == "application":
            self._unconfirmed[key] = time.monotonic()
        elif key is not None:
            self.confirmed += 1
            self._outbox.confirm([key])

    def _on_message(self, client: Client, userdata: object, message: MQTTMessage) -> None:
        try:
            ack = AckMessage.model_validate_json(message.payload)
            keys = [_key(event_id, self._station) for event_id in ack.event_ids]
        except (ValidationError, ValueError) as error:
            LOG.warning("an unreadable confirmation on %s: %s", message.topic, error)
            return
        for key in keys:
            self._unconfirmed.pop(key, None)
        self.confirmed += len(keys)
        self._outbox.confirm(keys)

    def _recover(self) -> None:
        if self.fault and self._attempts:
            LOG.warning("%s takes our messages again", address(self._config))
        self.fault, self._attempts = "", 0


def _key(event_id: str, station: str) -> Key:
    """`station/epoch/seq` -> key; raises ValueError for another station's event."""
    name, epoch, seq = event_id.split("/")
    if name != station:
        raise ValueError(f"{event_id!r} is not an event of {station!r}")
    return int(epoch), int(seq)
