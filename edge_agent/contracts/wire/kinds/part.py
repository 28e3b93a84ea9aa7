"""The process values that belong to a part."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from edge_agent.contracts.wire.messages import DurableMessage
from edge_agent.contracts.wire.stream import Stream

MOST_VALUES = 48
"""More tags than this are left out and counted: the message must fit its budget."""


class PartMessage(DurableMessage):
    """The tags that a process channel judged for a part, as the machine gave them."""

    kind: Literal["part"] = "part"
    channel: str = Field(max_length=64)
    part_id: str = Field(max_length=80)
    captured_at_ns: int = Field(ge=0)
    values: dict[str, float | str | None] = Field(max_length=MOST_VALUES)
    left_out: int | None = Field(default=None, ge=1, description="tags there was no room for")


STREAM = Stream(
    "part",
    PartMessage,
    "telemetry",
    qos=1,
    retain=False,
    max_bytes=6144,
    when="for a row of process tags, at most every `telemetry.part_every_s`",
    period_s=15,
)
