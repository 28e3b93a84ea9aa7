"""What a station has trusted so far: the newest root, and versions that never fall again.

    ROOT/trust/root.json       the root that the station was given first
    ROOT/trust/trusted.json    the newest root, versions of all metadata, the latest known time

A library's own cache of metadata may be lost in a power cut, and with it the protection against a
replay. trusted.json is one file, written whole and durably before anything is made current.
"""

from __future__ import annotations

from pydantic import Field

from edge_agent.contracts.core.strict import Strict
from edge_agent.contracts.model.manifest import Sha256

MOST_ROOT_BYTES = 1 << 16
MOST_INSTALLED = 200
"""Manifests that this station remembers to have installed; a station has a handful of slots."""


class Trusted(Strict):
    """trusted.json. Nothing below these versions is taken, whatever the clock says."""

    root: str = Field(description="the newest root, as its file")
    origin: list[Sha256] = Field(description="sha256 of every root that was trusted")
    timestamp: int = 0
    snapshot: int = 0
    targets: dict[str, int] = Field(default_factory=dict, description="role -> version")
    latest_ns: int = Field(default=0, description="UTC of the newest timestamp: it is later now")
    lines: dict[str, str] = Field(default_factory=dict, description="bundle -> its product line")
    installed: list[Sha256] = Field(default_factory=list, description="manifests, newest last")
    withdrawn: list[Sha256] = Field(default_factory=list, description="manifests taken back")

    def with_installed(self, manifest_sha256: str, name: str, line: str) -> Trusted:
        """The same after the install of a manifest."""
        others = [one for one in self.installed if one != manifest_sha256]
        update = {
            "installed": [*others, manifest_sha256][-MOST_INSTALLED:],
            "lines": {**self.lines, name: line},
        }
        return self.model_copy(update=update)
