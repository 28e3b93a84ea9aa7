"""A gap: messages that could not be kept, by their numbers."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from edge_agent.contracts.wire.messages import DurableMessage
from edge_agent.contracts.wire.stream import Stream


class GapMessage(DurableMessage):
    """`dropped` messages between two sequence numbers of an epoch will never come, and why."""

    kind: Literal["gap"] = "gap"
    first_seq: int = Field(ge=0)
    last_seq: int = Field(ge=0)
    dropped: int = Field(ge=1)
    exact: bool = Field(default=True, description="false: `dropped` is an upper bound")
    reason: str


STREAM = Stream(
    "gap",
    GapMessage,
    "results",
    qos=1,
    retain=False,
    max_bytes=1024,
    when="when messages are lost or could not be kept",
)
