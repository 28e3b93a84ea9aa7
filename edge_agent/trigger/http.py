"""An HTTP request that reports a part: from a PLC with a web client, a script, a barcode server."""

from __future__ import annotations

import hmac
import threading
from collections import deque
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler
from typing import Literal
from urllib.parse import parse_qs, urlsplit

from pydantic import Field

from edge_agent.contracts.core.clock import Clock
from edge_agent.contracts.core.errors import ConfigError, DeviceError
from edge_agent.fieldbus.http_server import HttpServerThread
from edge_agent.settings.secret import first_line
from edge_agent.settings.toml import SecretPath
from edge_agent.trigger.trigger import TriggerDriver, TriggerEvent, TriggerStatus, TriggerTable

WAITING = 4096
"""Events that may wait; beyond this a request is refused with 503."""
MOST_CHARACTERS = 1000
MOST_CLIENTS = 16
"""Requests at a time; further ones are turned away."""


class HttpTriggerTable(TriggerTable):
    """POST /trigger?part=ID reports a part; the answer is 202 and the event's number."""

    driver: Literal["http"]
    host: str = Field(default="127.0.0.1", description="address that is listened on")
    port: int = Field(default=8431, ge=0, le=65535, description="TCP port; 0: any free one")
    token_file: SecretPath | None = Field(
        default=None,
        description="file whose first line a request must carry as `Authorization: Bearer ...`",
    )

    @property
    def listens_on(self) -> tuple[int, ...]:
        """The TCP ports that it opens on this station."""
        return (self.port,) if self.port else ()


class HttpTrigger:
    """Gives an event for each accepted request."""

    def __init__(self, config: HttpTriggerTable, *, name: str, clock: Clock) -> None:
        self._config = config
        self._name = name
        self._clock = clock
        self._change = threading.Condition()
        self._waiting: deque[TriggerEvent] = deque()
        self._seq = 0
        self._refused = 0
        self._server: HttpServerThread | None = None

    @property
    def port(self) -> int:
        """The port that is listened on; 0 while closed."""
        return 0 if self._server is None else self._server.port

    def open(self) -> None:
        """Listen; raises DeviceError where the port is taken, ConfigError without a token."""
        self.close()
        token = self._token()
        trigger = self

        class Handler(_Handler):
            def take(self, part_id: str) -> int | None:
                return trigger._accept(part_id)

            def knows(self, given: str) -> bool:
                return token is None or hmac.compare_digest(given.encode(), token.encode())

        where = f"trigger {self._name}"
        server = HttpServerThread(
            Handler, name="http-trigger", where=where, most_clients=MOST_CLIENTS
        )
        server.open(self._config.host, self._config.port)
        self._server = server

    def next(self, timeout_s: float) -> TriggerEvent | None:
        """The next event, or None when none came in time."""
        if self._server is None:
            raise DeviceError("not open", where=f"trigger {self._name}", cure="open it first")
        with self._change:
            self._change.wait_for(lambda: self._waiting, timeout_s)
            return self._waiting.popleft() if self._waiting else None

    def status(self) -> TriggerStatus:
        """Events, and requests that were refused because too many waited."""
        return TriggerStatus(self._seq, self._refused)

    def close(self) -> None:
        """Stop to listen."""
        server, self._server = self._server, None
        if server is not None:
            server.close()

    def _accept(self, part_id: str) -> int | None:
        with self._change:
            if len(self._waiting) >= WAITING:
                self._refused += 1
                return None
            seq, self._seq = self._seq, self._seq + 1
            self._waiting.append(TriggerEvent(self._clock.mono_ns(), seq, part_id))
            self._change.notify_all()
            return seq

    def _token(self) -> str | None:
        path = self._config.token_file
        if path is None:
            return None
        token = first_line(path, "the token").strip()
        if not token:
            raise ConfigError("holds no token", where=str(path), cure="write one on its first line")
        return token


class _Handler(BaseHTTPRequestHandler):
    """Answers one request."""

    def take(self, part_id: str) -> int | None:
        """Queue an event; None when too many wait."""
        raise NotImplementedError

    def knows(self, given: str) -> bool:
        """Whether that is the token."""
        raise NotImplementedError

    def do_POST(self) -> None:
        place = urlsplit(self.path)
        if place.path != "/trigger":
            return self._answer(HTTPStatus.NOT_FOUND, "POST /trigger?part=ID\n")
        given = self.headers.get("Authorization", "").removeprefix("Bearer ")
        if not self.knows(given):
            return self._answer(HTTPStatus.UNAUTHORIZED, "the token is missing or wrong\n")
        part_id = parse_qs(place.query).get("part", [""])[0]
        if len(part_id) > MOST_CHARACTERS:
            return self._answer(HTTPStatus.BAD_REQUEST, "the part id is too long\n")
        seq = self.take(part_id)
        if seq is None:
            return self._answer(HTTPStatus.SERVICE_UNAVAILABLE, "too many parts wait\n")
        return self._answer(HTTPStatus.ACCEPTED, f"{seq}\n")

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """No line for each request."""

    def _answer(self, status: HTTPStatus, text: str) -> None:
        payload = text.encode()
        self.send_response(status)
        self.send_header("Content-Type", "text/plain; charset=utf-8")
        self.send_header("Content-Length", str(len(payload)))
        self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(payload)
        self.close_connection = True


DRIVER = TriggerDriver(HttpTriggerTable, HttpTrigger, names_parts=True)
