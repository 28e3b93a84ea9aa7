"""The table [trust] of station.toml."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field

from edge_agent.settings.toml import StationPath, Table


class TrustTable(Table):
    """Whose bundles this station runs."""

    root: StationPath | None = Field(
        default=None, description="station folder; its trust/ holds the trusted root"
    )
    folder: StationPath | None = Field(
        default=None, description="folder with root.json, in the place of root"
    )
    allow_unsigned: bool = Field(default=False, description="true only on a test bench")

    @property
    def trusted(self) -> Path | None:
        """The folder of the trusted root."""
        if self.folder is not None:
            return self.folder
        return None if self.root is None else self.root / "trust"
