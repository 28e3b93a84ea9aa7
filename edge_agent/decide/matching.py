"""Which item shows which part: trigger events and items are matched by time alone.

An event expects an item of each channel, taken within the channel's window after it. The order in
which events and items become known does not matter. What is taken within the windows of two events
could show either part, and of two items within one window either could be the part's: such a part
is in doubt, and does not pass.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from edge_agent.contracts.core.types import Verdict
from edge_agent.contracts.wire.kinds.verdict import ChannelVerdict
from edge_agent.decide.open_parts import BADNESS, Grab, replace_verdict

CODES = ""
"""The window of the codes that name parts; no channel has this name."""
KEEP_NS = 10_000_000_000
"""Events and items are remembered for so long (or ten deadlines), for what comes late."""
FORGET_NS = 1_000_000_000
"""What is too old is looked for so often."""


@dataclass(frozen=True)
class Window:
    """When the item of a part is taken, in ns after its trigger; both ends belong to it."""

    from_ns: int
    until_ns: int

    def holds(self, at_ns: int, taken_ns: int) -> bool:
        """Whether what was taken then can be of the event at `at_ns`."""
        return self.from_ns <= taken_ns - at_ns <= self.until_ns


@dataclass(frozen=True)
class MatchRule:
    """windows: of each channel. debounce_ns: two triggers so close cannot be two parts.

    report_ns: longest time from an edge to its report. A part passes no earlier than when every
    event whose window could hold its items has been reported. The window CODES, where there is
    one, is that of the codes that name parts; needs_code: a part without one does not pass.
    """

    windows: Mapping[str, Window]
    deadline_ns: int
    debounce_ns: int = 0
    report_ns: int = 0
    needs_code: bool = False

    @property
    def settled_ns(self) -> int:
        """So long after a trigger nothing new can be its part's, or take an item from it."""
        until = max(window.until_ns for window in self.windows.values())
        early = min(window.from_ns for window in self.windows.values())
        return max(until + max(0, -early), self.debounce_ns) + self.report_ns

    @property
    def keep_ns(self) -> int:
        """How long events and items are remembered."""
        return max(KEEP_NS, 10 * self.deadline_ns)


@dataclass
class MatchCounts:
    """What did not fit, since the start.

    missed: parts without an item of a channel; stale: items that were taken before the trigger
    after which they came; untriggered: other items without a trigger; double_items,
    double_triggers: two of them where there is one part; shared: items within two windows;
    late_reports: triggers that were reported too late; untimed: items whose moment is not known;
    unclaimed_codes: codes that were read when no part was there.
    """

    missed: int = 0
    stale: int = 0
    untriggered: int = 0
    double_items: int = 0
    double_triggers: int = 0
    shared: int = 0
    late_reports: int = 0
    untimed: int = 0
    unclaimed_codes: int = 0


@dataclass(eq=False)
class ExpectedPart:
    """A part that the trigger reported. doubt: why it cannot pass; verdict: once it is decided;
    stale: of a channel, how long before the trigger a stale item was taken.
    """

    part_id: str
    at_ns: int
    doubt: str = ""
    verdict: Verdict | None = None
    items: dict[str, list[TakenItem]] = field(default_factory=dict)
    stale: dict[str, int] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """Its code, where there is exactly one, else what the trigger or the counter named it."""
        codes = self.items.get(CODES, [])
        is_sure = len(codes) == 1 and len(codes[0].owners) == 1
        return codes[0].grab.part_id if is_sure else self.part_id

    def is_judged(self, channel: str) -> bool:
        """Whether the channel has an item of it, and has judged all of them."""
        items = self.items.get(channel, ())
        return bool(items) and all(item.verdict is not None for item in items)


@dataclass(eq=False)
class TakenItem:
    """An item of a channel, the parts that it may show, and the verdict on it."""

    grab: Grab
    taken_ns: int
    owners: list[ExpectedPart] = field(default_factory=list)
    verdict: ChannelVerdict | None = None


ItemKey = tuple[str, int, int]
"""channel, mono_ns, seq."""


