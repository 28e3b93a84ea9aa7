"""What judges the channels of the station now."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from edge_agent.contracts.wire.kinds.state import RuntimeInUse


@dataclass(frozen=True)
class InUse:
    """As the station last told. bundles: channel -> name and version; runtimes: likewise."""

    bundles: Mapping[str, str] = field(default_factory=dict)
    runtimes: Mapping[str, RuntimeInUse] = field(default_factory=dict)
