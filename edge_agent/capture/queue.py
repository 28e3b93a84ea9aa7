"""Between a source and the channel that judges: a lost device is reopened, a full queue counted."""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Sequence
from typing import Protocol

from edge_agent.capture.source import Announcing, EndOfSource, Running, Source
from edge_agent.contracts.core.clock import Clock
from edge_agent.contracts.core.errors import DeviceError
from edge_agent.contracts.core.real_time import RealTimeThread
from edge_agent.contracts.core.types import Item

LOG = logging.getLogger("lineside.capture")

TICK_S = 0.2
"""Longest wait inside a source, so that a stop is obeyed soon."""
REOPEN_S = (0.5, 1.0, 2.0, 5.0)
"""Waits between attempts to reopen a lost device; the last one repeats."""


class GrabWatch(Protocol):
    """Is told of every item at its grab, in the thread that grabs it; never raises.

    Called before the item can wait for anything, so that its deadline runs from the grab.
    """

    def grabbed(self, item: Item) -> None:
        """The item is here; sooner or later the channel takes it, or it is dropped."""

    def dropped(self, item: Item) -> None:
        """A grabbed item goes by unseen: its part has to be decided now."""


class NoWatch:
    """For whoever reads a source without deciding parts."""

    def grabbed(self, item: Item) -> None:
        """Nobody waits for it."""

    def dropped(self, item: Item) -> None:
        """Nobody misses it."""


class ItemQueue(Protocol):
    """What a channel takes its items from."""

    @property
    def dropped(self) -> int:
        """Items that went by unseen."""

    @property
    def lost(self) -> int:
        """Items that the device itself lost."""

    @property
    def fault(self) -> str:
        """What is lost, or nothing."""

    def open(self) -> None:
        """Open the source; raises DeviceError. What it gives before start() is no item."""

    def start(self, watch: GrabWatch | None = None) -> None:
        """Begin to grab; opens the source where open() has not; raises DeviceError."""

    def take(self, timeout_s: float) -> Item | None:
        """The next item, None when none came in time; EndOfSource at the end."""

    def stop(self) -> None:
        """Ask it to end: what waits is still given, then EndOfSource."""

    def close(self) -> None:
        """Release the source; called by the thread that takes, after the end."""


class ReconnectingSource:
    """A source whose lost device is reopened with growing waits; `fault` says what is lost.

    reopen_s: the waits between attempts; the last one repeats. lost: items that a live device
    numbered and never gave, by the holes in `seq`.
    """

    def __init__(
        self, source: Source, name: str, clock: Clock, reopen_s: Sequence[float] = REOPEN_S
    ) -> None:
        self.live = source.live
        self.fault = ""
        self.lost = 0
        self._is_open = False
        self._source = source
        self._name = name
        self._clock = clock
        self._next_seq: int | None = None
        self._waits_s = tuple(reopen_s)
        self._attempts = 0
        self._retry_ns = 0

    def open(self) -> None:
        """Open the source, once until close(); one that is absent is an error of its own."""
        if not self._is_open:
            self._source.open()
            self._is_open = True

    def begin(self) -> None:
        """Open where open() has not; what came since then is no item. Raises DeviceError."""
        if not self._is_open:
            self.open()
        elif isinstance(self._source, Running):
            self._source.begin()

    def next(self, timeout_s: float) -> Item | None:
        """The next item, or None while the device is away."""
        if self.fault and not self._reopened(timeout_s):
            return None
        try:
            item = self._source.next(timeout_s)
        except DeviceError as error:
            self.lose(error)
            return None
        if item is not None:
            self._attempts = 0
            self._count_holes(item)
        return item

    def unfinished(self) -> list[Item]:
        """Parts that the source has heard of and not given."""
        return self._source.unfinished() if isinstance(self._source, Announcing) else []

    def close(self) -> None:
        """Close the source."""
        self._is_open = False
        self._source.close()

    def lose(self, error: Exception) -> None:
        """Close the device, to be opened again after a wait that grows until an item comes."""
        if not self.fault:
            LOG.error("channel %s lost its source: %s", self._name, error)
        self.fault = str(error) or type(error).__name__
        wait_s = self._waits_s[min(self._attempts, len(self._waits_s) - 1)]
        self._attempts += 1
        self._retry_ns = self._clock.mono_ns() + round(wait_s * 1e9)
        self._source.close()

    def _count_holes(self, item: Item) -> None:
        if self.live and self._next_seq is not None and item.seq > self._next_seq:
            if not self.lost:
                LOG.warning("channel %s: its device loses items", self._name)
            self.lost += item.seq - self._next_seq
        self._next_seq = item.seq + 1

    def _reopened(self, timeout_s: float) -> bool:
        left_s = (self._retry_ns - self._clock.mono_ns()) / 1e9
        if left_s > 0:
            self._clock.sleep_s(min(timeout_s, left_s))
            return False
        try:
            self._source.open()
        except DeviceError as error:
            self.lose(error)
            return False
        LOG.warning("channel %s has its source again", self._name)
        self.fault = ""
        return True


