"""The sender: from the outbox to the broker, at least once and in order.

A message leaves the outbox only after a PUBACK with success or, with ack = "application", after a
receiver confirmed its event id. One thread owns the connection.
"""

from __future__ import annotations

import logging
import random
import threading
from collections import deque
from collections.abc import Iterable

from edge_agent.broker import packets
from edge_agent.broker.address import CONNECT_S, address
from edge_agent.broker.packets import Answer, Incoming, Login, Packet
from edge_agent.contracts.core.clock import Clock
from edge_agent.contracts.core.errors import LinesideError
from edge_agent.contracts.core.log_limit import LogLimit
from edge_agent.contracts.wire.budget import payload_of
from edge_agent.contracts.wire.kinds.state import StateMessage
from edge_agent.contracts.wire.messages import LatestMessage
from edge_agent.contracts.wire.stream import topic_of
from edge_agent.contracts.wire.streams import STREAMS, stream_of
from edge_agent.messaging.config import MqttTable
from edge_agent.messaging.mqtt.acks import is_check, read_ack
from edge_agent.messaging.mqtt.answers import Answers
from edge_agent.messaging.mqtt.backoff import Backoff
from edge_agent.messaging.mqtt.connection import Connection, ConnectionLostError, wake_pair
from edge_agent.messaging.mqtt.delivery import Delivery
from edge_agent.messaging.mqtt.login import login_of
from edge_agent.messaging.mqtt.row_source import RowSource
from edge_agent.messaging.outbox import Outbox
from edge_agent.messaging.row import Row

LOG = logging.getLogger("lineside.mqtt")

TICK_S = 0.5
FAREWELL_S = 2.0
"""Longest wait for the broker's answer to the last state message."""
UNSENT_MAX = 1 << 20
"""Bytes that may wait for the network before more rows are read."""
UNPROVEN = (
    "nobody can say that verdicts arrive: a broker of MQTT 3.1.1 acknowledges what it refuses, "
    'too; set mqtt.protocol = "5", or ack = "application"'
)
BACKLOG_UNSENT_MAX = 1 << 14
"""The same for rows of the backlog: what is live must not wait behind them."""
HISTORICAL = b'{"historical":true,'
"""Begins the payload of a row that lay on disk when the connection began."""


