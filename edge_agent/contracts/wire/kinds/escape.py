"""A bad part that was not rejected, as a person at the station reports it."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from edge_agent.contracts.core.types import Verdict
from edge_agent.contracts.wire.messages import DurableMessage
from edge_agent.contracts.wire.stream import Stream


class EscapeMessage(DurableMessage):
    """The truth about one part, beside the verdict that the station gave."""

    kind: Literal["escape"] = "escape"
    part_id: str = Field(max_length=400)
    verdict: Verdict = Field(description="what the station said of it")
    by: str = Field(max_length=64, description="who reports it")
    note: str = Field(default="", max_length=400, description="what is wrong with it")


STREAM = Stream(
    "escape",
    EscapeMessage,
    "results",
    qos=1,
    retain=False,
    max_bytes=4096,
    when="when somebody reports a missed defect on the station's page",
)
