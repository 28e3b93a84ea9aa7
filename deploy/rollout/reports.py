"""What the stations of a rollout report, and who waits for it.

The broker may forge a report. So a report moves the rollout on and nothing more: what a station
runs is decided by what it checks itself.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from pydantic import ValidationError

from edge_agent.contracts.wire.kinds.update import STREAM, UpdateMessage

ENDS = ("done", "failed", "returned", "refused")


@dataclass
class Waiting:
    """One desired state that a station has not ended yet."""

    counter: int
    is_seen: threading.Event = field(default_factory=threading.Event)
    is_ended: threading.Event = field(default_factory=threading.Event)
    last: UpdateMessage | None = None


class Reports:
    """Hands each report to who waits for its station and its counter; others are passed over."""

    def __init__(self) -> None:
        self._waiting: dict[str, Waiting] = {}
        self._lock = threading.Lock()

    @contextmanager
    def waiting(self, station: str, counter: int) -> Iterator[Waiting]:
        """Wait for the reports of a station on the desired state with this counter."""
        one = Waiting(counter)
        with self._lock:
            self._waiting[station] = one
        try:
            yield one
        finally:
            with self._lock:
                if self._waiting.get(station) is one:
                    del self._waiting[station]

    def came(self, topic: str, payload: bytes) -> None:
        """A message on PREFIX/STATION/update."""
        station = topic.rpartition("/")[0].rpartition("/")[2]
        with self._lock:
            waiting = self._waiting.get(station)
        if waiting is None or len(payload) > STREAM.max_bytes:
            return
        try:
            message = UpdateMessage.model_validate_json(payload)
        except ValidationError:
            return
        if message.counter == waiting.counter and not waiting.is_ended.is_set():
            waiting.last = message
            waiting.is_seen.set()
            if message.state in ENDS:
                waiting.is_ended.set()
