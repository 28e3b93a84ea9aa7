"""What the page's API takes and gives."""

from __future__ import annotations

from typing import Literal, TypeAlias

from pydantic import ConfigDict, Field
from pydantic.dataclasses import dataclass

from edge_agent.contracts.core.check_result import Grade
from edge_agent.contracts.core.strict import Strict
from edge_agent.contracts.core.types import Verdict
from edge_agent.web.users import Role

Level: TypeAlias = Literal["ok", "warn", "bad", "unknown"]


@dataclass(frozen=True, slots=True, kw_only=True, config=ConfigDict(extra="forbid"))
class PartRow:
    """One decided part. cause: key of the plain words; reason: the station's own words.

    Thousands are remembered: with slots one takes a quarter of what a model takes.
    """

    number: int
    part_id: str
    verdict: Verdict
    action: str
    cause: str
    label: str
    reason: str
    latency_ms: float
    at_ns: int
    reported: bool = Field(default=False, description="somebody reported a missed defect")


class PictureRow(Strict):
    """The last picture of a channel; the picture and the heat map are of this part."""

    channel: str
    part_id: str
    verdict: Verdict
    at_ns: int
    version: int
    has_heat: bool


class Light(Strict):
    """The health of one thing."""

    name: str
    level: Level
    text: str = ""


class LineView(Strict):
    """Everything of the screen Line."""

    station: str
    version: int
    now_ns: int
    state: str
    reason: str
    stopped_by: str = Field(default="", description="who stopped passing; empty: nobody")
    counts: dict[str, int]
    rejects: dict[str, int] = Field(description="by label")
    no_verdicts: dict[str, int] = Field(description="by cause")
    parts_per_min: float
    p50_ms: float | None
    p95_ms: float | None
    deadline_ms: float | None
    parts: list[PartRow] = Field(description="the last 60, the newest last")
    pictures: list[PictureRow]
    lights: list[Light]


class Who(Strict):
    """Who asks. csrf: to be sent as X-CSRF-Token with every change."""

    name: str
    role: Role
    csrf: str
    users_configured: bool


class Login(Strict):
    """A name and a password."""

    name: str = Field(max_length=63)
    password: str = Field(max_length=256)


class MissedDefect(Strict):
    """A part that is bad and was not rejected."""

    part_id: str = Field(min_length=1, max_length=400)
    number: int | None = Field(default=None, description="number of the part in the view")
    note: str = Field(default="", max_length=400)


class StopPassing(Strict):
    """Whether parts may pass. Stopped: each one is NO-VERDICT with the safe action."""

    stopped: bool
    note: str = Field(default="", max_length=400)


class Done(Strict):
    """The change is made and recorded."""

    done: Literal[True] = True


class Reported(Strict):
    """A missed defect is recorded. kept: pictures and recordings of the part that are kept."""

    done: Literal[True] = True
    kept: int = 0


class Problem(Strict):
    """Why a request was refused, and what to do."""

    error: str
    cure: str = ""


class Heat(Strict):
    """Whether a picture is shown under its heat map."""

    heat: bool = True


class Limit(Strict):
    """How many parts."""

    limit: int = Field(default=200, ge=1, le=2000)


class History(Strict):
    """The last decided parts, the newest first."""

    parts: list[PartRow]


class BoardCheck(Strict):
    """One check of the board, as `lineside-agent doctor` shows it."""

    what: str
    grade: Grade
    detail: str
    cure: str = ""


class BoardView(Strict):
    """Every check of the board."""

    checks: list[BoardCheck]


class SystemView(Strict):
    """The machine below the station."""

    version: str
    disk_free_mb: float
    disk_total_mb: float
    temperature_c: float | None
    utc: str
    clock_synchronised: bool | None
    outbox_waiting: int
    confirmed: int
    broker: str
    rss_mb: float
    log: list[str]
