"""HTTP requests that end at a deadline, however slowly the other end drips its bytes.

A timeout of a socket begins anew with each byte; here a timer shuts the connection down.
"""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import urllib3
from urllib3.connection import HTTPConnection, HTTPSConnection


class CutOff:
    """The sockets of one request; `is_over` once they were shut down."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._sockets: list[socket.socket] = []
        self.is_over = False

    def watched(self, made: socket.socket) -> socket.socket:
        """The same socket; its connection ends at the deadline, under TLS too."""
        with self._lock:
            self._sockets.append(made.dup())
        if self.is_over:
            self.end()
        return made

    def end(self) -> None:
        """Shut down what is open."""
        self.is_over = True
        with self._lock:
            for one in self._sockets:
                with contextlib.suppress(OSError):
                    one.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Give the handles back."""
        with self._lock:
            for one in self._sockets:
                one.close()
            self._sockets.clear()


@contextmanager
def pool_until(most_s: float, **given: Any) -> Iterator[tuple[urllib3.PoolManager, CutOff]]:
    """Connections for one request that takes `most_s` at most; given: as for PoolManager."""
    cut = CutOff()
    timer = threading.Timer(most_s, cut.end)
    timer.daemon = True
    timer.start()
    try:
        with urllib3.PoolManager(**given) as pool:
            pool.pool_classes_by_scheme = _classes(cut)
            yield pool, cut
    finally:
        timer.cancel()
        cut.close()


def _classes(cut: CutOff) -> dict[str, type[urllib3.HTTPConnectionPool]]:
    class Plain(HTTPConnection):
        def _new_conn(self) -> socket.socket:
            return cut.watched(super()._new_conn())

    class Sealed(HTTPSConnection):
        def _new_conn(self) -> socket.socket:
            return cut.watched(super()._new_conn())

    class PlainPool(urllib3.HTTPConnectionPool):
        ConnectionCls = Plain

    class SealedPool(urllib3.HTTPSConnectionPool):
        ConnectionCls = Sealed

    return {"http": PlainPool, "https": SealedPool}