class Sender:
    """Sends the outbox, the state (retained, also as last will) and the health.

    fault: why nothing is sent; empty while the broker takes messages. confirmed: durable messages
    that the broker (or the receiver) confirmed. unheard: telemetry for nobody on this connection.
    """

    def __init__(
        self,
        config: MqttTable,
        *,
        station: str,
        client_id: str,
        outbox: Outbox,
        clock: Clock,
        tick_s: float = TICK_S,
    ) -> None:
        self.fault = "not connected yet"
        self.confirmed = 0
        self.unheard: frozenset[str] = frozenset()
        self._config = config
        self._station = station
        self._client_id = client_id
        self._outbox = outbox
        self._clock = clock
        self._tick_s = tick_s
        self._log = LogLimit(LOG, clock)
        self._delivery = Delivery.of(config)
        self._rows = RowSource(outbox, self._delivery)
        self._news: dict[str, LatestMessage] = {}
        self._state: StateMessage | None = None
        self._state_number = 0
        self._heads: dict[str, bytes] = {}
        self._retains = True
        self._backoff = Backoff(config.reconnect_max_s, random.random)
        self._opened = False
        self._answers = Answers()
        self._pending: set[int | str] = set()
        self._number = 0
        self._connected_s = 0.0
        self._faults: list[str] = []
        unproven = config.protocol == "3.1.1" and config.ack == "broker"
        self._standing = [UNPROVEN] if unproven else []
        self._stop_at_s: float | None = None
        self._stopping = threading.Event()
        self._wake_r, self._wake_w = wake_pair()
        self._thread: threading.Thread | None = None

    @property
    def faults(self) -> list[str]:
        """What stays on disk because nobody takes it, who else uses our client id, and whether an
        acknowledgement means anything.
        """
        return [*self._faults, *self._standing]

    def start(self) -> None:
        """Start the thread; a broker that is away is waited for, not an error."""
        self._thread = threading.Thread(target=self._run, name="mqtt", daemon=True)
        self._thread.start()

    def stop(self, drain_s: float) -> None:
        """Send what waits, for at most `drain_s` and while connected; say goodbye; disconnect."""
        self._stop_at_s = self._now_s() + drain_s
        self._stopping.set()
        self.wake()
        if self._thread is not None:
            self._thread.join(timeout=drain_s + FAREWELL_S + 2 * CONNECT_S)
            self._thread = None
        self._wake_r.close()
        self._wake_w.close()

    def publish(self, message: LatestMessage) -> None:
        """Send the newest message of a stream that is not durable, once; a state also again after
        each reconnection.
        """
        self._news[stream_of(message).name] = message
        if isinstance(message, StateMessage):
            self._state = message
        self.wake()

    def wake(self) -> None:
        """Something waits to be sent."""
        self._rows.wake()
        try:
            self._wake_w.send(b"\0")
        except OSError:
            return  # the pipe is full (awake anyway) or closed

    # --- the thread

    def _run(self) -> None:
        while True:
            try:
                self._serve()
            except ConnectionLostError as lost:
                sound = self._answers.is_sound and not self._delivery.refused_any
                self._backoff.lost(
                    taken_over=lost.code == packets.TAKEN_OVER,
                    sound=self._opened and lost.closed and sound,
                    pending=self._pending,
                )
                self._note(str(lost))
            except LinesideError as error:
                self._note(str(error))
            except Exception as error:
                if self._backoff.attempts.bit_count() <= 1:
                    LOG.exception("the sender failed; connecting again")
                self._note(repr(error))
            if self._stopping.is_set():
                break
            self._stopping.wait(self._backoff.wait_s())
        self._rows.close()

    def _serve(self) -> None:
        """One connection, from CONNECT until it ends; raises ConnectionLostError."""
        connection = Connection(self._config, self._login(), self._clock)
        self._opened = False
        try:
            connection.open(self._wake_r)
            self._opened = True
            self._begin(connection)
            while not self._finished():
                self._send_news(connection)
                self._delivery.look_back(self._now_s())
                self._send_rows(connection)
                wait_s, self._rows.more = (0 if self._rows.more else self._tick_s), False
                self._take(connection.exchange(wait_s, self._wake_r), connection)
                self._notice()
            self._farewell(connection)
        except ConnectionLostError as lost:
            if lost.code == packets.RETAIN_REFUSED or not (self._opened or lost.answered):
                # Without retained messages a broker refuses our will, and 3.1.1 has no word for it.
                self._retains = not self._retains and lost.code != packets.RETAIN_REFUSED
            raise
        finally:
            connection.close()
            self.unheard = frozenset()
            if self._opened:
                rows = self._delivery.lost(self._now_s())
                self._pending = {*rows, *self._answers.open_streams}

    def _login(self) -> Login:
        return login_of(
            self._config,
            station=self._station,
            client_id=self._client_id,
            at_ns=self._clock.utc_ns(),
            retains=self._retains,
        )

    def _begin(self, connection: Connection) -> None:
        self._connected_s = self._now_s()
        self._answers = Answers()
        newest = self._rows.newest()
        self._delivery.connected(connection.receive_maximum, self._now_s(), newest)
        if self._config.ack == "application":
            topic = STREAMS["ack"].topic(self._config.topic_prefix, self._station)
            connection.send(packets.subscribe_packet(self._next_number(), topic, v5=connection.v5))
            self._answers.asked()
        if self._state is not None:
            self._news["state"] = self._state
        self._log.log(logging.INFO, "connected", f"connected to {address(self._config)}")
        for text in self._standing:
            self._log.log(logging.WARNING, "standing", text)

    def _finished(self) -> bool:
        if self._stop_at_s is None:
            return False
        sent = not self._news and self._rows.all_sent()
        return sent or self._now_s() > self._stop_at_s

    # --- sending

    def _send_news(self, connection: Connection) -> None:
        while self._news:
            name, message = self._news.popitem()
            number = self._next_number() if STREAMS[name].qos else 0
            if name == "state":
                self._state_number = number
            head = self._head(name)
            if not self._retains:
                head = bytes([head[0] & 0xFE]) + head[1:]
            packet = packets.publish_packet(head, number, payload_of(message), v5=connection.v5)
            if len(packet) <= connection.maximum_packet:
                connection.send(packet)
                self._answers.published(name, STREAMS[name].qos)

    def _send_rows(self, connection: Connection) -> None:
        delivery = self._delivery
        if connection.unsent > UNSENT_MAX:
            return
        if delivery.again and delivery.room:
            count = min(delivery.room, len(delivery.again))
            for row in self._rows.rows([delivery.again.popleft() for _ in range(count)]):
                self._send_row(connection, row)
        self._rows.read_live()
        for lane in delivery.lanes:
            room = delivery.room_for_new
            # Half a window at a time: one read and one write for many rows.
            few = len(lane.ahead) <= room or len(delivery.under_way) <= room
            if few or room >= self._config.window // 2:
                self._send_waiting(connection, lane.ahead, room)
        self._send_backlog(connection)

    def _send_waiting(self, connection: Connection, waiting: deque[Row], room: int) -> None:
        # Not a loop over `waiting`: a row that cannot be sent may pause its topic and empty it.
        while room > 0 and waiting:
            self._send_row(connection, waiting.popleft())
            room -= 1

    def _send_backlog(self, connection: Connection) -> None:
        """Rows of earlier connections, in small pieces: what is live comes between them."""
        if connection.unsent > BACKLOG_UNSENT_MAX:
            return
        for lane in self._delivery.lanes:
            room = self._delivery.room_for_backlog
            if not room:
                return
            self._rows.read_backlog(lane)
            self._send_waiting(connection, lane.ahead_backlog, room)
            if lane.ahead_backlog or lane.backlog or lane.resumed:
                return  # telemetry waits for the results

    def _send_row(self, connection: Connection, row: Row) -> None:
        number = self._next_number()
        head = self._head(row.stream)
        old = self._delivery.is_old(row)
        payload = HISTORICAL + row.payload[1:] if old else row.payload
        packet = packets.publish_packet(head, number, payload, v5=connection.v5)
        if len(packet) > connection.maximum_packet:
            reason = f"the broker takes {connection.maximum_packet} bytes, it has {len(packet)}"
            self._delivery.refuse(row, reason, self._now_s())
            return
        connection.send(packet)
        self._answers.asked()
        self._delivery.sent(row, number, self._now_s())

    def _head(self, name: str) -> bytes:
        """How every packet of a stream begins.

        Also of a kind that this version does not know: an agent that was rolled back sends the
        rows that the newer one left in the outbox.
        """
        if name not in self._heads:
            stream = STREAMS.get(name, STREAMS["verdict"])
            self._heads[name] = packets.publish_head(
                topic_of(name, self._config.topic_prefix, self._station),
                qos=stream.qos,
                retain=stream.retain,
            )
        return self._heads[name]

    def _next_number(self) -> int:
        while True:
            self._number = self._number % 65535 + 1
            if self._number not in self._delivery.under_way:
                return self._number

    # --- answers

    def _take(self, found: Iterable[Packet], connection: Connection) -> None:
        now_s = self._now_s()
        confirmed = self._delivery.outlived(now_s)
        for packet in found:
            if isinstance(packet, Answer):
                self._answer(packet, now_s, confirmed)
            elif isinstance(packet, Incoming):
                if packet.number:
                    connection.send(packets.puback_packet(packet.number))
                confirmed += self._acknowledged(packet, now_s)
        if confirmed:
            self.confirmed += len(confirmed)
            self._outbox.confirm(confirmed)
            self._delivery.confirmed(confirmed)
            self._recover()

    def _answer(self, answer: Answer, now_s: float, confirmed: list[Row]) -> None:
        self._answers.answered(answer.code)
        if answer.kind == packets.SUBACK:
            if answer.code >= packets.FAILURE:
                self._log.log(
                    logging.ERROR, "suback", "the broker refuses our subscription to confirmations"
                )
            return
        if answer.number == self._state_number and answer.number not in self._delivery.under_way:
            self._state_number = 0
            if answer.code >= packets.FAILURE:
                self._log.log(logging.ERROR, "state", "the broker refuses our state message")
            return
        row = self._delivery.answered(answer.number, answer.code, answer.reason, now_s)
        if row is not None:
            confirmed.append(row)

    def _acknowledged(self, packet: Incoming, now_s: float) -> list[Row]:
        ack = read_ack(packet.payload, self._station)
        if ack is None:
            if not is_check(packet.payload):
                text = f"an unreadable confirmation on {packet.topic[:80]!r} is ignored"
                self._log.log(logging.WARNING, "rubbish", text)
            return []
        return self._delivery.acknowledged(ack.keys, ack.through, now_s)

    # --- what is wrong

    def _notice(self) -> None:
        """Tell what is not taken, once; a connection that lasts is sound."""
        faults, now_s = self._delivery.faults(), self._now_s()
        self.unheard = self._delivery.useless(now_s)
        if self._backoff.lasts(now_s - self._connected_s):
            self._recover()
        if self._backoff.rivals:
            faults.append(
                f"it seems that another client uses the id {self._client_id!r}: give each station "
                "an own station.id, or mqtt.client_id"
            )
        for fault in faults:
            # The same fault with another count is no news.
            self._log.log(logging.WARNING, "".join(c for c in fault if not c.isdigit()), fault)
        self._faults = faults

    def _recover(self) -> None:
        if self.fault and self._backoff.attempts:
            self._log.log(
                logging.WARNING, "recovered", f"{address(self._config)} takes our messages again"
            )
        self.fault = ""
        self._backoff.confirmed()

    def _note(self, fault: str) -> None:
        if not self.fault or self._backoff.attempts == 0:
            self._log.log(
                logging.ERROR, "lost", f"nothing is sent for now, verdicts are kept: {fault}"
            )
        self.fault = fault

    def _farewell(self, connection: Connection) -> None:
        if self._state is not None:
            why = f": {self._state.reason}" if self._state.reason else ""
            gone = {"state": "offline", "reason": f"stopped{why}", "at_ns": self._clock.utc_ns()}
            self._news["state"] = self._state.model_copy(update=gone)
            self._send_news(connection)
        until_s = self._now_s() + FAREWELL_S
        while self._now_s() < until_s and (self._state_number or connection.unsent):
            self._take(connection.exchange(0.1, self._wake_r), connection)

    def _now_s(self) -> float:
        return self._clock.mono_ns() / 1e9
