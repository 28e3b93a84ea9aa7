"""A receiver's confirmation of what it has stored."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from edge_agent.contracts.core.strict import Strict
from edge_agent.contracts.wire.messages import EventId
from edge_agent.contracts.wire.stream import Stream


class AckMessage(Strict):
    """To the station, on PREFIX/STATION/ack: the receiver has stored these messages."""

    schema_version: Literal[1] = 1
    kind: Literal["ack"] = "ack"
    event_ids: list[EventId] = Field(default_factory=list, max_length=10_000)
    through: list[EventId] = Field(
        default_factory=list,
        max_length=100,
        description="every message of that epoch up to this one is stored",
    )


STREAM = Stream(
    "ack",
    AckMessage,
    "inbound",
    qos=1,
    retain=False,
    max_bytes=1 << 20,
    when="a receiver has stored messages",
)
