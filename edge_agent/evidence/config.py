"""The table [evidence] of station.toml."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from edge_agent.settings.toml import Table

Share = Annotated[float, Field(ge=0, le=1)]


class EvidenceTable(Table):
    """Pictures and recordings worth looking at again, in STATE_DIR/evidence."""

    enabled: bool = Field(default=True, description="whether anything is kept")
    quota_mb: float = Field(
        default=1024, ge=1, le=100_000_000, description="beyond this the oldest are removed"
    )
    disk_share: Share = Field(
        default=0.1, description="of the file system, where that is less than quota_mb"
    )
    keep_free_mb: float = Field(
        default=64, ge=0, le=1_000_000, description="nothing is kept while less is free"
    )
    fail_share: Share = Field(default=1.0, description="share of FAIL that is kept")
    no_verdict_share: Share = Field(default=1.0, description="share of NO-VERDICT that is kept")
    pass_share: Share = Field(default=0.001, description="share of PASS that is kept, at random")
    unsure_margin: Share = Field(
        default=0.1,
        description="PASS is kept where the score is nearer to the threshold than this share of it",
    )
    most_per_minute: int = Field(
        default=60,
        ge=1,
        le=100_000,
        description="of each cause and channel: a dead lamp must not push out all else",
    )
    hourly_mb: float = Field(
        default=300,
        ge=1,
        le=1_000_000,
        description="written in an hour at most, whatever happens: a memory card wears out. Where "
        "little is left PASS goes without first, and FAIL last",
    )
    picture: Literal["png", "jpeg"] = Field(
        default="png", description="png keeps every pixel; jpeg is five to ten times smaller"
    )
    jpeg_quality: int = Field(default=92, ge=50, le=100, description="of jpeg")
    heat_map: bool = Field(default=True, description="whether a detector's map is kept beside it")
    recent_mb: float = Field(
        default=12,
        ge=0,
        le=4096,
        description="memory for the last items while the page is served: one that a person reports "
        "as missed is kept with its picture; 0: none",
    )
