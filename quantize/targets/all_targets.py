"""The targets a network can be converted for: every file of this folder holds some."""

from __future__ import annotations

from edge_agent.contracts.core.errors import ConfigError
from edge_agent.contracts.core.registry import Registry
from edge_agent.contracts.core.suggestion import did_you_mean
from quantize.targets.target import Target, Targets

FILES = Registry(
    "quantize.targets", Targets, noun="target", besides=("op_support", "all_targets", "target")
)
DEFAULT = "x86"


def all_targets() -> dict[str, Target]:
    """Name -> target; those with memory of their own, the accelerators, last."""
    rows = [row for file in FILES.rows().values() for row in file.rows]
    return {row.name: row for row in sorted(rows, key=lambda row: row.memory_bytes)}


def find_target(name: str) -> Target:
    """Raises ConfigError that lists the targets."""
    targets = all_targets()
    if name not in targets:
        raise ConfigError(
            f"no target {name!r}, {did_you_mean(name, targets)}",
            where="--target",
            cure=f"choose one of {', '.join(targets)}",
        )
    return targets[name]
