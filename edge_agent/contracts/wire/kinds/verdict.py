"""The verdict on a part, as it goes to the broker."""

from __future__ import annotations

from typing import Literal, TypeAlias

from pydantic import Field

from edge_agent.contracts.core.strict import Strict
from edge_agent.contracts.core.types import Verdict
from edge_agent.contracts.wire.messages import DurableMessage
from edge_agent.contracts.wire.stream import Stream

Action: TypeAlias = Literal["accept", "reject", "stop"]
"""The act of the line on a part."""


class ChannelVerdict(Strict):
    """The verdict of one channel on a part."""

    channel: str
    bundle: str = Field(description="name and version")
    verdict: Verdict
    label: str = ""
    score: float | None = None
    threshold: float | None = None
    interval: tuple[float, float] | None = Field(
        default=None, description="low and high estimate of a value, whose score is itself"
    )
    reason: str = ""
    captured_at_ns: int | None = None
    latency_ms: float | None = Field(default=None, ge=0)


class VerdictMessage(DurableMessage):
    """The verdict on one part, fused over its channels."""

    kind: Literal["verdict"] = "verdict"
    part_id: str
    verdict: Verdict
    action: Action = Field(description="NO-VERDICT takes the station's safe action")
    reason: str = ""
    latency_ms: float = Field(ge=0, description="grab to verdict")
    deadline_ms: float = Field(gt=0)
    channels: list[ChannelVerdict] = Field(min_length=1)
    late_fail: Literal[True] | None = Field(
        default=None, description="the part was decided otherwise before this FAIL came"
    )
    channels_left_out: int | None = Field(
        default=None, ge=1, description="channels that the budget of the message had no room for"
    )


STREAM = Stream(
    "verdict",
    VerdictMessage,
    "results",
    qos=1,
    retain=False,
    max_bytes=4096,
    when="for every part",
)
