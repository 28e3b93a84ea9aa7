"""The table [trust] of station.toml."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field

from edge_agent.settings.toml import StationPath, Table


class TrustTable(Table):
    """Whose bundles this station runs."""

    root: StationPath | None = Field(
        default=None, description="station folder; its trust/*.pub are the trusted keys"
    )
    keys_dir: StationPath | None = Field(
        default=None, description="folder of trusted *.pub keys, in the place of root"
    )
    allow_unsigned: bool = Field(default=False, description="true only on a test bench")

    @property
    def keys(self) -> Path | None:
        """The folder of trusted keys."""
        if self.keys_dir is not None:
            return self.keys_dir
        return None if self.root is None else self.root / "trust"
