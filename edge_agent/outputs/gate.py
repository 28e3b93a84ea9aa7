"""When a gate moves: parts reach it some time, or some way, after their trigger.

A shift register over the clock or over the way of the belt. Each part has a slot from its trigger
on; a slot that nobody has decided when it comes due takes the safe action. No clock is read here.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, Self

from pydantic import Field, model_validator

from edge_agent.contracts.core.types import Verdict
from edge_agent.contracts.wire.decision import Decision
from edge_agent.contracts.wire.kinds.verdict import Action
from edge_agent.settings.toml import Table

MOST_SLOTS = 4096
"""Parts between trigger and gate."""
RECENT = 16
"""Slots among which a bounced trigger finds its own."""

SEVERITY: dict[Action, int] = {"accept": 0, "reject": 1, "stop": 2}


class GateTable(Table):
    """The way from the trigger to the gate, and which parts move it."""

    delay_ms: float | None = Field(
        default=None,
        ge=0,
        le=3_600_000,
        description="time from the trigger until the part is at the gate",
    )
    delay_mm: float | None = Field(
        default=None,
        ge=0,
        le=1_000_000,
        description="way of the belt from the trigger to the gate; needs [encoder]",
    )
    width_ms: float | None = Field(
        default=None, gt=0, le=600_000, description="time for which the gate stays moved"
    )
    width_mm: float | None = Field(
        default=None, gt=0, le=100_000, description="way for which the gate stays moved"
    )
    lead_ms: float = Field(
        default=0, ge=0, le=10_000, description="the gate is told so much earlier: it is slow"
    )
    rest: Literal["accept", "reject"] = Field(
        default="reject",
        description="what the gate does while no part is due; reject: nothing but a passed part "
        "gets through, also while the station is down",
    )
    verdicts: list[Verdict] = Field(
        default=[Verdict.FAIL, Verdict.NO_VERDICT],
        description="verdicts whose parts this gate takes out, where the station rejects them",
    )
    labels: list[str] = Field(
        default_factory=list,
        max_length=100,
        description="classes of a FAIL that this gate takes out; empty: all",
    )
    late: Literal["alarm", "stop"] = Field(
        default="alarm",
        description="a bad part went through before its verdict: disarm for a while, or show stop "
        "until the agent is started again",
    )
    refresh_ms: float = Field(
        default=0,
        ge=0,
        le=60_000,
        description="tell the device its value so often, for a device with a watchdog; 0: never",
    )

    @model_validator(mode="after")
    def _time_or_way(self) -> Self:
        by_time = self.delay_ms is not None and self.width_ms is not None
        by_way = self.delay_mm is not None and self.width_mm is not None
        given = [self.delay_ms, self.width_ms, self.delay_mm, self.width_mm]
        if by_time == by_way or sum(value is not None for value in given) != 2:
            raise ValueError("give delay_ms and width_ms, or delay_mm and width_mm")
        return self

    @property
    def by_way(self) -> bool:
        """Whether the belt's way counts, not the time."""
        return self.delay_mm is not None

    @property
    def delay_steps(self) -> int:
        """From trigger to gate in ns, or in um."""
        return round((self.delay_mm or 0) * 1e3 if self.by_way else (self.delay_ms or 0) * 1e6)

    @property
    def width_steps(self) -> int:
        """Length of a slot in ns, or in um."""
        return round((self.width_mm or 0) * 1e3 if self.by_way else (self.width_ms or 0) * 1e6)

    def action_on(self, decision: Decision) -> Action:
        """What this gate does with the part: another gate may be the one that takes it out."""
        if decision.action != "reject":
            return decision.action
        bad = {one.label for one in decision.channels if one.verdict == Verdict.FAIL}
        other_class = bool(self.labels) and not bad & set(self.labels)
        if decision.verdict == Verdict.FAIL and other_class:
            return "accept"
        return "reject" if decision.verdict in self.verdicts else "accept"


@dataclass(eq=False)
class Slot:
    """A part on its way to the gate. action: None until it is decided; trigger_ns: the moment of
    its trigger, by which it is found when its name has changed; 0: not known.
    """

    part_id: str
    trigger: int
    due: int
    action: Action | None = None
    trigger_ns: int = 0


