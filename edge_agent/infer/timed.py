"""What was measured of one runtime on one bundle."""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import Field

from edge_agent.contracts.core.strict import Strict


class Timed(Strict):
    """One runtime on one bundle.

    ms: a run, the lower quartile. ratio: that over the preferred runtime's in the same seconds.
    refused: why it may not judge; ms and ratio then say nothing. unfinished: the time was over
    before anything was found against it.
    """

    name: str
    ms: float = Field(default=0.0, ge=0)
    ratio: float = Field(default=1.0, ge=0)
    refused: str = ""
    unfinished: bool = False


def words(rows: Sequence[Timed]) -> str:
    """What was found, for a line of the log."""
    return "; ".join(map(_said, rows))


def _said(row: Timed) -> str:
    if row.unfinished:
        return f"{row.name} {row.refused}"
    if row.refused:
        return f"{row.name} is refused: {row.refused}"
    return f"{row.name} {row.ms:.3g} ms (ratio {row.ratio:.2f})"
