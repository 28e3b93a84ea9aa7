"""From grabbed items to decisions: the parts under way, their deadlines, and what was missed.

Every item is known from its grab, before it waits for anything. So a part is decided in time even
if its network hangs for ever, and what a full queue drops is decided at once.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from hashlib import blake2b

from edge_agent.contracts.core.clock import Clock
from edge_agent.contracts.core.errors import LinesideError
from edge_agent.contracts.core.faults import convert_faults
from edge_agent.contracts.core.types import Item, Judgement, Verdict
from edge_agent.contracts.wire.decision import Decision, SafeAction
from edge_agent.contracts.wire.kinds.verdict import Action, ChannelVerdict
from edge_agent.contracts.wire.messages import wire_text
from edge_agent.contracts.wire.observation import Observation
from edge_agent.decide.fusion import action_for, fuse
from edge_agent.decide.item_time import ItemTime
from edge_agent.decide.matching import MatchCounts
from edge_agent.decide.open_parts import ClosedPart, Grab, grab_of
from edge_agent.decide.triggered_parts import TriggeredParts
from edge_agent.station.actor import Actor
from edge_agent.station.counts import StationCounts
from edge_agent.station.line_table import LineTable
from edge_agent.station.part_rules import PartRules, build_parts

LOG = logging.getLogger("lineside.station")

PART_ID_CHARACTERS = 1000
ENOUGH_UNTIMED = 32
"""So many items without a moment are more than a camera whose clock is not known yet."""
QUIET_S = 1.0
"""A channel that missed a deadline is trusted again after this long without another miss."""


@dataclass
class Missed:
    """The parts that a channel did not judge in time. first: the part id; dropped: a full queue
    gave all of them up; in_time: since the last miss one was judged in time.
    """

    first: str
    dropped: bool = False
    count: int = 0
    last_ns: int = 0
    in_time: bool = False


class PartTracker:
    """The parts under way. Captures, channels and the watch of deadlines call it.

    bundles: channel -> title of its bundle. observe: takes what was judged or dropped, after its
    part was decided; it must not wait. quiet_s: as QUIET_S. rules: what station.toml says of parts.
    """

    def __init__(
        self,
        bundles: dict[str, str],
        table: LineTable,
        safe_action: SafeAction,
        *,
        actor: Actor,
        counts: StationCounts,
        clock: Clock,
        observe: Callable[[Observation], None] | None = None,
        quiet_s: float = QUIET_S,
        rules: PartRules | None = None,
    ) -> None:
        self._rules = rules or PartRules()
        self._observe = observe
        self._bundles = dict(bundles)
        self._table = table
        self._safe_action: SafeAction = safe_action
        self._actor = actor
        self._counts = counts
        self._clock = clock
        self._quiet_ns = round(quiet_s * 1e9)
        match = self._rules.match
        stamps = {name: match[name].stamp if name in match else "arrival" for name in bundles}
        self._times: dict[str, ItemTime] = {}
        if table.join == "trigger":
            self._times = {name: ItemTime(stamp) for name, stamp in stamps.items()}
        self._parts = build_parts(bundles, table, self._rules, clock)
        self._missed: dict[str, Missed] = {}
        self._lock = threading.Lock()

    @property
    def begun(self) -> int:
        """Parts of which an item was grabbed; each is decided once."""
        return self._parts.begun

    @property
    def repeats(self) -> int:
        """Second and further items that a channel gave of one part."""
        return self._parts.repeats

    @property
    def match_counts(self) -> MatchCounts:
        """What of triggers and items did not fit; zeros where no trigger is matched."""
        parts = self._parts
        return parts.counts if isinstance(parts, TriggeredParts) else MatchCounts()

    def watch(self, channel: str) -> ChannelWatch:
        """What the source of a channel tells at each grab."""
        return ChannelWatch(self, channel)

    def grabbed(self, channel: str, item: Item) -> None:
        """An item is here: its part's deadline runs."""
        taken_ns = None
        if self._times:
            taken_ns = self._times[channel].taken_ns(item)
            if taken_ns is None:
                self._count_untimed(channel)
                return
        part = self._parts.begin(grab_of(channel, item, part_id_of(item), taken_ns))
        if part is not None:
            self._decide(part)

    def expect(self, part_id: str, mono_ns: int) -> None:
        """The trigger reports a part: its deadline runs, whether or not an item comes."""
        part_id = wire_text(part_id, PART_ID_CHARACTERS)
        self._actor.expect(part_id, mono_ns)
        part = self._parts.expect(part_id, mono_ns)
        if part is not None:
            self._decide(part)

    def name(self, code: str, read_ns: int) -> None:
        """A reader read the code of a part at that time."""
        if isinstance(self._parts, TriggeredParts):
            self._parts.name(wire_text(code, PART_ID_CHARACTERS), read_ns)

    def dropped(self, channel: str, item: Item) -> None:
        """A full queue gave the item up: its part is decided without it."""
        if self._times and self.wants(channel, item) is not True:
            return
        self._miss(channel, part_id_of(item), dropped=True)
        self._add(item, self._unseen(channel, item), None)

    def wants(self, channel: str, item: Item) -> bool | None:
        """Whether a verdict on the item can still decide its part; None: not known yet."""
        return self._parts.wants(self._grab(channel, item))

    def judged(
        self, item: Item, verdict: ChannelVerdict, judgement: Judgement | None = None
    ) -> None:
        """The verdict on a grabbed item, with the judgement behind it for the observers."""
        self._add(item, verdict, judgement)
        if self._times and not self._parts.part_of(self._grab(verdict.channel, item)):
            return
        late = verdict.latency_ms is not None and verdict.latency_ms > self._table.deadline_ms
        if late:
            self._miss(verdict.channel, part_id_of(item))
        else:
            self._note_in_time(verdict.channel)

    def rename(self, channel: str, bundle: str) -> None:
        """The channel judges by another bundle from now on."""
        self._bundles[channel] = bundle
        self._parts.rename(channel, bundle)

    def expire(self) -> None:
        """Decide the parts whose deadline is over."""
        for part in self._parts.expire(self._clock.mono_ns()):
            self.guarded(partial(self._decide, part), part.part_id)

    def flush(self, reason: str) -> None:
        """Decide every part that still waits."""
        for part in self._parts.flush(reason):
            self.guarded(partial(self._decide, part), part.part_id)

    def overdue(self) -> list[str]:
        """Channels that miss deadlines, in words; a channel recovers after a while without one."""
        now = self._clock.mono_ns()
        with self._lock:
            for name, missed in list(self._missed.items()):
                if missed.in_time and now - missed.last_ns >= self._quiet_ns:
                    del self._missed[name]
                    LOG.warning("channel %s is in time again: it missed %d", name, missed.count)
            known = {n: m for n, m in self._missed.items() if n not in self._rules.optional}
            return [f"{name}: {self._words(missed)}" for name, missed in known.items()]

    def guarded(self, work: Callable[[], object], part_id: str) -> None:
        """Do `work` for one part in a foreign thread: a fault over it is not the other parts'."""
        try:
            with convert_faults():
                work()
        except LinesideError:
            if self._counts.add_fault().bit_count() == 1:
                LOG.exception("part %s failed; going on", part_id)

    def _add(self, item: Item, verdict: ChannelVerdict, judgement: Judgement | None) -> None:
        grab = self._grab(verdict.channel, item)
        part = self._parts.add(verdict, grab)
        if part is not None:
            self._decide(part)
        part_id = self._parts.part_of(grab)
        if self._observe is not None and part_id:
            self._observe(Observation(part_id, item, verdict, judgement))

    def _grab(self, channel: str, item: Item) -> Grab:
        return grab_of(channel, item, part_id_of(item))

    def _count_untimed(self, channel: str) -> None:
        counts = self.match_counts
        counts.untimed += 1
        if counts.untimed == ENOUGH_UNTIMED:
            LOG.error("channel %s: its driver gives no time stamp to match triggers by", channel)

    def _unseen(self, channel: str, item: Item) -> ChannelVerdict:
        return ChannelVerdict(
            channel=channel,
            bundle=self._bundles[channel],
            verdict=Verdict.NO_VERDICT,
            reason="unseen: dropped from a full queue",
            captured_at_ns=item.captured_at_ns,
        )

    def _decide(self, part: ClosedPart) -> None:
        """Fuse the verdicts of a part and act on it."""
        for channel in part.missed:
            self._miss(channel, part.part_id)
        if part.after is not None:
            self._tell_late_fail(part, part.after)
            return
        latency_ms = self._age_ms(part)
        table, rules = self._table, self._rules
        verdict, reason = fuse(
            part.channels, latency_ms, table.deadline_ms, table.fusion, rules.fusion
        )
        doubt = rules.doubt(part.mono_ns)
        if doubt and verdict == Verdict.PASS:
            verdict, reason = Verdict.NO_VERDICT, doubt
        action = action_for(verdict, self._safe_action)
        told = "; ".join(text for text in (reason, _repeats(part)) if text)
        self._actor.act(self._decision(part, verdict, action, told))

    def _tell_late_fail(self, part: ClosedPart, before: Verdict) -> None:
        """The part has gone: report its FAIL, and act on it only where the station is told to."""
        act = self._table.late_fail == "act"
        done = action_for(before, self._safe_action)
        (channel,) = part.channels
        reason = (
            f"late FAIL: {channel.channel}: {channel.reason or channel.label}; "
            f"the part was decided {before} ({done}) before"
        )
        action = action_for(Verdict.FAIL, self._safe_action) if act else done
        decision = self._decision(part, Verdict.FAIL, action, reason, late_fail=True)
        self._actor.act(decision, write=act)

    def _decision(
        self,
        part: ClosedPart,
        verdict: Verdict,
        action: Action,
        reason: str,
        *,
        late_fail: bool = False,
    ) -> Decision:
        return Decision(
            part_id=part.part_id,
            verdict=verdict,
            action=action,
            reason=reason,
            latency_ms=self._age_ms(part),
            channels=part.channels,
            at_ns=self._clock.utc_ns(),
            late_fail=late_fail,
            trigger_ns=part.mono_ns,
        )

    def _age_ms(self, part: ClosedPart) -> float:
        return max(0.0, (self._clock.mono_ns() - part.mono_ns) / 1e6)

    def _miss(self, channel: str, part_id: str, *, dropped: bool = False) -> None:
        with self._lock:
            missed = self._missed.setdefault(channel, Missed(part_id, dropped))
            missed.dropped &= dropped
            missed.count += 1
            missed.last_ns = self._clock.mono_ns()
            missed.in_time = False

    def _words(self, missed: Missed) -> str:
        if missed.dropped:
            return f"its queue is full and parts are not seen, since part {missed.first}"
        return f"not judged within {self._table.deadline_ms:g} ms, since part {missed.first}"

    def _note_in_time(self, channel: str) -> None:
        with self._lock:
            if channel in self._missed:
                self._missed[channel].in_time = True


