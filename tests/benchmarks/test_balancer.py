"""The balancer before a cluster: who gets a connection, and what a death does to it."""

from __future__ import annotations

import socket

from benchmarks.balancer import Balancer
from benchmarks.brokers import free_port


def test_a_connection_goes_to_the_first_that_answers_and_ends_with_it() -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as server,
        Balancer([free_port(), server.getsockname()[1]]) as balancer,
        socket.create_connection(("127.0.0.1", balancer.port), 5) as client,
    ):
        behind, _ = server.accept()
        client.sendall(b"there")
        assert behind.recv(10) == b"there"
        behind.sendall(b"back")
        assert client.recv(10) == b"back"
        behind.close()
        assert client.recv(10) == b""


def test_without_a_server_a_connection_is_closed() -> None:
    with (
        Balancer([free_port()]) as balancer,
        socket.create_connection(("127.0.0.1", balancer.port), 5) as client,
    ):
        assert client.recv(10) == b""
