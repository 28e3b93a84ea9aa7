"""How a person names a release: LINE/FILE."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tuf.api.metadata import Targets

from deploy.signing.metadata import lines_of
from edge_agent.contracts.core.errors import ConfigError
from edge_agent.contracts.core.suggestion import did_you_mean

NOTES = (".cdx.json", ".provenance.json")
"""What lies beside a bundle and goes with it."""


def nearest(path: str, line: Targets) -> str:
    """The cure for a path that is none of the line's releases."""
    names = [name for name in sorted(line.targets) if not name.endswith(NOTES)]
    return did_you_mean(path, names) if names else "its line has released nothing"


def refuse_bare(path: str, current: Mapping[str, Any]) -> None:
    """Raises ConfigError for a file without its line, with those lines that released it.

    current: role -> content.
    """
    if "/" in path:
        return
    lines = [line for line in lines_of(current["targets"]) if line in current]
    found = [f"{line}/{path}" for line in lines if f"{line}/{path}" in current[line].targets]
    raise ConfigError(
        f"{path!r} names no product line",
        where="--withdraw",
        cure=f"write {' or '.join(found)}" if found else "write LINE/FILE",
    )
