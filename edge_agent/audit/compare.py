"""Whether a replay gives the verdicts that the audit log has, field by field."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Any

from edge_agent.contracts.wire.decision import Decision

FIELDS = ("verdict", "label", "score", "threshold", "reason", "bundle", "interval")
"""Of each channel's verdict; times and latencies are those of another run."""


@dataclass
class Comparison:
    """compared: parts in both; differences: one line each; unknown: parts that the log has not."""

    compared: int = 0
    differences: list[str] = field(default_factory=list)
    unknown: int = 0

    @property
    def identical(self) -> bool:
        """Whether something was compared and nothing differs."""
        return self.compared > 0 and not self.differences and not self.unknown


def compare_verdicts(
    records: Iterable[Mapping[str, Any]], decisions: Iterable[Decision], channel: str
) -> Comparison:
    """Hold the decisions of a replayed channel against the log's last verdict on each part.

    A part that was recorded as a file may carry the file's suffix: `4711.png` is part 4711.
    """
    logged = {
        record["part_id"]: found
        for record in records
        if record["kind"] == "verdict"
        for found in record.get("channels", ())
        if found["channel"] == channel
    }
    comparison = Comparison()
    for decision in decisions:
        before = logged.get(decision.part_id) or logged.get(_without_suffix(decision.part_id))
        if before is None:
            comparison.unknown += 1
            continue
        comparison.compared += 1
        (now,) = decision.channels
        shown = now.model_dump(mode="json")
        comparison.differences += [
            f"{decision.part_id}: {name} was {_value(before, name)!r}, is {_value(shown, name)!r}"
            for name in FIELDS
            if _value(before, name) != _value(shown, name)
        ]
    return comparison


def _without_suffix(part_id: str) -> str:
    path = PurePosixPath(part_id)
    return str(path.with_suffix("")) if path.name else part_id


def _value(verdict: Mapping[str, Any], name: str) -> object:
    """The log leaves out what is empty."""
    return verdict.get(name) or None
