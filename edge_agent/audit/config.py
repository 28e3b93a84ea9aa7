"""The table [audit] of station.toml."""

from __future__ import annotations

from pydantic import Field

from edge_agent.settings.toml import Table


class AuditTable(Table):
    """The hash-chained log of every verdict and of every change, in STATE_DIR/audit."""

    enabled: bool = Field(default=True, description="whether verdicts can be proven later")
    quota_mb: float = Field(
        default=256, ge=2, le=1_000_000, description="beyond this the oldest records are removed"
    )
