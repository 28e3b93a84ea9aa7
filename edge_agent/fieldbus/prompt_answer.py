"""An answer of a PLC that is whole by its deadline, however slowly its bytes drip.

The libraries wait for so long for each piece: a PLC or a gateway that sends a byte now and then
would hold the line up for as long as it likes.
"""

from __future__ import annotations

import socket
import time


class PromptAnswer:
    """One answer, which is whole `most_s` after this moment or comes too late."""

    def __init__(self, link: socket.socket, most_s: float) -> None:
        self._link = link
        self._most_s = most_s
        self._until_s = time.monotonic() + most_s

    def piece(self, most_bytes: int) -> bytes:
        """What has come of it; raises TimeoutError after the deadline, ConnectionError at the
        end of the connection."""
        left_s = self._until_s - time.monotonic()
        if left_s <= 0:
            raise TimeoutError(f"the answer takes more than {self._most_s:g} s")
        self._link.settimeout(left_s)
        try:
            found = self._link.recv(most_bytes)
        finally:
            self._link.settimeout(self._most_s)
        if not found:
            raise ConnectionError("it has hung up")
        return found

    def exactly(self, size: int) -> bytes:
        """The next `size` bytes; raises as piece does."""
        found = bytearray()
        while len(found) < size:
            found += self.piece(size - len(found))
        return bytes(found)
