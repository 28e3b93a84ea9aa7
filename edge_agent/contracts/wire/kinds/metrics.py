"""What the station's computer has left: processor, memory, disk, temperature."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from edge_agent.contracts.wire.messages import LatestMessage
from edge_agent.contracts.wire.stream import Stream


class MetricsMessage(LatestMessage):
    """Measured when the message was made; what this computer does not tell is left out."""

    kind: Literal["metrics"] = "metrics"
    uptime_s: float = Field(ge=0, description="of the agent")
    cpu_percent: float = Field(
        ge=0, description="of one core, by the agent, since the last message"
    )
    rss_mb: float = Field(ge=0)
    threads: int = Field(ge=1)
    descriptors: int = Field(ge=0, description="open files and sockets")
    disk_free_mb: float = Field(ge=0, description="where the outbox is")
    load_1min: float = Field(ge=0)
    temp_c: float | None = Field(default=None, description="the hottest zone of the processor")
    outbox_waiting: int = Field(ge=0)
    confirmed: int = Field(ge=0, description="messages that broker or receiver confirmed")


STREAM = Stream(
    "metrics",
    MetricsMessage,
    "latest",
    qos=0,
    retain=True,
    max_bytes=1024,
    when="every `telemetry.metrics_every_s`",
    stale_after_s=300,
    period_s=60,
)
