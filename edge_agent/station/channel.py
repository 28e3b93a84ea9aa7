"""The thread of one channel: take an item, judge it, give the verdict to the part tracker."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

from edge_agent.capture.source import EndOfSource
from edge_agent.contracts.core.clock import Clock
from edge_agent.contracts.core.real_time import RealTimeThread
from edge_agent.contracts.core.types import Item
from edge_agent.decide.channel_judge import ChannelJudge, Examined
from edge_agent.station.build import ArmedChannel
from edge_agent.station.change_over import FreshBundle
from edge_agent.station.counts import StationCounts
from edge_agent.station.memory_store import MemoryStore
from edge_agent.station.part_tracker import PartTracker

LOG = logging.getLogger("lineside.station")

TAKE_S = 0.1
"""Longest wait for an item, so that a stop is obeyed soon."""
UNTRIGGERED_S = 0.001
"""Between two looks whether an item's trigger has been reported."""


class ChannelThread:
    """Judges one channel's items until its source ends.

    fresh_bundle: gives the newly installed bundle of a channel, once. beat_ns: monotonic time of
    the last sign of life. ended: the source has ended; a thread that died has not ended.
    """

    def __init__(
        self,
        channel: ArmedChannel,
        tracker: PartTracker,
        *,
        fresh_bundle: Callable[[str], FreshBundle | None],
        memories: MemoryStore,
        counts: StationCounts,
        clock: Clock,
    ) -> None:
        self.channel = channel
        self.beat_ns = clock.mono_ns()
        self.ended = False
        self._inspecting_ns: int | None = None
        self._is_abandoned = False
        self._turn = threading.Lock()
        self._tracker = tracker
        self._fresh_bundle = fresh_bundle
        self._memories = memories
        self._counts = counts
        self._clock = clock
        self._thread = threading.Thread(
            target=self._run, name=f"channel-{channel.name}", daemon=True
        )

    def start(self) -> None:
        """Begin to judge."""
        self._thread.start()

    def join(self, limit_s: float) -> None:
        """Wait for the end, which comes after the source's own."""
        self._thread.join(limit_s)

    @property
    def alive(self) -> bool:
        """Whether the thread still judges."""
        return self._thread.is_alive()

    @property
    def inspecting_since_ns(self) -> int | None:
        """Monotonic time at which the inspection that goes on began; None where none does."""
        return self._inspecting_ns

    def abandon(self) -> bool:
        """Let nothing come of the inspection that hangs; False where it has just ended."""
        with self._turn:
            self._is_abandoned = self._inspecting_ns is not None
        return self._is_abandoned

    def _run(self) -> None:
        in_a_row, turn = 0, RealTimeThread()
        while not self._is_abandoned:
            self.beat_ns = self._clock.mono_ns()
            turn.keep()
            try:
                self._take_up_bundle()
                item = self.channel.feed.take(TAKE_S)
                if item is not None:
                    self._inspect(item)
                    in_a_row = 0
            except EndOfSource:
                self.ended = True
                break
            except Exception:
                in_a_row += 1
                self._counts.add_fault()
                if in_a_row.bit_count() == 1:
                    LOG.exception("channel %s failed (%d); going on", self.channel.name, in_a_row)
                self._clock.sleep_s(TAKE_S)
        if not self._is_abandoned:
            self.channel.feed.close()

    def _take_up_bundle(self) -> None:
        """Judge by the bundle of a new job, or a newly installed one, from the next item on."""
        fresh = self._fresh_bundle(self.channel.name)
        if fresh is None:
            return
        old, self.channel.bundle = self.channel.bundle, fresh.bundle
        title = fresh.bundle.title
        LOG.info("channel %s: %s in the place of %s", self.channel.name, title, old.title)
        self._tracker.rename(self.channel.name, title)
        if fresh.close_old:
            old.close()

    def _inspect(self, item: Item) -> None:
        judge = self.channel.bundle.judge
        # What waited too long has been decided already: judging it would only delay the next ones.
        if judge.needs_every_item or self._is_wanted(item):
            examined = self._examine(judge, item)
            if examined is None:
                return
        else:
            examined = Examined(judge.refuse("stale: its part was decided without it", item))
        self._tracker.judged(item, examined.verdict, examined.judgement)
        self._memories.note(self.channel.name, self.channel.memory)

    def _examine(self, judge: ChannelJudge, item: Item) -> Examined | None:
        """What the judge finds; None where it took so long that another thread goes on."""
        self._inspecting_ns = self._clock.mono_ns()
        try:
            examined = judge.examine(item)
        finally:
            with self._turn:
                self._inspecting_ns = None
        return None if self._is_abandoned else examined

    def _is_wanted(self, item: Item) -> bool:
        """Whether a part waits for the item; its trigger may be reported a little later."""
        while (wanted := self._tracker.wants(self.channel.name, item)) is None:
            self._clock.sleep_s(UNTRIGGERED_S)
        return wanted
