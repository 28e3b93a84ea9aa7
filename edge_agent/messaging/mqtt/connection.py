"""One connection to the broker: a socket, its two buffers, and the life signs of MQTT.

Non-blocking after CONNECT, so that one select() serves broker and outbox; hundreds of packets
leave in one write. Raises BrokerError when the connection is lost, with what is to be done.
"""

from __future__ import annotations

import select
import socket
import ssl
from collections.abc import Sequence

from edge_agent.broker import packets
from edge_agent.broker.address import CONNECT_S, CURES, address
from edge_agent.broker.packets import ConnAck, Goodbye, Login, MalformedPacketError, Packet, Pong
from edge_agent.broker.tls import tls_context, tls_cure
from edge_agent.contracts.core.clock import Clock
from edge_agent.contracts.core.errors import BrokerError
from edge_agent.messaging.config import MqttTable

INCOMING_MAX = 2 << 20
"""Larger packets to us are none that we asked for."""
READ_BYTES = 1 << 18
FAILURES = {
    0x01: "Unsupported protocol version", 0x02: "Client identifier not valid",
    0x03: "Server unavailable", 0x04: "Bad user name or password", 0x05: "Not authorized",
    0x81: "Malformed packet", 0x82: "Protocol error", 0x84: "Unsupported protocol version",
    0x85: "Client identifier not valid", 0x86: "Bad user name or password",
    0x87: "Not authorized", 0x88: "Server unavailable", 0x89: "Server busy", 0x8A: "Banned",
    0x8B: "Server shutting down", 0x8D: "Keep alive timeout", 0x8E: "Session taken over",
    0x93: "Receive maximum exceeded", 0x95: "Packet too large", 0x97: "Quota exceeded",
    0x9A: "Retain not supported", 0x9B: "QoS not supported", 0x9C: "Use another server",
    0x9D: "Server moved",
}  # fmt: skip


class ConnectionLostError(BrokerError):
    """The connection ended, or was refused. code: the broker's reason code; 0 where it gave none.

    answered: whether the broker had accepted CONNECT. closed: whether it was the other side that
    ended the connection, and not a silence. away: whether nobody was reached at all.
    """

    def __init__(
        self,
        what: str,
        *,
        where: str,
        cure: str,
        code: int = 0,
        answered: bool = False,
        closed: bool = False,
        away: bool = False,
    ) -> None:
        super().__init__(what, where=where, cure=cure)
        self.code = code
        self.answered = answered
        self.closed = closed
        self.away = away


