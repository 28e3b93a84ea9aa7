"""Connections that end at a deadline, however slowly the other end drips its bytes.

A timeout of a socket begins anew with each byte; here a timer shuts the connection down.
"""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

ANSWER_S = 30.0
"""The longest that an answer takes which is no file, however slowly it drips."""
LEAST_BYTES_S = 1000
"""A server that gives less than this in a second holds the station up."""


def longest_s(size: int, answer_s: float = ANSWER_S) -> float:
    """The longest that a file of so many bytes takes."""
    return 2 * answer_s + size / LEAST_BYTES_S


class CutOff:
    """The sockets of one request; `is_over` once they were shut down."""

    def __init__(self) -> None:
        self.is_over = False
        self._lock = threading.Lock()
        self._sockets: list[socket.socket] = []
        self._timer: threading.Timer | None = None

    def end_after(self, most_s: float) -> None:
        """From now on at most so long; a second call takes the place of the first."""
        timer = threading.Timer(most_s, self.end)
        timer.daemon = True
        with self._lock:
            before, self._timer = self._timer, timer
        if before is not None:
            before.cancel()
        timer.start()

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
        """Give the handles back; nothing is shut down any more."""
        with self._lock:
            if self._timer is not None:
                self._timer.cancel()
            for one in self._sockets:
                one.close()
            self._sockets.clear()


@contextmanager
def cut_after(most_s: float) -> Iterator[CutOff]:
    """What is watched in it ends after `most_s`."""
    cut = CutOff()
    cut.end_after(most_s)
    try:
        yield cut
    finally:
        cut.close()
