"""A webhook: each result as an HTTP POST of its JSON, kept on disk until the server took it."""

from __future__ import annotations

import hashlib
import hmac
import logging
import random
import ssl
import threading
from collections.abc import Callable
from typing import Any, Literal

import urllib3
from pydantic import Field

from edge_agent.contracts.core.errors import ConfigError, DeviceError, StorageError
from edge_agent.contracts.core.http_until import pool_until
from edge_agent.contracts.core.server_tls import server_context
from edge_agent.contracts.wire.messages import DurableMessage
from edge_agent.contracts.wire.streams import Outbound
from edge_agent.messaging.acted_counter import ActedCounter
from edge_agent.messaging.adapter import AdapterDriver, AdapterStation, AdapterTable, Delivery
from edge_agent.messaging.mqtt.backoff import Backoff
from edge_agent.messaging.outbox import Outbox
from edge_agent.messaging.outbox_store import OutboxStore
from edge_agent.messaging.row import Row
from edge_agent.messaging.sqlite_faults import StoreDamagedError
from edge_agent.settings.secret import first_line
from edge_agent.settings.toml import IdentityPath, SecretPath, StationPath

LOG = logging.getLogger("lineside.adapter")

PAGE = 100
TICK_S = 0.5
SIGNATURE = "X-Lineside-Signature"
LATER = {408, 425, 429}
"""Codes below 500 by which a server says "not now" (RFC 9110, RFC 8470, RFC 6585)."""
REFUSED_TRIES = 3
"""A message that is refused so often for its own sake is left out, and named in the log."""


class WebhookTable(AdapterTable):
    """Verdicts and alarms as HTTP POST, each at least once, in order."""

    driver: Literal["webhook"]
    url: str = Field(pattern=r"^https?://\S+$", description="where to, http:// or https://")
    streams: list[Literal["verdict", "alarm", "gap", "evidence"]] = Field(
        default=["verdict", "alarm"], min_length=1, description="which messages"
    )
    secret_file: SecretPath | None = Field(
        default=None, description="its first line signs each body (HMAC-SHA256)"
    )
    ca_file: IdentityPath | None = Field(
        default=None, description="PEM of the server's authority; absent: the system's"
    )
    timeout_s: float = Field(default=10, gt=0, le=300, description="longest wait for an answer")
    retry_max_s: float = Field(
        default=60, gt=0, le=3600, description="longest wait between two attempts"
    )
    quota_mb: float = Field(
        default=16, ge=0.25, le=100_000, description="messages beyond this are counted, not kept"
    )


class RefusedError(Exception):
    """The server refuses this message, and would not take it later."""


class WebhookAdapter:
    """An outbox of its own, and a thread that empties it.

    left_out: messages that the server refused for their own sake.
    """

    def __init__(self, config: WebhookTable, station: AdapterStation) -> None:
        self.left_out = 0
        self._config = config
        self._secret = None if config.secret_file is None else _secret(config.secret_file)
        self._wake = threading.Event()
        folder = station.state_dir / "webhook"
        self._outbox = Outbox(
            OutboxStore(folder, config.quota_mb),
            ActedCounter(folder),
            station=station.name,
            hand_over=16384,
            clock=station.clock,
            on_commit=self._wake.set,
        )
        self._stop = threading.Event()
        self._backoff = Backoff(config.retry_max_s, random.random)
        self._fault = ""
        self._tries = 0
        self._context: ssl.SSLContext | None = None
        self._open = False
        self._thread: threading.Thread | None = None

    @property
    def waiting(self) -> int:
        """Messages that the server has not taken yet."""
        return self._outbox.waiting

    def open(self, delivery: Callable[[], Delivery]) -> None:
        """Begin; raises DeviceError where nothing can be kept. A server may be away."""
        del delivery
        self._stop.clear()
        try:
            self._outbox.start()
        except StorageError as error:
            raise DeviceError(error.what, where=error.where, cure=error.cure) from error
        self._open = True
        self._thread = threading.Thread(target=self._run, name="webhook", daemon=True)
        self._thread.start()

    def publish(self, message: Outbound) -> None:
        """Keep a message that is wanted; it is sent in its turn."""
        if not isinstance(message, DurableMessage) or message.kind not in self._config.streams:
            return
        if self._open:
            self._outbox.put(message)

    def close(self) -> None:
        """End; what waits is sent after the next start."""
        self._stop.set()
        self._wake.set()
        thread, self._thread = self._thread, None
        if thread is not None:
            thread.join(self._config.timeout_s + 1)
        if self._open:
            self._open = False
            self._outbox.stop()

    # --- the thread

    def _run(self) -> None:
        reader, cursor = self._outbox.reader(), 0
        while not self._stop.is_set():
            try:
                page = reader.after(cursor, PAGE)
            except StoreDamagedError as error:
                self._outbox.report_damage(error)
                self._stop.wait(TICK_S)
                continue
            if not page.rows:
                self._wake.wait(TICK_S)
                self._wake.clear()
            for row in page.rows:
                if not self._deliver(row):
                    break
                cursor = row.id
        reader.close()

    def _deliver(self, row: Row) -> bool:
        """Post one message; returns whether it is done with. Waits where the server cannot."""
        try:
            self._post(row.payload)
        except RefusedError as error:
            self._tries += 1
            if self._tries < REFUSED_TRIES:
                return self._wait(str(error))
            self.left_out += 1
            LOG.error("webhook: %s %d is left out: %s", row.stream, row.seq, error)  # noqa: TRY400
        except (urllib3.exceptions.HTTPError, OSError, ConfigError) as error:
            return self._wait(str(error))
        if self._fault:
            LOG.warning("webhook: %s takes messages again", self._config.url)
        self._fault, self._tries = "", 0
        self._backoff.confirmed()
        self._outbox.confirm([row])
        return True

    def _wait(self, fault: str) -> bool:
        if not self._fault:
            LOG.error("webhook: messages wait on disk: %s: %s", self._config.url, fault)
        self._fault = fault
        self._context = None  # a certificate may have been replaced
        self._stop.wait(self._backoff.wait_s())
        return False

    def _post(self, body: bytes) -> None:
        """Raises OSError or HTTPError where the server cannot take it now, ConfigError where
        `ca_file` cannot be used, RefusedError where the server never will take it."""
        headers = {"Content-Type": "application/json", "User-Agent": "lineside"}
        if self._secret is not None:
            digest = hmac.new(self._secret, body, hashlib.sha256).hexdigest()
            headers[SIGNATURE] = f"sha256={digest}"
        status, reason = self._answer(body, headers)
        if status >= 300:
            what = f"HTTP {status} {reason or ''}".strip()
            if 400 <= status < 500 and status not in LATER:
                raise RefusedError(what)
            raise OSError(what)

    def _answer(self, body: bytes, headers: dict[str, str]) -> tuple[int, str | None]:
        """Status and reason of the answer; its content is not read."""
        most_s = self._config.timeout_s
        # It reads the system's certificates: once, not for each message.
        self._context = self._context or server_context(self._config.ca_file)
        # Only what url says: no proxy of the environment, no redirection of a body elsewhere.
        settings: dict[str, Any] = {"timeout": most_s, "retries": False}
        with pool_until(most_s, ssl_context=self._context, **settings) as pool:
            answer = pool.request(
                "POST", self._config.url, body=body, headers=headers, preload_content=False
            )
            answer.close()
            return answer.status, answer.reason


def _secret(path: StationPath) -> bytes:
    return first_line(path, "the webhook's secret").encode()


DRIVER = AdapterDriver(WebhookTable, WebhookAdapter)
