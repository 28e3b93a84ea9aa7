"""How far a station is with what a rollout wants of it."""

from __future__ import annotations

import json
from typing import Literal

from pydantic import Field

from edge_agent.contracts.wire.messages import LatestMessage
from edge_agent.contracts.wire.stream import Stream

SEAL = b"lineside update 1\n"
"""Before what is signed, so that no other signature can be taken for one of these."""


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
    signature: str = Field(
        default="", pattern=r"^([0-9a-f]{128})?$", description="by the station's report key"
    )

    def signed_bytes(self) -> bytes:
        """What the signature is made of."""
        fields = (self.station, self.counter, self.at_ns, self.state)
        words = (self.step, self.name, self.version, self.reason)
        return SEAL + json.dumps([*fields, *words]).encode()


STREAM = Stream(
    "update",
    UpdateMessage,
    "latest",
    qos=1,
    retain=True,
    max_bytes=4096,
    when="each step of an update that a rollout asked for",
)
