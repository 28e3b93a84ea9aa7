"""From the items of the channels to parts: who belongs together, and who is missing when.

Every item is begun at its grab and added once, whatever became of it: judged, dropped or refused.
So every part that was begun is decided, by its verdicts or by its deadline, and none twice.
"""

from __future__ import annotations

import threading
from collections import Counter, OrderedDict
from collections.abc import Callable, Collection
from dataclasses import dataclass, field

from edge_agent.contracts.core.types import Item, Verdict
from edge_agent.contracts.wire.kinds.verdict import ChannelVerdict

REMEMBERED = 4096
"""Joined parts that are remembered after their decision, and that may be open at once."""
REPEAT_NS = 1_000_000_000
"""A second item of a channel within this (or the deadline) of a part's first grab is the same part,
by a bounced trigger or a message that was delivered twice; later the name is used again."""
LATE_NS = 10_000_000_000
"""An item of a channel that the part missed belongs to it within this (or 10 deadlines)."""

BADNESS = {Verdict.PASS: 0, Verdict.NO_VERDICT: 1, Verdict.FAIL: 2}


@dataclass(frozen=True)
class Grab:
    """Which part an item belongs to. mono_ns, seq, captured_at_ns: the item's own.

    taken_ns: monotonic time at which it was taken, where that is known apart from its arrival.
    """

    channel: str
    part_id: str
    mono_ns: int
    seq: int = 0
    captured_at_ns: int | None = None
    taken_ns: int | None = None


@dataclass(frozen=True)
class ClosedPart:
    """A part to be decided now, with a verdict for each channel in the channels' order.

    missed: channels whose item was grabbed and not judged in time; repeats: channel -> its items,
    where they were more than one; after: None, or the verdict that was decided before a late FAIL.
    """

    part_id: str
    mono_ns: int
    channels: tuple[ChannelVerdict, ...]
    missed: tuple[str, ...] = ()
    repeats: dict[str, int] = field(default_factory=dict)
    after: Verdict | None = None


@dataclass
class OpenPart:
    """A part that waits for its channels.

    mono_ns: its first grab; items, pending: of each channel, all and those not judged yet;
    captured_at_ns: of each channel's first item.
    """

    part_id: str
    mono_ns: int
    items: Counter[str] = field(default_factory=Counter)
    pending: Counter[str] = field(default_factory=Counter)
    verdicts: dict[str, ChannelVerdict] = field(default_factory=dict)
    captured_at_ns: dict[str, int | None] = field(default_factory=dict)


@dataclass
class DecidedPart:
    """What is remembered of a decided part: pending items may still come, and turn out bad."""

    mono_ns: int
    channels: frozenset[str]
    verdict: Verdict
    pending: int


Key = tuple[str, str, int, int]
"""Of a joined part ("", part id, 0, 0), else of one item (channel, part id, mono_ns, seq)."""


