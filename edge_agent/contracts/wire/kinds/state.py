"""The state of the station; the broker publishes `offline` as its last will."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from edge_agent.contracts.wire.messages import LatestMessage
from edge_agent.contracts.wire.stream import Stream


class StateMessage(LatestMessage):
    """Retained: the state of the station. The broker publishes `offline` as its last will."""

    kind: Literal["state"] = "state"
    state: Literal["armed", "disarmed", "stopping", "offline"]
    reason: str = ""
    bundles: dict[str, str] = Field(default_factory=dict, description="channel -> name version")


STREAM = Stream(
    "state",
    StateMessage,
    "latest",
    qos=1,
    retain=True,
    max_bytes=16384,
    when="armed, disarmed, stopping, offline",
)