class Matcher:
    """Keeps the events and items of the last seconds and joins them. One thread at a time.

    What waits is kept apart from what is remembered: the watch of deadlines asks for it all the
    time, and the last seconds may hold thousands.
    """

    def __init__(self, rule: MatchRule) -> None:
        self.rule = rule
        self.counts = MatchCounts()
        self._events: list[ExpectedPart] = []
        self._undecided: dict[int, ExpectedPart] = {}
        self._items: dict[ItemKey, TakenItem] = {}
        self._loose: dict[ItemKey, TakenItem] = {}
        self._forget_ns = 0

    def expect(self, part_id: str, at_ns: int, now_ns: int) -> ExpectedPart | None:
        """An event at `at_ns` was reported; None where it is the part of an event before."""
        event = ExpectedPart(part_id, at_ns)
        for other in self._events:
            if abs(other.at_ns - at_ns) < self.rule.debounce_ns:
                self.counts.double_triggers += 1
                doubt = f"two triggers within {abs(other.at_ns - at_ns) / 1e6:.1f} ms"
                other.doubt = other.doubt or doubt
                event.doubt = event.doubt or doubt
                if part_id and part_id == other.part_id:
                    return None
        if now_ns - at_ns > self.rule.report_ns:
            self.counts.late_reports += 1
            event.doubt = event.doubt or f"reported {(now_ns - at_ns) / 1e6:.0f} ms after its edge"
        for item in self._items.values():
            self._join(event, item)
        self._events.append(event)
        self._undecided[id(event)] = event
        return event

    def take(self, grab: Grab) -> TakenItem:
        """An item was grabbed."""
        taken_ns = grab.mono_ns if grab.taken_ns is None else grab.taken_ns
        key = key_of(grab)
        item = self._items[key] = self._loose[key] = TakenItem(grab, taken_ns)
        for event in self._events:
            self._join(event, item)
        return item

    def find(self, grab: Grab) -> TakenItem | None:
        """The item of a grab; None where it is forgotten or was of no part."""
        return self._items.get(key_of(grab))

    def undecided(self) -> Iterator[ExpectedPart]:
        """The parts that wait, in the order of their reports."""
        return iter(self._undecided.values())

    def decide(self, event: ExpectedPart, verdict: Verdict) -> None:
        """A part waits no more."""
        event.verdict = verdict
        self._undecided.pop(id(event), None)

    def is_settled(self, item: TakenItem, now_ns: int) -> bool:
        """Whether every event that the item could be of has been reported."""
        early_ns = self.rule.windows[item.grab.channel].from_ns
        # A stamp that is later than the arrival is of another clock, and never comes true.
        taken_ns = min(item.taken_ns, item.grab.mono_ns)
        return now_ns > taken_ns - early_ns + self.rule.report_ns

    def take_loose(self, now_ns: int) -> list[TakenItem]:
        """The items that no trigger claims any more; they are counted and forgotten."""
        loose = [
            item
            for item in self._loose.values()
            if not item.owners and self.is_settled(item, now_ns)
        ]
        for item in loose:
            key = key_of(item.grab)
            del self._items[key], self._loose[key]
            self._classify(item)
        return loose

    def forget(self, now_ns: int) -> None:
        """Drop what is too old to matter, now and then."""
        if now_ns < self._forget_ns:
            return
        self._forget_ns = now_ns + FORGET_NS
        oldest_ns = now_ns - self.rule.keep_ns
        self._events = [e for e in self._events if e.verdict is None or e.at_ns >= oldest_ns]
        old = [key for key, item in self._items.items() if item.grab.mono_ns < oldest_ns]
        for key in old:
            del self._items[key]
            self._loose.pop(key, None)

    def verdict_of(
        self, event: ExpectedPart, channel: str, bundle: str, reason: str
    ) -> ChannelVerdict:
        """The channel's verdict on a part that is decided now. reason: for what is not judged.

        A FAIL stays a FAIL whatever is in doubt.
        """
        items = event.items.get(channel, [])
        judged = [item.verdict for item in items if item.verdict is not None]
        worst = max(judged, key=lambda one: BADNESS[one.verdict]) if judged else None
        if worst is not None and worst.verdict == Verdict.FAIL:
            return worst
        why = self._doubt(event, channel, reason)
        if worst is not None:
            is_pass = worst.verdict == Verdict.PASS
            return replace_verdict(worst, Verdict.NO_VERDICT, why) if why and is_pass else worst
        return ChannelVerdict(
            channel=channel,
            bundle=bundle,
            verdict=Verdict.NO_VERDICT,
            reason=why or reason,
            captured_at_ns=items[0].grab.captured_at_ns if items else None,
        )

    def _doubt(self, event: ExpectedPart, channel: str, reason: str) -> str:
        """Why the channel cannot let the part pass; empty where it can."""
        items = event.items.get(channel, [])
        if not items:
            return self._missed(event, channel)
        if event.doubt or self._code_doubt(event):
            return event.doubt or self._code_doubt(event)
        if len(items) > 1:
            return f"double: {len(items)} items for one trigger"
        if len(items[0].owners) > 1:
            return f"one item for {len(items[0].owners)} triggers"
        return "" if items[0].verdict is not None else reason

    def _code_doubt(self, event: ExpectedPart) -> str:
        """Why it is not known which part this is."""
        codes = event.items.get(CODES, [])
        if len(codes) > 1:
            return f"{len(codes)} codes were read for one part"
        if codes and len(codes[0].owners) > 1:
            return f"one code for {len(codes[0].owners)} parts"
        return "no code was read" if self.rule.needs_code and not codes else ""

    def _missed(self, event: ExpectedPart, channel: str) -> str:
        self.counts.missed += 1
        window = self.rule.windows[channel]
        limits = f"{window.from_ns / 1e6:g} to {window.until_ns / 1e6:g} ms after its trigger"
        stale_ns = event.stale.get(channel)
        if stale_ns is None:
            return f"missed: nothing was taken {limits}"
        return f"stale: taken {stale_ns / 1e6:.0f} ms before its trigger, nothing {limits}"

    def _join(self, event: ExpectedPart, item: TakenItem) -> None:
        channel = item.grab.channel
        if not self.rule.windows[channel].holds(event.at_ns, item.taken_ns):
            came_after = item.taken_ns < event.at_ns <= item.grab.mono_ns
            if came_after and not item.owners and channel != CODES:
                event.stale.setdefault(channel, event.at_ns - item.taken_ns)
            return
        items = event.items.setdefault(channel, [])
        items.append(item)
        item.owners.append(event)
        self._loose.pop(key_of(item.grab), None)
        self.counts.double_items += len(items) == 2
        self.counts.shared += len(item.owners) == 2

    def _classify(self, item: TakenItem) -> None:
        """Stale is what came after a trigger and was taken before it."""
        if item.grab.channel == CODES:
            self.counts.unclaimed_codes += 1
            return
        stale = any(item.taken_ns < e.at_ns <= item.grab.mono_ns for e in self._events)
        self.counts.stale += stale
        self.counts.untriggered += not stale


def key_of(grab: Grab) -> ItemKey:
    """What tells one item from another."""
    return grab.channel, grab.mono_ns, grab.seq
