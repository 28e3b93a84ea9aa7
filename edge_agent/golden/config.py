"""The table [golden] of station.toml."""

from __future__ import annotations

from pydantic import Field

from edge_agent.settings.toml import Table


class GoldenTable(Table):
    """Known-good and known-bad parts that are sent past the station again and again."""

    every_h: float = Field(
        default=0,
        ge=0,
        le=168,
        description="hours after which golden parts are due, such as a shift's 8; 0: never",
    )
    after_change_over: bool = Field(
        default=False, description="whether they are due when a channel has another bundle"
    )
    block_when_due: bool = Field(
        default=False, description="whether no part passes while they are due"
    )
    within_s: float = Field(
        default=300, gt=0, le=86_400, description="longest time from the request to the last part"
    )
