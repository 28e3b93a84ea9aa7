"""Hands things to somebody who may be slow: a bounded queue and a thread of its own."""

from __future__ import annotations

import logging
import queue
import threading
from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

from edge_agent.contracts.wire.observation import Observation, Observer
from edge_agent.evidence.recent import size_of

LOG = logging.getLogger("lineside.station")

WAITING = 1000
"""Messages that may wait for one slow listener."""
WAITING_ITEMS = 16
"""Observations that may wait for one slow observer."""
WAITING_BYTES = 40_000_000
"""Of their frames and windows: ten frames of 1280x960."""
WAITING_EVIDENCE = 6
"""Items that may wait for the disk of evidence, of those that are kept."""

T = TypeVar("T")


class Relay(Generic[T]):
    """One taker with a queue and a thread of its own; `name` is for the log.

    The drop rule: when `waiting` things wait, or `most_bytes` by their size, the oldest is dropped
    and counted. One that is larger waits alone.
    """

    def __init__(
        self,
        take: Callable[[T], None],
        name: str,
        waiting: int = WAITING,
        *,
        size_of: Callable[[T], int] = lambda _: 0,
        most_bytes: int = WAITING_BYTES,
    ) -> None:
        self.dropped = 0
        self._take = take
        self._size_of = size_of
        self._most_bytes = most_bytes
        self._bytes = 0
        self._count_lock = threading.Lock()
        self._name = name
        self._queue: queue.Queue[T | None] = queue.Queue(waiting)
        self._thread = threading.Thread(target=self._run, name=f"relay-{name}", daemon=True)
        self._thread.start()

    def put(self, thing: T | None) -> None:
        """Hand a thing over; never waits."""
        size = 0 if thing is None else self._size_of(thing)
        while self._count(size) > self._most_bytes and size and not self._queue.empty():
            self._count(-size)
            self._drop_oldest()
        while True:
            try:
                self._queue.put_nowait(thing)
            except queue.Full:
                self._drop_oldest()
            else:
                return

    def close(self, limit_s: float = 5.0) -> None:
        """Let the taker have what waits, for at most `limit_s`."""
        self.put(None)
        self._thread.join(limit_s)

    def _drop_oldest(self) -> None:
        try:
            gone = self._queue.get_nowait()
        except queue.Empty:
            return  # the taker was faster
        if gone is not None:
            self._count(-self._size_of(gone))
        self.dropped += 1
        if self.dropped.bit_count() == 1:
            LOG.warning("%s is too slow: %d were dropped", self._name, self.dropped)

    def _count(self, size: int) -> int:
        """Bytes that wait, `size` more of them."""
        with self._count_lock:
            self._bytes += size
            return self._bytes

    def _run(self) -> None:
        failed = 0
        while (thing := self._queue.get()) is not None:
            self._count(-self._size_of(thing))
            try:
                self._take(thing)
            except Exception:
                failed += 1
                if failed.bit_count() == 1:
                    LOG.exception("%s failed (%d)", self._name, failed)
            # A frame must not stay in memory until the next one comes.
            del thing


class ObserverRelays:
    """All observers of a station, each with a queue and a thread of its own."""

    def __init__(self, observers: Sequence[Observer]) -> None:
        self._relays = [
            Relay(observer.observe, type(observer).__name__, WAITING_ITEMS, size_of=size_of)
            for observer in observers
        ]

    @property
    def any(self) -> bool:
        """Whether somebody observes."""
        return bool(self._relays)

    @property
    def dropped(self) -> int:
        """Observations that an observer was too slow for."""
        return sum(relay.dropped for relay in self._relays)

    def put(self, observation: Observation) -> None:
        """Show an item with its verdict to everybody; never waits."""
        for relay in self._relays:
            relay.put(observation)

    def close(self) -> None:
        """Let them have what waits."""
        for relay in self._relays:
            relay.close()
