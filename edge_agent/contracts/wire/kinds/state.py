"""The state of the station; the broker publishes `offline` as its last will."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from edge_agent.contracts.core.strict import Strict
from edge_agent.contracts.wire.messages import LatestMessage
from edge_agent.contracts.wire.stream import Stream


class MeasuredRuntime(Strict):
    """A runtime that was measured when the bundle was first armed on this machine."""

    name: str
    ms: float | None = Field(
        default=None,
        ge=0,
        description="of one run of the network, the lower quartile; absent where it was refused",
    )
    ratio: float | None = Field(
        default=None, ge=0, description="of its time to that of the first that agrees"
    )
    refused: str = Field(default="", description="why it may not judge, or was not timed")


class RuntimeInUse(Strict):
    """What runs the network of a channel. measured: it and its rivals, where there was a choice."""

    name: str
    version: str
    measured: list[MeasuredRuntime] = Field(default_factory=list)


class StateMessage(LatestMessage):
    """Retained: the state of the station. The broker publishes `offline` as its last will."""

    kind: Literal["state"] = "state"
    state: Literal["armed", "disarmed", "stopping", "offline"]
    reason: str = ""
    bundles: dict[str, str] = Field(default_factory=dict, description="channel -> name version")
    runtimes: dict[str, RuntimeInUse] = Field(
        default_factory=dict, description="channel -> what runs its network"
    )


STREAM = Stream(
    "state",
    StateMessage,
    "latest",
    qos=1,
    retain=True,
    max_bytes=16384,
    when="armed, disarmed, stopping, offline",
)