class Connection:
    """Open it with open(), then call exchange() again and again; close() ends it."""

    def __init__(self, config: MqttTable, login: Login, clock: Clock) -> None:
        self.v5 = config.protocol == "5"
        self.receive_maximum = 65535
        self.maximum_packet = 268_435_455
        self._config = config
        self._login = login
        self._clock = clock
        self._where = address(config)
        self._link: socket.socket | None = None
        self._incoming = bytearray()
        self._outgoing = bytearray()
        self._keepalive_s = float(login.keepalive_s)
        self._wrote_s = self._read_s = self._stuck_since_s = 0.0
        self._pinged_s: float | None = None
        self._end: ConnectionLostError | None = None
        self._early: Sequence[Packet] = []

    def open(self, wake: socket.socket) -> None:
        """Connect, and wait for the broker's answer for at most CONNECT_S."""
        link = self._connect()
        link.setblocking(False)
        self._link = link
        self._wrote_s = self._read_s = self._now_s()
        self.send(packets.connect_packet(self._login, v5=self.v5))
        until_s = self._now_s() + CONNECT_S
        while True:
            found = self.exchange(0.2, wake)
            for place, packet in enumerate(found):
                if isinstance(packet, ConnAck):
                    self._accept(packet)
                    self._early = found[place + 1 :]
                    return
            if self._now_s() > until_s:
                raise self._lost("does not answer like an MQTT broker", "check port, protocol, tls")

    def send(self, packet: bytes) -> None:
        """Append a packet to what goes out with the next exchange()."""
        if not self._outgoing:
            self._stuck_since_s = self._now_s()
        self._outgoing += packet

    @property
    def unsent(self) -> int:
        """Bytes that the network has not taken yet."""
        return len(self._outgoing)

    def exchange(self, timeout_s: float, wake: socket.socket) -> Sequence[Packet]:
        """Write and read what is ready, waiting for at most `timeout_s` or a byte on `wake`.

        What came before the end of a connection is returned; the next call raises.
        """
        if self._early:  # what a kept session brought in one read with the broker's welcome
            early, self._early = self._early, []
            return early
        if self._end is not None:
            raise self._end
        if self._outgoing:
            self._write()
        link = self._alive()
        ready = self._end is not None or (isinstance(link, ssl.SSLSocket) and link.pending() > 0)
        reading, _, _ = select.select(
            [link, wake], [link] if self._outgoing else [], [], 0 if ready else timeout_s
        )
        if wake in reading:
            wake.recv(4096)
        if self._outgoing and self._end is None:
            self._write()
        found = self._read() if ready or self._end is not None or link in reading else []
        if self._end is None:
            self._show_life()
        elif not found:
            raise self._end
        return found

    def close(self) -> None:
        """Say goodbye, if the network takes it at once, and close; twice is fine."""
        link, self._link = self._link, None
        if link is None:
            return
        try:
            link.send(bytes(self._outgoing) + packets.disconnect_packet(v5=self.v5))
        except OSError:
            pass
        finally:
            link.close()

    def _connect(self) -> socket.socket:
        where = (self._config.host, self._config.port)
        context = None if self._config.tls is None else tls_context(self._config.tls)
        try:
            plain = socket.create_connection(where, CONNECT_S)
        except (OSError, UnicodeError) as error:  # UnicodeError: no host can have such a name
            cure = "start the broker, or correct mqtt.host, mqtt.port and [mqtt.tls]"
            reason = getattr(error, "strerror", None) or error
            raise ConnectionLostError(
                f"cannot be reached ({reason})", where=self._where, cure=cure, away=True
            ) from error
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if context is None:
            return plain
        try:
            return context.wrap_socket(plain, server_hostname=self._config.host)
        except (OSError, ValueError) as error:
            plain.close()
            failed = isinstance(error, ssl.SSLError)
            cure = tls_cure(self._config, error) if failed else "check [mqtt.tls] and the port"  # type: ignore[arg-type]
            raise self._lost(f"TLS fails ({error})", cure) from error

    def _accept(self, answer: ConnAck) -> None:
        if answer.code:
            name = FAILURES.get(answer.code, f"reason code {answer.code:#x}")
            text = str(answer.properties.get(packets.REASON_STRING, name))
            raise ConnectionLostError(
                f"refuses us ({text})",
                where=self._where,
                cure=CURES.get(name, "see the broker's log"),
                code=answer.code,
                answered=True,
            )
        given = answer.properties
        self.receive_maximum = int(given.get(packets.RECEIVE_MAXIMUM, 65535))
        self.maximum_packet = int(given.get(packets.MAXIMUM_PACKET, self.maximum_packet))
        self._keepalive_s = float(given.get(packets.SERVER_KEEP_ALIVE, self._keepalive_s))

    def _write(self) -> None:
        link = self._alive()
        try:
            while self._outgoing:
                count = link.send(memoryview(self._outgoing)[:READ_BYTES].tobytes())
                del self._outgoing[:count]
                self._wrote_s = self._stuck_since_s = self._now_s()
        except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
            return
        except OSError as error:
            # Its answers, and the DISCONNECT that says why, may be there to be read.
            self._end = self._broken(error)

    def _read(self) -> Sequence[Packet]:
        """The packets that came before the end of the connection, if it ended."""
        try:
            content = self._alive().recv(READ_BYTES)
            if not content:
                self._end = self._end or self._lost("closed the connection", closed=True)
            self._incoming += content
        except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
            pass
        except OSError as error:
            self._end = self._end or self._broken(error)
        try:
            found = packets.parse_packets(self._incoming, v5=self.v5, limit=INCOMING_MAX)
        except MalformedPacketError as error:
            raise self._lost(f"does not speak MQTT ({error})", "check port and protocol") from error
        for place, packet in enumerate(found):
            if isinstance(packet, Goodbye):
                self._end = self._ended(packet)
                found = found[:place]
                break
        if found:
            self._read_s, self._pinged_s = self._now_s(), None
        return [packet for packet in found if not isinstance(packet, Pong)]

    def _show_life(self) -> None:
        """PINGREQ in a silence; a broker that does not answer, or takes nothing, is lost."""
        if not self._keepalive_s:
            return
        now_s = self._now_s()
        if self._outgoing and now_s - self._stuck_since_s > self._keepalive_s:
            raise self._lost("takes nothing from us", "check the network and the broker's load")
        if self._pinged_s is not None and now_s - self._pinged_s > self._keepalive_s:
            raise self._lost("does not answer any more", "check the network")
        quiet_s = now_s - min(self._wrote_s, self._read_s)
        if self._pinged_s is None and quiet_s > 0.75 * self._keepalive_s:
            self._pinged_s = now_s
            self.send(packets.PINGREQ_PACKET)

    def _ended(self, last: Goodbye) -> ConnectionLostError:
        name = FAILURES.get(last.code, f"reason code {last.code:#x}")
        text = f"{name}, {last.reason}" if last.reason else name
        cure = CURES.get(name, "see the broker's log")
        if last.code == packets.TAKEN_OVER:
            cure = (
                f"another client has the id {self._login.client_id!r}: give each station an own "
                "station.id, or mqtt.client_id"
            )
        return ConnectionLostError(
            f"ended the connection ({text})",
            where=self._where,
            cure=cure,
            code=last.code,
            answered=True,
            closed=True,
        )

    def _broken(self, error: OSError) -> ConnectionLostError:
        what = f"the connection was lost ({error.strerror or error})"
        lost = self._lost(what, closed=isinstance(error, ConnectionError))
        lost.__cause__ = error
        return lost

    def _lost(
        self, what: str, cure: str = "see the broker's log", *, closed: bool = False
    ) -> ConnectionLostError:
        return ConnectionLostError(what, where=self._where, cure=cure, closed=closed)

    def _alive(self) -> socket.socket:
        if self._link is None:
            raise self._lost("is not connected")
        return self._link

    def _now_s(self) -> float:
        return self._clock.mono_ns() / 1e9


def wake_pair() -> tuple[socket.socket, socket.socket]:
    """Two ends: who waits in exchange() hears a byte from the other. Nobody waits to send one."""
    pair = socket.socketpair()
    for end in pair:
        end.setblocking(False)
    return pair