class OpenParts:
    """Collects the verdicts of a part. Any thread may call it.

    join = "none": every item is a part of its own. "part_id": a part is complete with one item
    of each channel, or decided without the missing ones when its deadline is over. A channel's
    second item of the same part counts in `repeats`, and the worst verdict stays. Of items that
    come after the decision a FAIL is given, as a late FAIL.
    `channels`: name -> bundle title. remembered: bounds the memory of joined parts. optional:
    channels that are waited for no longer than `optional_wait_ns` where all others have judged.
    """

    def __init__(
        self,
        channels: dict[str, str],
        *,
        join: str,
        deadline_ms: float,
        remembered: int = REMEMBERED,
        optional: Collection[str] = (),
        optional_wait_ns: int = 0,
    ) -> None:
        self._required = frozenset(channels) - frozenset(optional)
        self._optional_wait_ns = optional_wait_ns
        self.begun = 0
        self.repeats = 0
        self._channels = dict(channels)
        self._joined = join == "part_id"
        self._deadline_ns = round(deadline_ms * 1e6)
        self._remembered = remembered
        self._open: OrderedDict[Key, OpenPart] = OrderedDict()
        self._decided: OrderedDict[Key, DecidedPart] = OrderedDict()
        # Captures begin parts, channels add to them and the watch of deadlines closes them.
        self._lock = threading.Lock()

    @property
    def waiting(self) -> int:
        """Parts that are not decided yet."""
        return len(self._open)

    def begin(self, grab: Grab) -> ClosedPart | None:
        """An item was grabbed, and the deadline of its part runs.

        Gives the oldest part, to be decided now, where too many wait.
        """
        with self._lock:
            key, part = self._part(grab)
            if part is None:
                self._decided[key].pending += 1
                self.repeats += grab.channel in self._decided[key].channels
                return None
            self._count_item(part, grab.channel)
            part.pending[grab.channel] += 1
            part.captured_at_ns.setdefault(grab.channel, grab.captured_at_ns)
            return self._close_oldest() if self._joined else None

    def expect(self, part_id: str, mono_ns: int) -> ClosedPart | None:
        """A trigger reports a part: it is decided at its deadline even if no item ever comes.

        A bounced trigger expects nothing anew. Gives a part as begin() does.
        """
        with self._lock:
            key: Key = ("", part_id, 0, 0)
            decided = self._decided.get(key)
            again_ns = max(self._deadline_ns, REPEAT_NS)
            if key in self._open or (decided and mono_ns - decided.mono_ns <= again_ns):
                return None
            self._decided.pop(key, None)
            self.begun += 1
            self._open[key] = OpenPart(part_id, mono_ns)
            return self._close_oldest()

    def add(self, verdict: ChannelVerdict, grab: Grab) -> ClosedPart | None:
        """The verdict on a grabbed item; gives the part when nothing more is waited for, and a late
        FAIL on one that was decided otherwise.
        """
        with self._lock:
            key, part = self._part(grab)
            if part is None:
                return self._add_late(key, verdict, grab)
            name = grab.channel
            if part.pending[name]:
                part.pending[name] -= 1
            else:
                self._count_item(part, name)
            known = part.verdicts.get(name)
            if known is None or BADNESS[verdict.verdict] > BADNESS[known.verdict]:
                part.verdicts[name] = verdict
            wanted = len(self._channels) if self._joined else 1
            # A repeat that is still being judged may be the bad one: the part waits for it.
            if len(part.verdicts) < wanted or part.pending.total():
                return None
            return self._close(key)

    def wants(self, grab: Grab) -> bool:
        """Whether a verdict on the item can still decide its part."""
        with self._lock:
            return self._key(grab) in self._open

    def part_of(self, grab: Grab) -> str:
        """The id of the item's part."""
        return grab.part_id

    def rename(self, channel: str, bundle: str) -> None:
        """The channel judges by another bundle from now on."""
        with self._lock:
            self._channels[channel] = bundle

    def expire(self, now_ns: int) -> list[ClosedPart]:
        """The parts whose deadline is over; the missing channels say so."""
        reason = f"no verdict within the deadline of {self._deadline_ns / 1e6:g} ms"
        closed = self._close_all(reason, lambda part: now_ns - part.mono_ns > self._deadline_ns)
        if not self._joined or len(self._required) == len(self._channels):
            return closed
        return closed + self._close_all(
            "nothing came in time", lambda part: self._is_enough(part, now_ns)
        )

    def flush(self, reason: str) -> list[ClosedPart]:
        """Every part that waits, to be decided now for `reason`."""
        return self._close_all(reason, lambda part: True)

    def _is_enough(self, part: OpenPart, now_ns: int) -> bool:
        """Whether only optional channels are missing, and have been waited for."""
        waited = now_ns - part.mono_ns > self._optional_wait_ns
        return waited and not part.pending.total() and part.verdicts.keys() >= self._required

    def _close_oldest(self) -> ClosedPart | None:
        if len(self._open) <= self._remembered:
            return None
        return self._close(next(iter(self._open)), f"more than {self._remembered} parts wait")

    def _count_item(self, part: OpenPart, channel: str) -> None:
        part.items[channel] += 1
        self.repeats += part.items[channel] > 1

    def _close_all(self, reason: str, due: Callable[[OpenPart], bool]) -> list[ClosedPart]:
        with self._lock:
            keys = [key for key, part in self._open.items() if due(part)]
            return [self._close(key, reason) for key in keys]

    def _key(self, grab: Grab) -> Key:
        if self._joined:
            return "", grab.part_id, 0, 0
        return grab.channel, grab.part_id, grab.mono_ns, grab.seq

    def _part(self, grab: Grab) -> tuple[Key, OpenPart | None]:
        """The open part of an item, a new one where there is none; None where it was decided."""
        key = self._key(grab)
        part = self._open.get(key)
        if part is not None:
            return key, part
        decided = self._decided.get(key)
        if decided is not None and self._belongs(grab, decided):
            return key, None
        self._decided.pop(key, None)
        self.begun += 1
        part = self._open[key] = OpenPart(grab.part_id, grab.mono_ns)
        return key, part

    def _belongs(self, grab: Grab, decided: DecidedPart) -> bool:
        """Whether the item is of the part that was decided, not of a new one of the same name."""
        if grab.channel in decided.channels:
            limit_ns = max(self._deadline_ns, REPEAT_NS)
        else:
            limit_ns = max(10 * self._deadline_ns, LATE_NS)
        return not self._joined or grab.mono_ns - decided.mono_ns <= limit_ns

    def _add_late(self, key: Key, verdict: ChannelVerdict, grab: Grab) -> ClosedPart | None:
        decided = self._decided[key]
        decided.pending -= 1
        if not self._joined and decided.pending <= 0:
            del self._decided[key]
        if verdict.verdict != Verdict.FAIL or decided.verdict == Verdict.FAIL:
            return None
        before, decided.verdict = decided.verdict, Verdict.FAIL
        return ClosedPart(grab.part_id, decided.mono_ns, (verdict,), after=before)

    def _close(self, key: Key, reason: str = "") -> ClosedPart:
        part = self._open.pop(key)
        names = tuple(self._channels) if self._joined else (key[0],)
        missed = tuple(name for name in names if part.pending[name])
        verdicts = [self._verdict(part, name, reason) for name in names]
        closed = ClosedPart(
            part.part_id,
            part.mono_ns,
            tuple(verdicts),
            missed,
            {name: count for name, count in part.items.items() if count > 1},
        )
        self._remember(key, part, max((v.verdict for v in verdicts), key=BADNESS.__getitem__))
        return closed

    def _remember(self, key: Key, part: OpenPart, verdict: Verdict) -> None:
        """Unjoined parts only while an item is pending, which is bounded by the queues."""
        pending = part.pending.total()
        if self._joined or pending:
            grabbed = frozenset(name for name, count in part.items.items() if count)
            self._decided[key] = DecidedPart(part.mono_ns, grabbed, verdict, pending)
        if self._joined and len(self._decided) > self._remembered:
            self._decided.popitem(last=False)

    def _verdict(self, part: OpenPart, channel: str, reason: str) -> ChannelVerdict:
        """The channel's verdict at the close; no PASS while one of its items is not judged."""
        known = part.verdicts.get(channel)
        unjudged = known is not None and part.pending[channel] and known.verdict == Verdict.PASS
        if known is not None and not unjudged:
            return known
        if known is not None:
            why = f"a second item of this part has {reason}"
            return replace_verdict(known, Verdict.NO_VERDICT, why)
        return ChannelVerdict(
            channel=channel,
            bundle=self._channels[channel],
            verdict=Verdict.NO_VERDICT,
            reason=reason,
            captured_at_ns=part.captured_at_ns.get(channel),
        )


def grab_of(channel: str, item: Item, part_id: str, taken_ns: int | None = None) -> Grab:
    """The grab of an item."""
    return Grab(channel, part_id, item.mono_ns, item.seq, item.captured_at_ns, taken_ns)


def replace_verdict(known: ChannelVerdict, verdict: Verdict, reason: str) -> ChannelVerdict:
    """A channel's verdict with another verdict and reason."""
    return known.model_copy(update={"verdict": verdict, "reason": reason})
