"""Wakes a thread that waits in select()."""

from __future__ import annotations

import socket


class Waker:
    """A pipe: `end` becomes readable after wake(). close() twice is fine."""

    def __init__(self) -> None:
        self.end, self._far = socket.socketpair()
        for one in (self.end, self._far):
            one.setblocking(False)

    def wake(self) -> None:
        """From any thread."""
        try:
            self._far.send(b"\0")
        except OSError:
            return  # the pipe is full (awake anyway) or closed

    def close(self) -> None:
        """Close both ends."""
        self.end.close()
        self._far.close()
