"""Parts that a trigger reports: each is decided once, by the items that were taken at its time."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection
from itertools import count

from edge_agent.contracts.core.clock import Clock
from edge_agent.contracts.core.types import Verdict
from edge_agent.contracts.wire.kinds.verdict import ChannelVerdict
from edge_agent.decide.matching import (
    CODES,
    ExpectedPart,
    MatchCounts,
    Matcher,
    MatchRule,
    TakenItem,
)
from edge_agent.decide.open_parts import BADNESS, ClosedPart, Grab


class TriggeredParts:
    """Collects the verdicts of triggered parts. Any thread may call it.

    channels: name -> bundle title, in the order of the verdicts. A part's deadline counts from its
    trigger. untriggered: whether an item without a trigger is a part of its own, with NO-VERDICT
    (a camera that is triggered); else it is passed over (a camera that runs free). optional:
    channels that are waited for no longer than `optional_wait_ns` where nothing of them came.
    """

    def __init__(
        self,
        channels: dict[str, str],
        rule: MatchRule,
        *,
        clock: Clock,
        untriggered: bool = False,
        optional: Collection[str] = (),
        optional_wait_ns: int = 0,
    ) -> None:
        self._optional = frozenset(optional)
        self._optional_wait_ns = optional_wait_ns
        self.begun = 0
        self._channels = dict(channels)
        self._matcher = Matcher(rule)
        self._clock = clock
        self._untriggered = untriggered
        # The trigger expects parts, captures and channels add to them, the watch closes them.
        self._lock = threading.Lock()
        self._code_numbers = count()

    @property
    def counts(self) -> MatchCounts:
        """What did not fit."""
        return self._matcher.counts

    @property
    def repeats(self) -> int:
        """Second items of a part."""
        return self.counts.double_items

    def expect(self, part_id: str, at_ns: int) -> ClosedPart | None:
        """The trigger reports a part: it is decided at its deadline even if no item ever comes."""
        with self._lock:
            event = self._matcher.expect(part_id, at_ns, self._clock.mono_ns())
            self.begun += event is not None
        return None

    def name(self, code: str, read_ns: int) -> None:
        """A reader read `code` at that time: it names the part whose window holds it."""
        with self._lock:
            self._matcher.take(Grab(CODES, code, read_ns, next(self._code_numbers)))

    def begin(self, grab: Grab) -> ClosedPart | None:
        """An item was grabbed."""
        with self._lock:
            self._matcher.take(grab)
        return None

    def add(self, verdict: ChannelVerdict, grab: Grab) -> ClosedPart | None:
        """The verdict on an item; gives the part where that decides it, or a late FAIL."""
        with self._lock:
            item = self._matcher.find(grab)
            if item is None:
                return None
            item.verdict = verdict
            late = self._late(item, verdict)
            if late is not None:
                return late
            now_ns = self._clock.mono_ns()
            ready = (e for e in item.owners if e.verdict is None and self._is_ready(e, now_ns))
            event = next(ready, None)
            return None if event is None else self._close(event, "")

    def wants(self, grab: Grab) -> bool | None:
        """Whether a verdict on the item can still decide a part; None: not known yet."""
        with self._lock:
            item = self._matcher.find(grab)
            if item is None:
                return False
            if item.owners:
                return any(event.verdict is None for event in item.owners)
            return False if self._matcher.is_settled(item, self._clock.mono_ns()) else None

    def part_of(self, grab: Grab) -> str:
        """The id of the part that an item shows; empty where there is none."""
        with self._lock:
            item = self._matcher.find(grab)
            return item.owners[0].name if item and item.owners else ""

    def rename(self, channel: str, bundle: str) -> None:
        """The channel judges by another bundle from now on."""
        with self._lock:
            self._channels[channel] = bundle

    def expire(self, now_ns: int) -> list[ClosedPart]:
        """The parts that are complete by now, or overdue, and items that no trigger claims."""
        deadline_ns = self._matcher.rule.deadline_ns
        reason = f"no verdict within the deadline of {deadline_ns / 1e6:g} ms"
        with self._lock:
            loose = self._matcher.take_loose(now_ns)
            closed = self._close_all(
                reason, lambda e: now_ns - e.at_ns > deadline_ns or self._is_ready(e, now_ns)
            )
            self._matcher.forget(now_ns)
            return closed + (self._unclaimed(loose) if self._untriggered else [])

    def flush(self, reason: str) -> list[ClosedPart]:
        """Every part that waits, to be decided now for `reason`."""
        with self._lock:
            return self._close_all(reason, lambda event: True)

    def _is_ready(self, event: ExpectedPart, now_ns: int) -> bool:
        age_ns = now_ns - event.at_ns
        waited = age_ns > self._optional_wait_ns
        return age_ns > self._matcher.rule.settled_ns and all(
            event.is_judged(name)
            or (waited and name in self._optional and not event.items.get(name))
            for name in self._channels
        )

    def _close_all(self, reason: str, due: Callable[[ExpectedPart], bool]) -> list[ClosedPart]:
        events = [event for event in self._matcher.undecided() if due(event)]
        return [self._close(event, reason) for event in events]

    def _close(self, event: ExpectedPart, reason: str) -> ClosedPart:
        verdicts = [
            self._matcher.verdict_of(event, name, bundle, reason)
            for name, bundle in self._channels.items()
        ]
        worst = max((one.verdict for one in verdicts), key=BADNESS.__getitem__)
        self._matcher.decide(event, worst)
        unjudged = [
            name for name in self._channels if event.items.get(name) and not event.is_judged(name)
        ]
        return ClosedPart(event.name, event.at_ns, tuple(verdicts), tuple(unjudged))

    def _late(self, item: TakenItem, verdict: ChannelVerdict) -> ClosedPart | None:
        """The first of the item's decided parts that turns out bad."""
        decided = [event for event in item.owners if event.verdict is not None]
        for event in decided:
            before = event.verdict
            if verdict.verdict == Verdict.FAIL and before not in (None, Verdict.FAIL):
                event.verdict = Verdict.FAIL
                return ClosedPart(event.name, event.at_ns, (verdict,), after=before)
        return None

    def _unclaimed(self, loose: list[TakenItem]) -> list[ClosedPart]:
        """Parts of which only an item is known."""
        items = [item for item in loose if item.grab.channel != CODES]
        self.begun += len(items)
        return [self._unclaimed_part(item.grab, item.taken_ns) for item in items]

    def _unclaimed_part(self, grab: Grab, taken_ns: int) -> ClosedPart:
        verdict = ChannelVerdict(
            channel=grab.channel,
            bundle=self._channels[grab.channel],
            verdict=Verdict.NO_VERDICT,
            reason="no trigger at the time at which it was taken",
            captured_at_ns=grab.captured_at_ns,
        )
        part_id = f"untriggered-{grab.channel}-{grab.seq}"
        return ClosedPart(part_id, taken_ns, (verdict,))
