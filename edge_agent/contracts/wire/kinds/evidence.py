"""A reference to a kept frame or window: its hash says which, whatever its file is called."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from edge_agent.contracts.core.types import Verdict
from edge_agent.contracts.wire.messages import DurableMessage
from edge_agent.contracts.wire.stream import Stream


class EvidenceMessage(DurableMessage):
    """The station keeps this content; it stays on the station, and nothing of it is in here."""

    kind: Literal["evidence"] = "evidence"
    channel: str = Field(max_length=64)
    part_id: str = Field(max_length=80)
    captured_at_ns: int = Field(ge=0)
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$", description="of the raw samples")
    content: Literal["image", "vibration", "tabular"]
    cause: str = Field(max_length=32, description="why it is kept")
    verdict: Verdict
    file: str = Field(max_length=200, description="below the station's evidence folder")


STREAM = Stream(
    "evidence",
    EvidenceMessage,
    "telemetry",
    qos=1,
    retain=False,
    max_bytes=2048,
    when="when a frame or window is kept",
)
