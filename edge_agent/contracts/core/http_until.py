"""HTTP requests that end at a deadline, however slowly the server drips its answer."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import urllib3
from urllib3.connection import HTTPConnection, HTTPSConnection

from edge_agent.contracts.core.cut_off import LEAST_BYTES_S, CutOff, cut_after


@contextmanager
def pool_until(
    most_s: float, *, most_bytes: int = 0, **given: Any
) -> Iterator[urllib3.PoolManager]:
    """Connections for one request that takes `most_s` at most; given: as for PoolManager.

    most_bytes: an answer that states its length has so much time more as so many bytes of it take
    at LEAST_BYTES_S, where it is read after its head (preload_content=False).
    Raises TimeoutError at its end where the deadline has passed: what was cut may look like an
    answer. Else what urllib3 raises for a broken connection.
    """
    with cut_after(most_s) as cut, urllib3.PoolManager(**given) as pool:
        pool.pool_classes_by_scheme = pool_classes(cut, most_s, most_bytes)
        try:
            yield pool
        except (urllib3.exceptions.HTTPError, OSError):
            if not cut.is_over:
                raise
        if cut.is_over:
            raise TimeoutError("the answer takes longer than it may")


def pool_classes(
    cut: CutOff, most_s: float = 0.0, most_bytes: int = 0
) -> dict[str, type[urllib3.HTTPConnectionPool]]:
    """For a PoolManager, by scheme: their connections are watched by `cut`; as pool_until says."""

    def measured(answer: Any) -> Any:
        stated = answer.headers.get("Content-Length", "")
        if most_bytes and stated.isdecimal():
            cut.end_after(most_s + min(int(stated), most_bytes) / LEAST_BYTES_S)
        return answer

    class Plain(HTTPConnection):
        def _new_conn(self) -> socket.socket:
            return cut.watched(super()._new_conn())

        def getresponse(self) -> Any:
            return measured(super().getresponse())

    class Sealed(Plain, HTTPSConnection):
        """The same under TLS."""

    class PlainPool(urllib3.HTTPConnectionPool):
        ConnectionCls = Plain

    class SealedPool(urllib3.HTTPSConnectionPool):
        ConnectionCls = Sealed

    return {"http": PlainPool, "https": SealedPool}
