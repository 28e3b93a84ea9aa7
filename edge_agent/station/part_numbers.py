"""Numbers for parts that nothing else names: each is given once, whatever kills the agent."""

from __future__ import annotations

import logging
import secrets
import threading
from pathlib import Path

from edge_agent.contracts.core.errors import StorageError
from edge_agent.contracts.core.files import write_atomic

LOG = logging.getLogger("lineside.station")

FILE = "part-number"
MOST = 10**15
"""What a damaged file says beyond it is no number."""
BLOCK = 1000
"""Numbers that are reserved on disk at a time. A kill skips those that were not given."""


class PartNumbers:
    """Counts up from 1. next() may be called by any thread and never waits for the disk.

    The file in `folder` holds the first number that has never been reserved; it is on disk before
    a number of the block is given. fault: why no more can be reserved, or empty; meanwhile a
    number has a word behind it that no other start of the agent has.
    """

    def __init__(self, folder: Path, block: int = BLOCK) -> None:
        self.fault = ""
        self._path = folder / FILE
        self._block = block
        self._next = 0
        self._end = 0
        self._reserving = False
        self._word = secrets.token_hex(4)
        self._lock = threading.Lock()

    def open(self) -> None:
        """Go on behind what an earlier run reserved; raises StorageError. Again does nothing."""
        if self._end:
            return
        first = self._read()
        self._write(first + self._block)
        with self._lock:
            self._next, self._end = first, first + self._block

    def next(self) -> str:
        """The next number."""
        with self._lock:
            number, self._next = self._next, self._next + 1
            reserve = not self._reserving and self._next + self._block // 2 >= self._end
            self._reserving |= reserve
            certain = number < self._end
        if reserve:
            threading.Thread(target=self._reserve, name="part-numbers", daemon=True).start()
        return str(number) if certain else f"{number}-{self._word}"

    def _reserve(self) -> None:
        with self._lock:
            end = max(self._end, self._next) + self._block
        try:
            self._write(end)
        except StorageError as error:
            if not self.fault:
                LOG.warning("part numbers cannot be reserved: %s", error)
            self.fault = str(error)
        else:
            self.fault = ""
            with self._lock:
                self._end = end
        finally:
            self._reserving = False

    def _read(self) -> int:
        cure = "write the next number into it, larger than any that was given"
        try:
            number = int(self._path.read_text(encoding="ascii"))
        except FileNotFoundError:
            return 1
        except (OSError, ValueError) as error:
            raise StorageError(f"is damaged ({error})", where=str(self._path), cure=cure) from error
        if not 1 <= number < MOST:
            raise StorageError(f"is damaged ({number})", where=str(self._path), cure=cure)
        return number

    def _write(self, number: int) -> None:
        write_atomic(self._path, str(number).encode())
