"""HTTP requests that end at a deadline, however slowly the server drips its answer."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import urllib3
from urllib3.connection import HTTPConnection, HTTPSConnection

from edge_agent.contracts.core.cut_off import CutOff, cut_after


@contextmanager
def pool_until(most_s: float, **given: Any) -> Iterator[urllib3.PoolManager]:
    """Connections for one request that takes `most_s` at most; given: as for PoolManager.

    Raises TimeoutError at its end where the deadline has passed: what was cut may look like an
    answer. Inside of it, what urllib3 raises for a broken connection.
    """
    with cut_after(most_s) as cut, urllib3.PoolManager(**given) as pool:
        pool.pool_classes_by_scheme = _classes(cut)
        yield pool
        if cut.is_over:
            raise TimeoutError(f"the answer takes more than {most_s:g} s")


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