class ChannelWatch:
    """The tracker as the source of one channel sees it (edge_agent.capture.queue.GrabWatch)."""

    def __init__(self, tracker: PartTracker, channel: str) -> None:
        self._tracker = tracker
        self._channel = channel

    def grabbed(self, item: Item) -> None:
        """Tell the tracker of a grabbed item."""
        self._tracker.guarded(partial(self._tracker.grabbed, self._channel, item), part_id_of(item))

    def dropped(self, item: Item) -> None:
        """Tell the tracker of an item that a full queue gave up."""
        self._tracker.guarded(partial(self._tracker.dropped, self._channel, item), part_id_of(item))


def part_id_of(item: Item) -> str:
    """The part an item belongs to, as every message shows it; its number where it has no name."""
    part_id = wire_text(item.part_id or str(item.seq), 10 * PART_ID_CHARACTERS)
    if len(part_id) <= PART_ID_CHARACTERS:
        return part_id
    # Two long names that begin alike are two parts.
    digest = blake2b(part_id.encode(), digest_size=8).hexdigest()
    return f"{part_id[: PART_ID_CHARACTERS - 17]}…{digest}"


def _repeats(part: ClosedPart) -> str:
    return "; ".join(
        f"{channel}: {count} items of this part, the worst counts"
        for channel, count in part.repeats.items()
    )
