"""What a broker said last is read, however it ends the connection; the broker is a plain socket."""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterator

import pytest

from edge_agent.broker import packets
from edge_agent.broker.packets import Answer, Login, Packet
from edge_agent.contracts.core.clock import SystemClock
from edge_agent.messaging.config import MqttTable
from edge_agent.messaging.mqtt.connection import Connection, ConnectionLostError

CONNACK = bytes([0x20, 3, 0, 0, 0])
PUBACK = bytes([0x40, 2, 0, 7])
REFUSED = bytes([0x40, 3, 0, 8, 0x87])
TAKEN_OVER = bytes([0xE0, 1, packets.TAKEN_OVER])


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(10)
        yield server


@pytest.fixture
def wake() -> Iterator[socket.socket]:
    ours, other = socket.socketpair()
    with ours, other:
        yield ours


def opened(listener: socket.socket, wake: socket.socket) -> tuple[Connection, socket.socket]:
    """A connection that the broker has accepted, and the broker's end of it."""
    table = MqttTable(host="127.0.0.1", port=listener.getsockname()[1])
    connection = Connection(table, Login("line", 60), SystemClock())
    listener.setblocking(True)
    broker: list[socket.socket] = []

    def accept() -> None:
        link, _ = listener.accept()
        link.recv(4096)
        link.sendall(CONNACK)
        broker.append(link)

    import threading

    thread = threading.Thread(target=accept)
    thread.start()
    connection.open(wake)
    thread.join()
    return connection, broker[0]


def reset(link: socket.socket) -> None:
    """Close with RST, as a broker does that has not read everything."""
    link.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    link.close()


def until_lost(
    connection: Connection, wake: socket.socket
) -> tuple[list[Packet], ConnectionLostError]:
    found: list[Packet] = []
    for _ in range(50):
        try:
            found += connection.exchange(0.1, wake)
        except ConnectionLostError as lost:
            return found, lost
    raise AssertionError("the end of the connection was not seen")


def test_answers_before_a_closed_connection_count(
    listener: socket.socket, wake: socket.socket
) -> None:
    connection, broker = opened(listener, wake)
    broker.sendall(PUBACK + REFUSED)
    broker.close()
    found, lost = until_lost(connection, wake)
    connection.close()
    assert [(a.number, a.code) for a in found if isinstance(a, Answer)] == [(7, 0), (8, 0x87)]
    assert lost.closed


def test_answers_before_a_farewell_count_and_its_reason_is_given(
    listener: socket.socket, wake: socket.socket
) -> None:
    connection, broker = opened(listener, wake)
    broker.sendall(PUBACK + TAKEN_OVER)
    found, lost = until_lost(connection, wake)
    connection.close()
    broker.close()
    assert [a.number for a in found if isinstance(a, Answer)] == [7]
    assert lost.code == packets.TAKEN_OVER


def test_answers_before_a_reset_count_although_writing_fails(
    listener: socket.socket, wake: socket.socket
) -> None:
    connection, broker = opened(listener, wake)
    broker.sendall(REFUSED + TAKEN_OVER)
    reset(broker)
    connection.send(b"\xc0\x00")
    found, lost = until_lost(connection, wake)
    connection.close()
    assert [(a.number, a.code) for a in found if isinstance(a, Answer)] == [(8, 0x87)]
    assert (lost.code, lost.closed) == (packets.TAKEN_OVER, True)


def test_silent_broker_did_not_close_the_connection(
    listener: socket.socket, wake: socket.socket
) -> None:
    table = MqttTable(host="127.0.0.1", port=1)
    with pytest.raises(ConnectionLostError) as lost:
        Connection(table, Login("line", 60), SystemClock()).open(wake)
    assert not lost.value.closed
