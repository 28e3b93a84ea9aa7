"""The wire to the simulated belt: what its three drivers share."""

from __future__ import annotations

import select
import socket
import time

from pydantic import Field

from edge_agent.contracts.core.errors import DeviceError
from edge_agent.contracts.core.json_text import load_json_object
from edge_agent.settings.toml import Table

CONNECT_S = 2.0
MOST_LINE_BYTES = 2 << 20
"""More than a read gives at once; the belt's lines are short."""


class BeltAddress(Table):
    """Where `lineside-agent belt` listens."""

    host: str = Field(default="127.0.0.1", description="address of the simulated belt")
    port: int = Field(default=8440, ge=1, le=65535, description="its TCP port")


class BeltLink:
    """A connection as one of the belt's devices. Used by one thread at a time."""

    def __init__(self, address: BeltAddress, role: str) -> None:
        self.where = f"belt {address.host}:{address.port}, {role}"
        self._address = address
        self._role = role
        self._socket: socket.socket | None = None
        self._waiting = b""

    @property
    def is_open(self) -> bool:
        """Whether it is connected."""
        return self._socket is not None

    def open(self) -> None:
        """Connect; raises DeviceError."""
        self.close()
        place = (self._address.host, self._address.port)
        try:
            self._socket = socket.create_connection(place, CONNECT_S)
        except OSError as error:
            cure = "start it with `lineside-agent belt`"
            raise DeviceError(f"is not there ({error})", where=self.where, cure=cure) from error
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._waiting = b""
        self.send(self._role)
        if self.line(CONNECT_S) != "ok":
            raise self.lost("it does not greet")

    def send(self, text: str) -> None:
        """Send one line; raises DeviceError."""
        try:
            self._connected().sendall(text.encode() + b"\n")
        except OSError as error:
            raise self.lost(str(error)) from error

    def line(self, timeout_s: float) -> str | None:
        """The next line, None when none came in time; raises DeviceError at the end."""
        until_s = time.monotonic() + timeout_s
        while b"\n" not in self._waiting:
            if len(self._waiting) > MOST_LINE_BYTES:
                raise self.lost("its line has no end")
            if not self._receive(until_s - time.monotonic()):
                return None
        text, _, self._waiting = self._waiting.partition(b"\n")
        return text.decode()

    def event(self, timeout_s: float) -> dict[str, int] | None:
        """The next line as the JSON object that it is."""
        text = self.line(timeout_s)
        if text is None:
            return None
        try:
            return {key: int(str(value)) for key, value in load_json_object(text).items()}
        except ValueError as error:
            raise self.lost(f"it says {text[:40]!r}") from error

    def payload(self, size: int) -> bytes:
        """The next `size` bytes; raises DeviceError."""
        until_s = time.monotonic() + CONNECT_S
        while len(self._waiting) < size:
            if not self._receive(until_s - time.monotonic()):
                raise self.lost("a picture stays incomplete")
        payload, self._waiting = self._waiting[:size], self._waiting[size:]
        return payload

    def close(self) -> None:
        """Leave the belt."""
        old, self._socket = self._socket, None
        if old is not None:
            old.close()

    def lost(self, why: str) -> DeviceError:
        """Leave the belt; the error to raise."""
        self.close()
        cure = "start it with `lineside-agent belt`"
        return DeviceError(f"is lost ({why})", where=self.where, cure=cure)

    def _receive(self, timeout_s: float) -> bool:
        link = self._connected()
        try:
            ready, _, _ = select.select([link], [], [], max(0.0, timeout_s))
            if not ready:
                return False
            got = link.recv(1 << 20)
        except OSError as error:
            raise self.lost(str(error)) from error
        if not got:
            raise self.lost("it has hung up")
        self._waiting += got
        return True

    def _connected(self) -> socket.socket:
        if self._socket is None:
            raise DeviceError("not open", where=self.where, cure="open it first")
        return self._socket
