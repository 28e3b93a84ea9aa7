"""Serves HTTP on one port to a few clients at a time; whoever is slow is cut off."""

from __future__ import annotations

import logging
import socket
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from socketserver import TCPServer, ThreadingMixIn
from typing import Any

from edge_agent.contracts.core.cut_off import cut_after
from edge_agent.contracts.core.errors import DeviceError

LOG = logging.getLogger("lineside.http")

CLIENT_S = 5.0
"""A client that has not taken its answer by then is cut off."""
POLL_S = 0.1


class HttpServerThread:
    """One kind of handler on one port, in threads of its own.

    name: of its thread. where: of its table in station.toml, for errors. most_clients: at a time;
    further ones are turned away, so that nobody fills the station's memory.
    """

    def __init__(
        self,
        handler: type[BaseHTTPRequestHandler],
        *,
        name: str,
        where: str,
        most_clients: int,
        client_s: float = CLIENT_S,
    ) -> None:
        self._handler = handler
        self._name = name
        self._where = where
        self._most_clients = most_clients
        self._client_s = client_s
        self._server: _Server | None = None
        self._thread: threading.Thread | None = None

    @property
    def port(self) -> int:
        """The port that was really taken; 0 while closed."""
        return int(self._server.server_address[1]) if self._server else 0

    def open(self, host: str, port: int) -> None:
        """Take the port (0: any that is free) and serve; raises DeviceError where it is taken."""
        self.close()
        try:
            family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
            server = _Server(
                (host, port), family, self._handler, self._most_clients, self._client_s
            )
        except OSError as error:
            raise DeviceError(
                f"port {port} on {host} cannot be taken: {error.strerror or error}",
                where=self._where,
                cure="choose another host or port, or end the program that has it",
            ) from error
        self._server = server
        self._thread = threading.Thread(
            target=server.serve_forever, args=(POLL_S,), name=self._name, daemon=True
        )
        self._thread.start()

    def close(self) -> None:
        """Give the port back; closing twice is fine."""
        server, thread = self._server, self._thread
        self._server = self._thread = None
        if server is not None and thread is not None:
            server.shutdown()
            thread.join()
            server.server_close()


class _Server(ThreadingMixIn, HTTPServer):
    """A thread for each client, so many at a time."""

    daemon_threads = True
    block_on_close = False
    request_queue_size = 16

    def __init__(
        self,
        address: tuple[str, int],
        family: int,
        handler: type[BaseHTTPRequestHandler],
        most_clients: int,
        client_s: float,
    ) -> None:
        self.address_family = family
        self._client_s = client_s
        self._free = threading.BoundedSemaphore(most_clients)
        super().__init__(address, handler)

    def server_bind(self) -> None:
        # HTTPServer asks for the host's full name, which waits for a DNS that a line may not have.
        TCPServer.server_bind(self)

    def process_request(self, request: Any, client_address: Any) -> None:
        if not self._free.acquire(blocking=False):
            self.shutdown_request(request)
            return
        try:
            super().process_request(request, client_address)
        except RuntimeError:  # no thread could be started
            self._free.release()
            raise

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        # A limit for each read would let a client that sends a byte now and then stay for ever.
        try:
            with cut_after(self._client_s) as cut:
                super().process_request_thread(cut.watched(request), client_address)
        finally:
            self._free.release()

    def handle_error(self, request: Any, client_address: Any) -> None:
        LOG.debug("a client has gone", exc_info=True)
