"""What is written beside a kept picture, recording or row: one JSON file each."""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias

from pydantic import Field

from edge_agent.contracts.core.strict import Strict
from edge_agent.contracts.wire.kinds.verdict import ChannelVerdict

Kind: TypeAlias = Literal["image", "vibration", "tabular"]
Cause: TypeAlias = Literal["fail", "no-verdict", "unsure", "sample", "missed", "shadow"]
"""Why an item is kept; unsure: a PASS near the threshold; sample: a PASS taken at random; missed:
somebody reported that the part is bad; shadow: a candidate bundle decides otherwise."""
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class EvidenceRecord(Strict):
    """One kept item and how it was judged.

    sha256: of the raw pixels, samples or tags, as the audit log names it.
    """

    schema_version: Literal[1] = 1
    part_id: str
    kind: Kind
    cause: Cause
    sha256: Sha256
    file: str = Field(description="picture, recording or tags; relative to the evidence folder")
    heat_map: str | None = Field(default=None, description="relative to the evidence folder")
    captured_at_ns: int = Field(ge=0, description="UTC, nanoseconds since 1970")
    verdict: ChannelVerdict
    rate_hz: float | None = Field(default=None, description="of a recording")
    rpm: float | None = Field(default=None, description="of a recording, where it is known")
    left_out: int | None = Field(
        default=None,
        ge=1,
        description="items of its channel, cause and reason that were not kept since the last one",
    )
    shape: list[int] = Field(default_factory=list, description="of pixels or samples")