class DirectQueue:
    """Reads the source when the channel asks; nothing waits, nothing is dropped."""

    dropped = 0

    def __init__(self, source: ReconnectingSource) -> None:
        self._source = source
        self._stopping = False
        self._watch: GrabWatch = NoWatch()

    @property
    def fault(self) -> str:
        """What is lost, or nothing."""
        return self._source.fault

    @property
    def lost(self) -> int:
        """Items that the device itself lost."""
        return self._source.lost

    def open(self) -> None:
        """Open the source."""
        self._source.open()

    def start(self, watch: GrabWatch | None = None) -> None:
        """Let the source be read from now on."""
        self._watch = watch or self._watch
        self._stopping = False
        self._source.begin()

    def take(self, timeout_s: float) -> Item | None:
        """The next item, None when none came in time; EndOfSource at the end."""
        if self._stopping:
            raise EndOfSource
        item = self._source.next(timeout_s)
        if item is not None:
            self._watch.grabbed(item)
        return item

    def stop(self) -> None:
        """Give nothing more."""
        self._stopping = True

    def close(self) -> None:
        """Close the source."""
        self._source.close()


class BoundedQueue:
    """Reads a live source in a thread of its own into a bounded queue.

    The drop rule: a full queue gives up its oldest item for the newest one. The dropped item's
    part went by unseen, and the watch is told at once, in the thread that reads: it slows the
    source down before memory could grow.
    """

    def __init__(self, source: ReconnectingSource, name: str, size: int) -> None:
        self.dropped = 0
        self._source = source
        self._name = name
        self._size = size
        self._queue: deque[Item] = deque()
        self._watch: GrabWatch = NoWatch()
        self._change = threading.Condition()
        self._ended = False
        self._stopping = False
        self._thread: threading.Thread | None = None

    @property
    def fault(self) -> str:
        """What is lost, or nothing."""
        return self._source.fault

    @property
    def lost(self) -> int:
        """Items that the device itself lost."""
        return self._source.lost

    def open(self) -> None:
        """Open the source."""
        self._source.open()

    def start(self, watch: GrabWatch | None = None) -> None:
        """Begin to read."""
        self._watch = watch or self._watch
        self._source.begin()
        self._stopping = self._ended = False
        self._thread = threading.Thread(
            target=self._read, name=f"capture-{self._name}", daemon=True
        )
        self._thread.start()

    def take(self, timeout_s: float) -> Item | None:
        """The oldest item that waits; EndOfSource when the source ended and nothing waits."""
        with self._change:
            self._change.wait_for(self._ready, timeout_s)
            if self._queue:
                return self._queue.popleft()
            if self._ended:
                raise EndOfSource
            return None

    def stop(self) -> None:
        """Read nothing more; what waits is still given."""
        self._stopping = True

    def close(self) -> None:
        """End the thread and close the source."""
        self._stopping = True
        if self._thread is not None:
            self._thread.join(timeout=15)
            self._thread = None
        self._source.close()

    def _ready(self) -> bool:
        return bool(self._queue or self._ended)

    def _read(self) -> None:
        turn = RealTimeThread()
        while not self._stopping:
            turn.keep()
            try:
                item = self._source.next(TICK_S)
            except EndOfSource:
                break
            except Exception as error:
                if not self._source.fault:
                    LOG.exception("channel %s: its driver failed", self._name)
                self._source.lose(error)
                continue
            if item is not None:
                self._put(item)
        left = self._source.unfinished()
        for item in left:
            self._watch.grabbed(item)
        with self._change:
            self._queue.extend(left)
            self._ended = True
            self._change.notify()

    def _put(self, item: Item) -> None:
        self._watch.grabbed(item)
        with self._change:
            full = len(self._queue) >= self._size
            oldest = self._queue.popleft() if full else None
            self._queue.append(item)
            self._change.notify()
        # Outside of the lock: the channel must not wait while a drop is decided.
        if oldest is not None:
            self._drop(oldest)

    def _drop(self, item: Item) -> None:
        self.dropped += 1
        if self.dropped == 1:
            LOG.warning("channel %s drops items: the source is faster than the line", self._name)
        self._watch.dropped(item)


def build_queue(
    source: Source,
    *,
    name: str,
    size: int,
    clock: Clock,
    reopen_s: Sequence[float] = REOPEN_S,
) -> ItemQueue:
    """The queue that suits the source: with a thread of its own for a live one."""
    connected = ReconnectingSource(source, name, clock, reopen_s)
    return BoundedQueue(connected, name, size) if source.live else DirectQueue(connected)
