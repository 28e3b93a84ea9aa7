"""A request ends at its deadline."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from deploy.broker.certificates import ensure_certificates
from edge_agent.contracts.core.http_until import pool_until
from tests.dripping import HTTP, Drip, dripping

LIMIT_S = 30
"""Against hanging: none of these servers ever ends its answer."""


def test_a_silent_server_is_cut_long_before_the_sockets_timeout() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        address = f"http://127.0.0.1:{listening.getsockname()[1]}/"
        began = time.monotonic()
        with (
            pytest.raises(TimeoutError),
            pool_until(0.2, timeout=60, retries=False) as pool,
        ):
            pool.request("GET", address)
        assert time.monotonic() - began < LIMIT_S


@pytest.mark.parametrize("drip", HTTP.values(), ids=HTTP)
def test_a_server_that_drips_is_cut_at_the_deadline(drip: Drip) -> None:
    """Each byte would begin a timeout of a socket anew; half a head may look like an answer."""
    began = time.monotonic()
    with (
        dripping(drip) as port,
        pytest.raises(TimeoutError),
        pool_until(0.3, timeout=60, retries=False) as pool,
    ):
        pool.request("GET", f"http://127.0.0.1:{port}/")
    assert time.monotonic() - began < LIMIT_S


class Slow(BaseHTTPRequestHandler):
    """Says that 20,000 bytes come, and sends them in ten pieces, one every 0.1 s."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "20000")
        self.end_headers()
        with contextlib.suppress(OSError):
            for _ in range(10):
                time.sleep(0.1)
                self.wfile.write(bytes(2000))

    def log_message(self, *_: object) -> None:
        """Nothing."""


@dataclass(frozen=True)
class Place:
    """ca: who signs the certificate."""

    address: str
    ca: str | None = None


@pytest.fixture(params=["http", "https"])
def slow(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Place]:
    ca = None
    with ThreadingHTTPServer(("127.0.0.1", 0), Slow) as server:
        if request.param == "https":
            ensure_certificates(tmp_path, ["127.0.0.1"], datetime.now(UTC))
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(tmp_path / "broker.pem", tmp_path / "broker.key")
            server.socket = context.wrap_socket(server.socket, server_side=True)
            ca = str(tmp_path / "ca.pem")
        thread = threading.Thread(target=server.serve_forever, args=[0.01])
        thread.start()
        yield Place(f"{request.param}://127.0.0.1:{server.server_port}/", ca)
        server.shutdown()
        thread.join()


def test_an_answer_has_the_time_that_its_bytes_need_on_a_slow_line(slow: Place) -> None:
    """20,000 bytes may take 20 s more (LEAST_BYTES_S)."""
    with pool_until(0.5, most_bytes=100_000, timeout=60, retries=False, ca_certs=slow.ca) as pool:
        answer = pool.request("GET", slow.address, preload_content=False)
        assert len(answer.read()) == 20_000


@pytest.mark.parametrize("most_bytes", [0, 100], ids=["file", "more than asked"])
def test_a_server_gives_itself_no_more_time_than_what_was_asked_for_needs(
    most_bytes: int, slow: Place
) -> None:
    with (
        pytest.raises(TimeoutError, match="longer than it may"),
        pool_until(0.3, most_bytes=most_bytes, timeout=60, retries=False, ca_certs=slow.ca) as pool,
    ):
        pool.request("GET", slow.address, preload_content=False).read()
