"""The audit log of a station: why part 4711 passed, proven later.

Records are appended by one thread. They are on disk after `sync()`, which the owner calls about
once a second: a power cut may take the last second of the log, and the outbox counts those parts.
"""

from __future__ import annotations

import contextlib
import os
import threading
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

from edge_agent.audit.chain import START, Fault, Head, body_of, check_chain, link
from edge_agent.audit.segments import HEAD_FILE, read_head, read_lines, segment_path, segments
from edge_agent.contracts.core.clock import Clock
from edge_agent.contracts.core.files import fsync_dir, storage_error, write_atomic

SEGMENT_BYTES = 8 << 20

HALF_RECORD_BYTES = 1 << 14
"""A longer line without its end is no record that a power cut left half."""


class SyncPoint(NamedTuple):
    """A record up to which the log is to become durable. handle: of its segment, to be closed."""

    handle: int
    head: Head


class AuditLog:
    """Appends records to the segments of one folder; one owner, one thread.

    quota_bytes: the oldest segments go when the folder grows beyond it. Raises StorageError where
    the folder cannot be written.
    """

    def __init__(
        self,
        folder: Path,
        *,
        clock: Clock,
        quota_bytes: int = 256 << 20,
        segment_bytes: int = SEGMENT_BYTES,
    ) -> None:
        self._folder = folder
        self._clock = clock
        self._quota_bytes = quota_bytes
        self._segment_bytes = segment_bytes
        self._stream: BinaryIO | None = None
        self._size = 0
        self._head = START
        self._kept_head: Head | None = None
        self._head_lock = threading.Lock()

    @property
    def head(self) -> Head:
        """Number and digest of the last record."""
        return self._head

    def open(self) -> None:
        """Go on after the last whole record; an incomplete one at the end is set aside and named.

        A log that is damaged further up stays as it is, for `verify` to show, and a new segment
        begins after its last number.
        """
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            files = segments(self._folder)
            if not files:
                self._begin_segment()
                return
            seq, path = files[-1]
            self._resume(seq, path)
        except OSError as error:
            raise storage_error(self._folder, error) from error

    def append(self, kind: str, body: dict[str, Any]) -> Head:
        """Append one record with the time; raises StorageError, and the log is what it was."""
        if self._size >= self._segment_bytes:
            self._next_segment()
        return self._write({"at_ns": self._clock.utc_ns(), "kind": kind} | body)

    def sync(self) -> None:
        """Make every record durable, then the head beside the log."""
        if (point := self.sync_point()) is not None:
            self.keep(point)

    def sync_point(self) -> SyncPoint | None:
        """What is to become durable now; None where everything is. Its owner calls keep()."""
        if self._stream is None or self._kept_head == self._head:
            return None
        try:
            return SyncPoint(os.dup(self._stream.fileno()), self._head)
        except OSError as error:
            raise storage_error(self._folder, error) from error

    def keep(self, point: SyncPoint) -> None:
        """Make the records up to a point durable; others may be appended meanwhile."""
        try:
            os.fsync(point.handle)
        except OSError as error:
            raise storage_error(self._folder, error) from error
        finally:
            os.close(point.handle)
        with self._head_lock:  # an older point must not come after a newer one
            if self._kept_head is not None and point.head.seq <= self._kept_head.seq:
                return
            # The head follows the records: a power cut between the two leaves a log that is longer
            # than its head, which is no fault; the other order would look like a log that was cut.
            write_atomic(self._folder / HEAD_FILE, str(point.head).encode())
            self._kept_head = point.head

    def close(self) -> None:
        """Make every record durable and close; closing twice is fine."""
        if self._stream is not None:
            self.sync()
            self._stream.close()
            self._stream = None

    def _resume(self, seq: int, path: Path) -> None:
        lines = list(read_lines(path))
        head = _previous_of(lines, seq)
        whole = 0
        for step in check_chain(lines, head):
            if isinstance(step, Fault):
                break
            head, whole = step, whole + 1
        rest = lines[whole:]
        self._head = head
        self._kept_head = read_head(self._folder)
        if not rest:
            self._stream = path.open("ab")
            self._size = path.stat().st_size
            return
        if len(rest) == 1 and _is_half_record(rest[0]):
            self._stream = path.open("r+b")
            self._size = sum(map(len, lines[:whole]))
            self._stream.truncate(self._size)
            self._stream.seek(self._size)
            self.append("recovered", {"bytes_cut": len(rest[0])})
            return
        # A record inside does not follow the one before: nothing of the evidence is touched.
        self._head = Head(head.seq + len(rest), head.digest)
        self._begin_segment(f"the segment {path.name} is damaged after record {head.seq}")

    def _next_segment(self) -> None:
        if self._stream is not None:
            self.sync()
            self._stream.close()
            self._stream = None
        self._begin_segment()
        self._prune()

    def _begin_segment(self, damage: str = "") -> None:
        path = segment_path(self._folder, self._head.seq + 1)
        try:
            self._stream = path.open("xb")
            fsync_dir(self._folder)
        except OSError as error:
            raise storage_error(path, error) from error
        self._size = 0
        body: dict[str, Any] = {"at_ns": self._clock.utc_ns(), "kind": "segment"}
        self._write(body | {"previous": self._head.digest} | ({"damage": damage} if damage else {}))
        self.sync()

    def _prune(self) -> None:
        """Remove the oldest segments beyond the quota; the record of it is durable first."""
        files = segments(self._folder)
        sizes = [path.stat().st_size for _, path in files]
        gone = 0
        while len(files) - gone > 1 and sum(sizes[gone:]) > self._quota_bytes:
            gone += 1
        if gone:
            self._write(
                {"at_ns": self._clock.utc_ns(), "kind": "pruned", "first_seq": files[gone][0]}
            )
            self.sync()
            for _, path in files[:gone]:
                path.unlink()
            fsync_dir(self._folder)

    def _write(self, body: dict[str, Any]) -> Head:
        head, line = link(self._head, body)
        stream = self._stream
        if stream is None:
            raise storage_error(self._folder, OSError("the log is closed"))
        try:
            stream.write(line)
            stream.flush()
        except OSError as error:
            self._cut_back(stream)
            raise storage_error(self._folder, error) from error
        self._head, self._size = head, self._size + len(line)
        return head

    def _cut_back(self, stream: BinaryIO) -> None:
        """Leave no half record behind a full disk; the next append begins a stream anew."""
        path = Path(stream.name)
        with contextlib.suppress(OSError):
            stream.close()
        self._stream = None
        os.truncate(path, self._size)
        self._stream = path.open("ab")


def _is_half_record(line: bytes) -> bool:
    """Whether a power cut may have left this, and not somebody who removed the line ends."""
    one = len(line) < HALF_RECORD_BYTES and line.count(b'{"seq":') <= 1
    return one and not line.endswith(b"\n")


def _previous_of(lines: list[bytes], seq: int) -> Head:
    """The head before a segment, from its first record."""
    try:
        return Head(seq - 1, str(body_of(lines[0])["previous"]))
    except (IndexError, ValueError, KeyError):
        return Head(seq - 1, "")
