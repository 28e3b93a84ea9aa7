"""The `[line]` of station.toml: how items become parts, and how fast a verdict must be."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from edge_agent.decide.fusion import FusionTable
from edge_agent.settings.toml import Table


class LineTable(Table):
    """How channels become parts, and how fast a verdict must be."""

    deadline_ms: float = Field(
        default=200, gt=0, le=3_600_000, description="grab to verdict; later is NO-VERDICT"
    )
    join: Literal["none", "part_id", "trigger"] = Field(
        default="none",
        description="none: each item is a part; part_id: a part has one item of every channel; "
        "trigger: [trigger] reports the parts, and items are matched to them by time",
    )
    debounce_ms: float = Field(
        default=5,
        ge=0,
        le=60_000,
        description="two triggers so close cannot be two parts: neither passes",
    )
    report_ms: float = Field(
        default=5,
        ge=0,
        le=60_000,
        description="longest time from an edge to its report; no part passes before it is over",
    )
    job_prefix: str = Field(
        default="",
        max_length=20,
        description="a part id of the trigger that begins so is no part: what follows is the job "
        'to change over to ("JOB:" on a bar code); empty: none is',
    )
    fusion: FusionTable = Field(
        default=FusionTable(), description="how the channels of a part become its verdict"
    )
    untriggered: Literal["ignore", "no-verdict"] = Field(
        default="ignore",
        description="an item without a trigger: ignore it (a camera that runs free), or it is a "
        "part with NO-VERDICT (a camera that is triggered)",
    )
    late_fail: Literal["report", "act"] = Field(
        default="report",
        description="a FAIL after its part was decided: report it, or also let the outputs act",
    )
    health_every_s: float = Field(
        default=10, gt=0, le=3600, description="time between two health messages"
    )
    drain_s: float = Field(
        default=10, ge=0, le=3600, description="time to send what waits when the agent ends"
    )

    @property
    def tick_s(self) -> float:
        """Time between two looks at what the station waits for."""
        return min(0.05, max(0.005, self.deadline_ms / 1e4))