@dataclass(frozen=True)
class Shown:
    """What the gate does now, and for which part; the part is empty between parts."""

    action: Action
    part_id: str = ""


@dataclass(frozen=True)
class LateResult:
    """A decision that came when the part was at the gate already. went_through: it was bad."""

    part_id: str
    went_through: bool


@dataclass
class GateSchedule:
    """The slots of one gate. Places are ns of the clock or um of the belt, and only grow.

    delay: from trigger to gate; width: length of a slot; rest: between the slots; undecided: what
    happens to a part that nobody has decided. Of slots that overlap the worst action counts.
    late: decisions that came too late; went_through: bad parts among them.
    """

    delay: int
    width: int
    rest: Action = "reject"
    undecided: Action = "reject"
    late: int = 0
    went_through: int = 0
    _slots: list[Slot] = field(default_factory=list)
    _safe: Action | None = None
    _safe_from: int = 0

    def expect(self, part_id: str, trigger: int, trigger_ns: int = 0) -> bool:
        """A part passed the trigger there; False where too many are on their way.

        A trigger that bounces tells the same part again: within one width it is one slot.
        """
        recent = self._slots[-RECENT:]
        if any(s.part_id == part_id and abs(trigger - s.trigger) < self.width for s in recent):
            return True
        if len(self._slots) >= MOST_SLOTS:
            return False
        due = trigger + self.delay
        self._slots.append(Slot(part_id, trigger, due, trigger_ns=trigger_ns))
        return True

    def decide(
        self, part_id: str, trigger: int, action: Action, now: int, trigger_ns: int = 0
    ) -> LateResult | None:
        """The part is decided; a worse action takes the place of an earlier one.

        A part that was not expected gets its slot now. Gives a LateResult where it is too late.
        """
        slot = self._find(part_id, trigger_ns)
        due = trigger + self.delay if slot is None else slot.due
        if now >= due:
            return self._decide_late(part_id, slot, action)
        if slot is None:
            slot = Slot(part_id, trigger, due, trigger_ns=trigger_ns)
            self._slots.append(slot)
        if slot.action is None or SEVERITY[action] > SEVERITY[slot.action]:
            slot.action = action
        return None

    def show_safe_state(self, action: Action, now: int) -> None:
        """Show `action` until a part that passed the trigger after `now` is at the gate, decided:
        what lies between trigger and gate has not been followed all the way.
        """
        self._safe, self._safe_from = action, now

    def forget(self) -> None:
        """Where the parts are is not known any more: none of them has a slot."""
        self._slots.clear()

    def shown(self, now: int) -> Shown:
        """What the gate does at `now`."""
        # A slot is remembered for a while: a belt may go back a little, and a FAIL may come late.
        oldest = now - self.delay - 2 * self.width
        self._slots = [slot for slot in self._slots if slot.due > oldest]
        here = [slot for slot in self._slots if slot.due <= now < slot.due + self.width]
        if self._safe is not None:
            if not any(s.trigger >= self._safe_from and s.action is not None for s in here):
                return Shown(self._safe)
            self._safe = None
        if not here:
            return Shown(self.rest)
        worst = max(here, key=lambda slot: SEVERITY[slot.action or self.undecided])
        return Shown(worst.action or self.undecided, worst.part_id)

    def next_change(self, now: int) -> int | None:
        """The next place at which shown() may change; None: nobody is on the way."""
        places = [place for s in self._slots for place in (s.due, s.due + self.width)]
        return min((place for place in places if place > now), default=None)

    def _find(self, part_id: str, trigger_ns: int) -> Slot | None:
        """The slot of that trigger, else the part's that waits, else the last one of that name."""
        same = [slot for slot in self._slots if trigger_ns and slot.trigger_ns == trigger_ns]
        named = same or [slot for slot in self._slots if slot.part_id == part_id]
        waiting = [slot for slot in named if slot.action is None]
        return waiting[0] if waiting else named[-1] if named else None

    def _decide_late(self, part_id: str, slot: Slot | None, action: Action) -> LateResult:
        shown = self.rest if slot is None else slot.action or self.undecided
        shown = self._safe or shown
        if slot is not None and slot.action is None:
            slot.action = self.undecided
        went_through = action != "accept" and shown == "accept"
        self.late += 1
        self.went_through += went_through
        return LateResult(part_id, went_through)
