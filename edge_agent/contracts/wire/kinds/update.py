"""How far a station is with what a rollout wants of it."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from edge_agent.contracts.wire.messages import LatestMessage
from edge_agent.contracts.wire.stream import Stream


class UpdateMessage(LatestMessage):
    """Retained: the answer to the desired state of this counter; 0: none has come yet."""

    kind: Literal["update"] = "update"
    counter: int = Field(ge=0, lt=1 << 63)
    state: Literal["idle", "at-work", "done", "failed", "returned", "refused"] = Field(
        description="failed: the station has what it had before; refused: it was not begun"
    )
    step: str = Field(default="", max_length=32, description="the state of the update at work")
    name: str = Field(default="", max_length=63, description="of the bundle")
    version: str = Field(default="", max_length=32, description="that is current")
    reason: str = Field(default="", max_length=400)


STREAM = Stream(
    "update",
    UpdateMessage,
    "latest",
    qos=1,
    retain=True,
    max_bytes=4096,
    when="each step of an update that a rollout asked for",
)
