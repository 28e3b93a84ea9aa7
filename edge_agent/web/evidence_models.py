"""What the screen Evidence takes and gives."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from edge_agent.contracts.core.strict import Strict
from edge_agent.evidence.labels import MOST_MARKS, Box, State, Stroke
from edge_agent.web.evidence_index import Order, Which

Stem = Annotated[str, Field(min_length=1, max_length=300)]
Word = Annotated[str, Field(min_length=1, max_length=63, pattern=r"^[^\x00-\x1f\x7f]+$")]


class EvidenceFilter(Strict):
    """Which items. Empty or absent: any."""

    which: Which = "all"
    hours: float | None = Field(default=None, gt=0, le=100_000, description="of the last hours")
    since_ns: int = Field(default=0, ge=0, le=1 << 62, description="UTC")
    until_ns: int | None = Field(default=None, ge=0, le=1 << 62, description="UTC")
    part: str = Field(default="", max_length=400, description="any piece of the part's name")
    verdict: str = Field(default="", max_length=20)
    label: str = Field(default="", max_length=63, description="agreed, else proposed")
    channel: str = Field(default="", max_length=63)
    low: float | None = Field(default=None, description="least score")
    high: float | None = Field(default=None, description="greatest score")


class EvidencePageQuery(EvidenceFilter):
    """A page of them."""

    order: Order = "newest"
    offset: int = Field(default=0, ge=0, le=10_000_000)
    limit: int = Field(default=24, ge=1, le=200)


class LabelChoice(Strict):
    """A label that can be given. key: the key of the keyboard, empty where none is left."""

    label: str
    is_defect: bool
    key: str = ""


class EvidenceItem(Strict):
    """One kept item. label, by: what people say, hidden from the second reviewer."""

    stem: str
    part_id: str
    at_ns: int
    channel: str
    kind: str
    cause: str
    verdict: str
    prediction: str
    proposal: str
    score: float | None
    threshold: float | None
    has_heat: bool
    protected: bool
    state: State
    label: str = ""
    is_defect: bool | None = None
    by: list[str] = Field(default_factory=list)
    boxes: list[Box] = Field(default_factory=list)
    strokes: list[Stroke] = Field(default_factory=list)
    missed_by: str = ""
    note: str = ""


class EvidenceDisk(Strict):
    """What evidence takes and may take, and what is free on its file system."""

    used_mb: float
    limit_mb: float
    free_mb: float


class EvidencePage(Strict):
    """Items in their order. total: that fit; counts: of every state, whatever was asked."""

    items: list[EvidenceItem]
    total: int
    counts: dict[str, int]
    choices: list[LabelChoice]
    channels: list[str]
    labels: list[str]
    disk: EvidenceDisk


class EvidenceDetail(Strict):
    """One item with everything that is known. size: of the picture, width and height in pixels."""

    item: EvidenceItem
    bundle: str
    reason: str
    width: int
    height: int
    tags: dict[str, float | None] = Field(default_factory=dict)
    said: list[str] = Field(default_factory=list, description="who called it what, oldest first")


class GiveLabel(Strict):
    """A person's word on an item."""

    stem: Stem
    label: Word
    is_defect: bool
    boxes: list[Box] = Field(default_factory=list, max_length=MOST_MARKS)
    strokes: list[Stroke] = Field(default_factory=list, max_length=MOST_MARKS)


class OneItem(Strict):
    """The item that is meant."""

    stem: Stem


class Protect(Strict):
    """Whether nobody may remove an item."""

    stem: Stem
    protected: bool


class PictureQuery(Strict):
    """width: at most, in pixels; heat: under its heat map."""

    width: int = Field(default=240, ge=32, le=2048)
    heat: bool = False
