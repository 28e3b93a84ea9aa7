"""The thread of one channel: each item once, a fault costs one item, bundles change over."""

from __future__ import annotations

from collections import deque
from pathlib import Path
from types import SimpleNamespace

import numpy as np

from edge_agent.capture.source import EndOfSource
from edge_agent.contracts.core.clock import SystemClock
from edge_agent.contracts.core.types import Frame, Item, Judgement, Verdict
from edge_agent.contracts.wire.kinds.verdict import ChannelVerdict
from edge_agent.decide.channel_judge import ChannelJudge
from edge_agent.decide.memory import ChannelMemory
from edge_agent.station.build import ArmedChannel, LoadedBundle
from edge_agent.station.channel import ChannelThread
from edge_agent.station.counts import StationCounts
from edge_agent.station.memory_store import MemoryStore

CLOCK = SystemClock()


def frame(seq: int) -> Frame:
    return Frame(np.zeros((2, 2, 3), np.uint8), 1, CLOCK.mono_ns(), seq, "top", f"p{seq}")


class Feed:
    """Gives what the test put in, an error as an error, and then the end."""

    fault, dropped = "", 0

    def __init__(self, *items: Item | Exception) -> None:
        self.items = deque(items)
        self.closed = 0

    def take(self, timeout_s: float) -> Item | None:
        if not self.items:
            raise EndOfSource
        item = self.items.popleft()
        if isinstance(item, Exception):
            raise item
        return item

    def close(self) -> None:
        self.closed += 1


class Tracker:
    """Takes verdicts. unwanted: numbers of items whose part is decided already."""

    def __init__(self, *unwanted: int) -> None:
        self.unwanted = unwanted
        self.told: list[tuple[str, ChannelVerdict]] = []
        self.titles: list[str] = []

    def wants(self, channel: str, item: Item) -> bool:
        return item.seq not in self.unwanted

    def judged(
        self, item: Item, verdict: ChannelVerdict, judgement: Judgement | None = None
    ) -> None:
        self.told.append((item.part_id, verdict))

    def rename(self, channel: str, bundle: str) -> None:
        self.titles.append(bundle)


class Network:
    """Passes every item, but for the part that it chokes on; closed: how often it was closed."""

    needs_every_item = False

    def __init__(self, chokes_on: str = "") -> None:
        self.chokes_on = chokes_on
        self.closed = 0

    def inspect(self, item: Item) -> Judgement:
        if item.part_id == self.chokes_on:
            raise ZeroDivisionError("odd pixel")
        return Judgement(Verdict.PASS, "good", 0.1, 0.5)

    def close(self) -> None:
        self.closed += 1


def bundle(title: str, network: Network) -> LoadedBundle:
    judge = ChannelJudge(network, channel="top", bundle=title, deadline_ms=60_000, clock=CLOCK)
    return LoadedBundle(Path(title), title, judge, network)  # type: ignore[arg-type]


def run(
    feed: Feed, tracker: Tracker, used: LoadedBundle, fresh: object = None
) -> tuple[ChannelThread, StationCounts]:
    """A channel from its first item to its end. fresh: a bundle that waits from the second on."""
    counts, asked = StationCounts(), iter([None, fresh])
    thread = ChannelThread(
        ArmedChannel("top", feed, used, ChannelMemory()),
        tracker,  # type: ignore[arg-type]
        fresh_bundle=lambda name: next(asked, None),  # type: ignore[arg-type,return-value]
        memories=MemoryStore(None, clock=CLOCK),
        counts=counts,
        clock=CLOCK,
    )
    thread.start()
    thread.join(20)
    return thread, counts


def test_every_item_gets_one_verdict_and_the_end_closes_the_source() -> None:
    feed, tracker = Feed(*(frame(seq) for seq in range(5))), Tracker(2)
    thread, counts = run(feed, tracker, bundle("caps 1", Network()))
    assert [part for part, _ in tracker.told] == [f"p{seq}" for seq in range(5)]
    assert [v.verdict for _, v in tracker.told].count(Verdict.PASS) == 4
    assert tracker.told[2][1].reason == "stale: its part was decided without it"
    assert (thread.ended, thread.alive, feed.closed, counts.faults) == (True, False, 1, 0)


def test_a_fault_of_the_network_costs_its_part_and_one_of_the_source_no_part() -> None:
    feed, tracker = Feed(frame(0), frame(1), OSError("driver"), frame(2)), Tracker()
    thread, counts = run(feed, tracker, bundle("caps 1", Network("p1")))
    reasons = [(part, v.verdict, v.reason) for part, v in tracker.told]
    assert reasons == [
        ("p0", Verdict.PASS, ""),
        ("p1", Verdict.NO_VERDICT, "fault: odd pixel"),
        ("p2", Verdict.PASS, ""),
    ]
    assert counts.faults == 1
    assert thread.ended


def test_a_fresh_bundle_judges_from_the_next_item_on_and_the_old_one_is_closed() -> None:
    old, feed, tracker = Network(), Feed(frame(0), frame(1)), Tracker()
    fresh = SimpleNamespace(bundle=bundle("caps 2", Network()), close_old=True)
    run(feed, tracker, bundle("caps 1", old), fresh)
    assert [v.bundle for _, v in tracker.told] == ["caps 1", "caps 2"]
    assert tracker.titles == ["caps 2"]
    assert old.closed == 1
