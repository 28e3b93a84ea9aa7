"""A TCP balancer as a plant has it before a cluster: the first of its servers that answers."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Sequence
from typing import Self

CONNECT_S = 2.0


class Balancer:
    """Listens on `port`; each connection goes to the first of `ports` that takes it."""

    def __init__(self, ports: Sequence[int]) -> None:
        self._ports = list(ports)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._links: list[socket.socket] = []

    def __enter__(self) -> Self:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        for one in (self._listener, *self._links):
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._listener.accept()
            except OSError:
                return
            far = self._connect()
            if far is None:
                near.close()
                continue
            self._links += [near, far]
            for one, other in ((near, far), (far, near)):
                threading.Thread(target=_pass_on, args=(one, other), daemon=True).start()

    def _connect(self) -> socket.socket | None:
        for port in self._ports:
            with contextlib.suppress(OSError):
                link = socket.create_connection(("127.0.0.1", port), CONNECT_S)
                link.settimeout(None)
                return link
        return None


def _pass_on(one: socket.socket, other: socket.socket) -> None:
    """Until one end is closed; then the other one is closed too."""
    with contextlib.suppress(OSError):
        while content := one.recv(1 << 16):
            other.sendall(content)
    for link in (one, other):
        with contextlib.suppress(OSError):
            link.shutdown(socket.SHUT_RDWR)
