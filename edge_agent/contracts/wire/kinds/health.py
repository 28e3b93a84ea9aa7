"""Counts and conditions of the station."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from edge_agent.contracts.wire.messages import LatestMessage
from edge_agent.contracts.wire.stream import Stream


class HealthMessage(LatestMessage):
    """Counts and conditions since the agent started."""

    kind: Literal["health"] = "health"
    parts: int = Field(ge=0)
    passed: int = Field(ge=0)
    failed: int = Field(ge=0)
    no_verdict: int = Field(ge=0)
    frames_dropped: int = Field(ge=0)
    grabbed: int = Field(default=0, ge=0, description="parts begun; grabbed - parts still wait")
    repeats: int = Field(
        default=0, ge=0, description="second items of a part, by a bounced trigger"
    )
    late_fails: int = Field(default=0, ge=0, description="FAILs after their part was decided")
    items_missed: int = Field(
        default=0, ge=0, description="triggers after which a channel took nothing in its window"
    )
    items_stale: int = Field(
        default=0, ge=0, description="items that were taken before the trigger they came after"
    )
    items_double: int = Field(default=0, ge=0, description="second items in one trigger's window")
    items_untriggered: int = Field(default=0, ge=0, description="items without a trigger")
    triggers_double: int = Field(
        default=0, ge=0, description="triggers too close to be two parts; neither passed"
    )
    late_at_gate: int = Field(
        default=0, ge=0, description="decisions that came when the part was at the gate already"
    )
    went_through: int = Field(default=0, ge=0, description="bad parts among them, let through")
    unobserved: int = Field(
        default=0, ge=0, description="items that evidence or the page were too slow to look at"
    )
    evidence_lost: int = Field(
        default=0, ge=0, description="items worth keeping that a slow or full disk did not take"
    )
    outbox_waiting: int = Field(ge=0)
    rss_mb: float = Field(ge=0)
    audit_head: str | None = Field(
        default=None,
        pattern=r"^[0-9]{1,18}:[0-9a-f]{64}$",
        description="number and digest of the audit log's last record; a log without it was cut",
    )


STREAM = Stream(
    "health",
    HealthMessage,
    "latest",
    qos=0,
    retain=True,
    max_bytes=1024,
    when="every `line.health_every_s`",
    stale_after_s=60,
)
