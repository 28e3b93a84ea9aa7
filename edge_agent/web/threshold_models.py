"""What the screen Threshold takes and gives."""

from __future__ import annotations

from pydantic import Field

from edge_agent.contracts.core.strict import Strict


class ThresholdChannel(Strict):
    """One channel's threshold. can_move: whether the station may move it; set_by: who moved it.

    low, high: what may be set.
    """

    channel: str
    bundle: str
    kind: str
    good: list[str] = Field(description="labels of good parts")
    worse: str
    own: float
    threshold: float
    low: float
    high: float
    can_move: bool
    set_by: str = ""
    set_at_ns: int | None = None
    note: str = ""
    chosen_by: str = ""


class ThresholdList(Strict):
    """Every channel that judges by a threshold, and what errors cost."""

    channels: list[ThresholdChannel]
    missed_defect_cost: float
    false_reject_cost: float


class WhatIfQuery(Strict):
    """Which parts, and which threshold; absent: the one in force."""

    channel: str = Field(min_length=1, max_length=63)
    hours: float = Field(default=24, gt=0, le=8784)
    threshold: float | None = None
    missed_cost: float | None = Field(default=None, ge=0, le=1e9)
    false_reject_cost: float | None = Field(default=None, ge=0, le=1e9)


class OutcomeView(Strict):
    """What a threshold does to the parts. cost: of 1,000 parts."""

    threshold: float
    failed: int
    missed: int
    false_rejects: int
    cost: float


class FlipView(Strict):
    """A part that would be decided otherwise. stem: of its evidence, empty where none is kept."""

    part_id: str
    at_ns: int
    score: float
    becomes: str
    label: str
    by_person: bool
    stem: str


class WhatIf(Strict):
    """Histogram of scores by label, and the two outcomes. labelled: parts that people labelled."""

    parts: int
    labelled: int
    edges: list[float]
    counts: dict[str, list[int]]
    now: OutcomeView
    then: OutcomeView
    flips: int
    to_pass: int
    to_fail: int
    shown: list[FlipView]


class SetThreshold(Strict):
    """A threshold for a channel. bundle: that was looked at, so that no other one is changed."""

    channel: str = Field(min_length=1, max_length=63)
    bundle: str = Field(min_length=1, max_length=200)
    threshold: float
    note: str = Field(default="", max_length=400)


class UndoThreshold(Strict):
    """Take back the last setting of a channel."""

    channel: str = Field(min_length=1, max_length=63)
    bundle: str = Field(min_length=1, max_length=200)
