"""Hands things to somebody who may be slow: a bounded queue and a thread of its own."""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Generic, NamedTuple, TypeVar

from edge_agent.contracts.core.types import Verdict
from edge_agent.contracts.wire.observation import Observation, Observer
from edge_agent.evidence.recent import size_of

if TYPE_CHECKING:
    from edge_agent.evidence.recorder import Chosen, EvidenceRecorder

LOG = logging.getLogger("lineside.station")

WAITING = 1000
"""Messages that may wait for one slow listener."""
WAITING_ITEMS = 16
"""Observations that may wait for one slow observer."""
WAITING_BYTES = 40_000_000
"""Of their frames and windows: ten frames of 1280x960."""
WAITING_EVIDENCE = 6
"""Items that may wait for the disk of evidence, of those that are kept."""
WORTH = {Verdict.PASS: 0, Verdict.NO_VERDICT: 1, Verdict.FAIL: 2}

T = TypeVar("T")


class _Waiting(NamedTuple, Generic[T]):
    thing: T
    size: int
    worth: float


class Relay(Generic[T]):
    """One taker with a queue and a thread of its own; `name` is for the log.

    The drop rule: when more than `waiting` things wait, or `most_bytes` by their size, the one of
    the least worth is dropped, the oldest of those alike, and counted; `on_drop` is told of it.
    One that is larger waits alone. What waits when close() ends, or comes later, is dropped too.
    """

    def __init__(
        self,
        take: Callable[[T], None],
        name: str,
        waiting: int = WAITING,
        *,
        size_of: Callable[[T], int] = lambda _: 0,
        most_bytes: int = WAITING_BYTES,
        worth_of: Callable[[T], float] | None = None,
        on_drop: Callable[[T], None] = lambda _: None,
    ) -> None:
        self.dropped = 0
        self._take = take
        self._most, self._most_bytes = waiting, most_bytes
        self._size_of, self._worth_of, self._on_drop = size_of, worth_of, on_drop
        self._name = name
        self._change = threading.Condition()
        self._queue: deque[_Waiting[T]] = deque()
        self._bytes = 0
        self._closing = self._closed = False
        self._thread = threading.Thread(target=self._run, name=f"relay-{name}", daemon=True)
        self._thread.start()

    def put(self, thing: T) -> None:
        """Hand a thing over; never waits."""
        worth = self._worth_of(thing) if self._worth_of else 0
        one = _Waiting(thing, self._size_of(thing), worth)
        with self._change:
            self._queue.append(one)
            self._bytes += one.size
            gone = self._drop_beyond()
            self._change.notify()
        for dropped in gone:
            self._on_drop(dropped)

    def close(self, limit_s: float = 5.0) -> None:
        """Let the taker have what waits, for at most `limit_s`; the rest is dropped."""
        with self._change:
            self._closing = True
            self._change.notify()
        self._thread.join(limit_s)
        with self._change:
            self._closed = True
            gone = self._drop_beyond()
        for dropped in gone:
            self._on_drop(dropped)
        if gone:
            LOG.warning("%s: %d were dropped, they still waited at the end", self._name, len(gone))

    def _drop_beyond(self) -> list[T]:
        """What may wait no longer; all of it once the relay is closed."""
        gone = []
        while self._is_beyond():
            gone.append(self._drop_one())
        return gone

    def _is_beyond(self) -> bool:
        count = len(self._queue)
        most = 0 if self._closed else self._most
        return count > most or (count > 1 and self._bytes > self._most_bytes)

    def _drop_one(self) -> T:
        # min() takes the first of those alike, the oldest.
        place, gone = 0, self._queue[0]
        if self._worth_of:
            place, gone = min(enumerate(self._queue), key=lambda pair: pair[1].worth)
        del self._queue[place]
        self._bytes -= gone.size
        self.dropped += 1
        if self.dropped.bit_count() == 1:
            LOG.warning("%s is too slow: %d were dropped", self._name, self.dropped)
        return gone.thing

    def _next(self) -> _Waiting[T] | None:
        """What waits longest; None at the end."""
        with self._change:
            self._change.wait_for(lambda: self._queue or self._closing)
            if not self._queue:
                return None
            one = self._queue.popleft()
            self._bytes -= one.size
            return one

    def _run(self) -> None:
        failed = 0
        while (one := self._next()) is not None:
            try:
                self._take(one.thing)
            except Exception:
                failed += 1
                if failed.bit_count() == 1:
                    LOG.exception("%s failed (%d)", self._name, failed)
            # A frame must not stay in memory until the next one comes.
            del one


def evidence_disk(
    recorder: EvidenceRecorder,
    waiting: int = WAITING_EVIDENCE,
    most_bytes: int = WAITING_BYTES,
) -> Relay[Chosen]:
    """Let a thread of its own write what a recorder has chosen; what it drops counts as lost."""
    relay: Relay[Chosen] = Relay(
        recorder.write,
        "the disk of evidence",
        waiting,
        size_of=lambda chosen: chosen.size_bytes,
        most_bytes=most_bytes,
        worth_of=lambda chosen: chosen.worth,
        on_drop=recorder.lose,
    )
    recorder.write_by(relay.put)
    return relay


class ObserverRelays:
    """All observers of a station, each with a queue and a thread of its own."""

    def __init__(self, observers: Sequence[Observer]) -> None:
        self._relays = [
            Relay(
                observer.observe,
                type(observer).__name__,
                WAITING_ITEMS,
                size_of=size_of,
                worth_of=lambda one: WORTH[one.verdict.verdict],
            )
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
