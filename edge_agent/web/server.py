"""Serves the page in threads of its own; whatever becomes of it, the station goes on."""

from __future__ import annotations

import asyncio
import logging
import socket
import threading

import uvicorn
from anyio import to_thread

from edge_agent.contracts.core.errors import DeviceError
from edge_agent.contracts.core.loop_end import end_connections
from edge_agent.web.config import WebTable
from edge_agent.web.connections import GuardedConnection
from edge_agent.web.headers import SafeHeaders
from edge_agent.web.live import Live

LOG = logging.getLogger("lineside.web")

MOST_CONNECTIONS = 200
BACKLOG = 128
END_S = 3.0
THREADS = 4
"""Most threads that answer requests and encode pictures; the others wait."""


class PageServer:
    """One page on one port; close() ends its live views."""

    def __init__(
        self,
        app: SafeHeaders,
        table: WebTable,
        live: Live,
        connection: type[GuardedConnection] = GuardedConnection,
    ) -> None:
        self._connection = connection
        self._app = app
        self._table = table
        self._live = live
        self._server: uvicorn.Server | None = None
        self._thread: threading.Thread | None = None
        self._socket: socket.socket | None = None

    @property
    def address(self) -> str:
        """The page's address, with the port that was really taken."""
        scheme = "https" if self._table.tls_cert else "http"
        port = self._socket.getsockname()[1] if self._socket else self._table.port
        host = f"[{self._table.host}]" if ":" in self._table.host else self._table.host
        return f"{scheme}://{host}:{port}/"

    def open(self) -> None:
        """Take the port and begin to serve; raises DeviceError where it is taken."""
        self._socket = _bind(self._table.host, self._table.port)
        config = uvicorn.Config(
            self._app,
            http=self._connection,
            ws="none",
            loop="asyncio",
            lifespan="off",
            log_config=None,
            log_level="warning",
            access_log=False,
            server_header=False,
            proxy_headers=False,
            limit_concurrency=MOST_CONNECTIONS,
            backlog=BACKLOG,
            timeout_keep_alive=10,
            timeout_graceful_shutdown=2,
            ssl_certfile=self._table.tls_cert,
            ssl_keyfile=self._table.tls_key,
        )
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._run, name="page", daemon=True)
        self._thread.start()
        LOG.info("the page is at %s", self.address)

    def close(self) -> None:
        """End the live views and the server; closing twice is fine."""
        self._live.close()
        if self._server is not None:
            self._server.should_exit = True
        if self._thread is not None:
            self._thread.join(END_S)
        if self._socket is not None:
            self._socket.close()
        self._server = self._thread = self._socket = None

    def _run(self) -> None:
        server, listening = self._server, self._socket
        if server is None or listening is None:
            return
        try:
            asyncio.run(_serve(server, listening))
        except Exception:
            # The top of this thread: the station must go on without its page.
            LOG.exception("the page has ended")
        except SystemExit:
            LOG.error("the page could not start")  # noqa: TRY400


async def _serve(server: uvicorn.Server, listening: socket.socket) -> None:
    """Each thread has a memory pool of its own: forty of them would take more than the page."""
    to_thread.current_default_thread_limiter().total_tokens = THREADS
    await server.serve(sockets=[listening])
    await end_connections()


def _bind(host: str, port: int) -> socket.socket:
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        listening = socket.socket(family, socket.SOCK_STREAM)
        try:
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listening.bind((host, port))
            listening.listen(BACKLOG)
        except OSError:
            listening.close()
            raise
    except OSError as error:
        raise DeviceError(
            f"port {port} on {host} cannot be taken: {error.strerror or error}",
            where="station.toml: web",
            cure="choose another host or port",
        ) from error
    return listening
