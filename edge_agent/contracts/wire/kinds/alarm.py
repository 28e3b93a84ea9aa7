"""An alarm that began or ended: a machine, a channel, or the station itself needs somebody."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from edge_agent.contracts.wire.messages import DurableMessage
from edge_agent.contracts.wire.stream import Stream


class AlarmMessage(DurableMessage):
    """One change of one alarm; `source` and `name` say which, so a receiver can pair both ends."""

    kind: Literal["alarm"] = "alarm"
    source: str = Field(max_length=128, description="channel, or `station`")
    name: Literal["machine", "disarmed"] = Field(description="what kind of alarm")
    active: bool = Field(description="true: it began; false: it ended")
    severity: Literal["warning", "critical"]
    reason: str = Field(default="", max_length=400)
    since_ns: int = Field(ge=0, description="UTC of its beginning, also in the message of its end")


STREAM = Stream(
    "alarm",
    AlarmMessage,
    "results",
    qos=1,
    retain=False,
    max_bytes=4096,
    when="when an alarm begins or ends",
)
