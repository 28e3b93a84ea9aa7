"""Messages that wait for the disk, in shared memory: a killed agent's next start finds them there.

A file of two halves. New messages go into one of them, while the other holds what the outbox's
writer is committing, and is emptied by the commit. A half that is full takes no more: what a kill
then loses is counted as before. After a power cut the memory is gone.
"""

from __future__ import annotations

import contextlib
import logging
import mmap
import secrets
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path

from edge_agent.messaging.row import Row
from edge_agent.messaging.shared_memory import SHARED_MEMORY, file_prefix, new_map, read_own

LOG = logging.getLogger("lineside.outbox")

HALF_BYTES = 512 << 10
HEADER = struct.Struct("=IIHHQ")
"""Of a message: bytes and CRC-32 of its payload, bytes of epoch and stream, sequence number."""
FIRST = 8
"""Where messages begin in a half: before them stands how many bytes of them are whole."""


class Unsaved:
    """The memory of the station whose state folder is `folder`; its callers hold one lock.

    memory: a folder of shared memory. Where it cannot be used nothing is noted. half_bytes: a
    multiple of eight.
    """

    def __init__(
        self, folder: Path, *, memory: Path = SHARED_MEMORY, half_bytes: int = HALF_BYTES
    ) -> None:
        self._folder = folder
        self._memory = memory
        self._half_bytes = half_bytes
        self._path: Path | None = None
        self._map: mmap.mmap | None = None
        self._words: memoryview | None = None
        self._active = 0
        self._ends = [FIRST, FIRST]

    def last_run(self) -> list[Row]:
        """What earlier runs left, in the order in which it was handed over; ids are 0."""
        most = 2 * max(HALF_BYTES, self._half_bytes)
        return [row for path in self._files() for row in _rows_of(path, most)]

    def begin(self) -> None:
        """Forget earlier runs and note from now on."""
        self.close()
        for path in self._files():
            with contextlib.suppress(OSError):
                path.unlink()
        path = self._memory / f"{self._prefix()}{secrets.token_hex(8)}"
        try:
            self._map = new_map(path, 2 * self._half_bytes)
        except OSError as error:
            LOG.warning("%s: a kill may lose what waits for the disk: %s", path, error.strerror)
            return
        self._words = memoryview(self._map).cast("Q")
        self._path, self._active = path, 0
        self._ends = [FIRST, FIRST]

    def note(self, epoch: str, seq: int, stream: str, payload: bytes) -> None:
        """Keep a message until its commit; without a system call, for the line's threads wait."""
        if self._map is None:
            return
        words = epoch.encode(), stream.encode()
        head = HEADER.pack(len(payload), zlib.crc32(payload), len(words[0]), len(words[1]), seq)
        record = b"".join((head, *words, payload))
        end = self._ends[self._active] + len(record)
        if end > self._half_bytes:
            return
        start = self._active * self._half_bytes
        self._map[start + end - len(record) : start + end] = record
        self._set_end(self._active, end)

    def turn_over(self) -> None:
        """All that is noted is about to be committed: what comes now goes into the other half."""
        other = 1 - self._active
        if self._ends[other] == FIRST:
            self._active = other

    def saved(self, *, all_of_it: bool) -> None:
        """What was noted before turn_over() is on disk, or counted; or all that is noted."""
        self._set_end(1 - self._active, FIRST)
        if all_of_it:
            self._set_end(self._active, FIRST)

    def close(self, *, forget: bool = False) -> None:
        """Let go of the memory. forget: nothing in it is needed; else it stays for the next start.

        Closing twice is fine.
        """
        if self._words is not None:
            self._words.release()
            self._words = None
        if self._map is not None:
            self._map.close()
            self._map = None
        if forget and self._path is not None:
            with contextlib.suppress(OSError):
                self._path.unlink()
        self._path = None

    def _set_end(self, half: int, end: int) -> None:
        self._ends[half] = end
        if self._words is not None:
            # One store of eight aligned bytes: a kill leaves the old number or the new one.
            self._words[half * self._half_bytes // 8] = end

    def _prefix(self) -> str:
        return file_prefix(self._folder, "unsaved-")

    def _files(self) -> list[Path]:
        with contextlib.suppress(OSError):
            return sorted(self._memory.glob(f"{self._prefix()}*"))
        return []


def _rows_of(path: Path, most_bytes: int) -> Iterator[Row]:
    """The messages of a file of ours, those of the earlier half first."""
    content = read_own(path, most_bytes) or b""
    size = len(content) // 2
    rows = [list(_whole(content[k * size : (k + 1) * size])) for k in (0, 1)]
    yield from sorted((row for half in rows for row in half), key=lambda row: row[1:3])


def _whole(half: bytes) -> Iterator[Row]:
    """The messages of a half that are as they were noted."""
    if len(half) < FIRST:
        return
    at, end = FIRST, min(len(half), struct.unpack_from("=Q", half)[0])
    while at + HEADER.size <= end:
        size, checksum, epochs, streams, seq = HEADER.unpack_from(half, at)
        words = at + HEADER.size
        begin = words + epochs + streams
        payload = half[begin : begin + size]
        at = begin + size
        if at > end or zlib.crc32(payload) != checksum:
            return
        epoch, stream = half[words : words + epochs], half[words + epochs : begin]
        yield Row(0, epoch.decode(errors="replace"), seq, stream.decode(errors="replace"), payload)
