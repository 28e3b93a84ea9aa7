"""A port of ours against clients that do not behave."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler

import pytest

from edge_agent.contracts.core.errors import DeviceError
from edge_agent.fieldbus.http_server import HttpServerThread
from tests.station_kit import wait_until

MOST_CLIENTS = 4


class Answer(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"answer 42.0")

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """No line for each request."""


def build() -> HttpServerThread:
    """Cuts clients off after 0.3 s."""
    return HttpServerThread(
        Answer, name="answers", where="station.toml: x", most_clients=MOST_CLIENTS, client_s=0.3
    )


@pytest.fixture
def server() -> Iterator[HttpServerThread]:
    made = build()
    made.open("127.0.0.1", 0)
    yield made
    made.close()


def ask(port: int) -> str:
    client = HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        client.request("GET", "/metrics")
        answer = client.getresponse()
        assert answer.status == 200
        return answer.read().decode()
    finally:
        client.close()


def answers(port: int) -> bool:
    with contextlib.suppress(OSError, ConnectionError):
        return "answer 42.0" in ask(port)
    return False


def test_clients_that_send_nothing_are_bounded_and_cut_off(server: HttpServerThread) -> None:
    before = threading.active_count()
    with contextlib.ExitStack() as stalled:
        clients = [
            stalled.enter_context(socket.create_connection(("127.0.0.1", server.port)))
            for _ in range(3 * MOST_CLIENTS)
        ]
        # Each that is served has a thread and a timer.
        assert threading.active_count() <= before + 2 * MOST_CLIENTS
        assert wait_until(lambda: answers(server.port), 5)
        for client in clients:
            client.settimeout(5)
            with contextlib.suppress(ConnectionResetError):
                assert client.recv(1) == b""
    assert wait_until(lambda: threading.active_count() <= before, 5)


def test_client_that_trickles_is_cut_off(server: HttpServerThread) -> None:
    with socket.create_connection(("127.0.0.1", server.port), timeout=5) as client:
        client.sendall(b"GET /metrics HTTP/1.1\r\n")
        waits = threading.Event()
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            for _ in range(100):
                client.sendall(b"x: y\r\n")
                waits.wait(0.02)
            pytest.fail("the client was not cut off within 2 s")
    assert wait_until(lambda: answers(server.port), 5)


@pytest.mark.parametrize(
    "request_bytes",
    [b"\x00\xff\r\n\r\n", b"POST /metrics HTTP/1.1\r\n\r\n", b"GET " + b"a" * 70000 + b"\r\n\r\n"],
    ids=["garbage", "post", "long-line"],
)
def test_wrong_request_leaves_the_server_at_work(
    server: HttpServerThread, request_bytes: bytes
) -> None:
    place = ("127.0.0.1", server.port)
    with socket.create_connection(place, timeout=5) as client, contextlib.suppress(OSError):
        client.sendall(request_bytes)
        assert b"answer 42" not in client.recv(100_000)
    assert wait_until(lambda: answers(server.port), 5)


def test_taken_port_is_named_and_is_free_after_close() -> None:
    first, second = build(), build()
    first.open("127.0.0.1", 0)
    port = first.port
    with pytest.raises(DeviceError, match=rf"port {port} on 127\.0\.0\.1 cannot be taken"):
        second.open("127.0.0.1", port)
    first.close()
    first.close()
    second.open("127.0.0.1", port)
    assert answers(port)
    second.close()


def test_only_the_named_address_is_served(server: HttpServerThread) -> None:
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.2", server.port), timeout=5)
