"""When an item was taken, on the station's monotonic clock: what it is matched to a trigger by."""

from __future__ import annotations

from collections import deque
from typing import Annotated, Literal, TypeAlias

from pydantic import AfterValidator, Field

from edge_agent.contracts.core.types import Frame, Item
from edge_agent.settings.toml import Table

Stamp: TypeAlias = Literal["arrival", "driver", "monotonic"]

LEAST_STAMPS = 16
"""A driver's clock is known after so many frames: the first ones may have waited in the driver."""
WITHIN_NS = 20_000_000_000
"""The quickest frame of so long a time tells how far the two clocks are apart. Quartz clocks drift
apart by at most 1 ms in this time (50 parts in a million)."""


def _is_one_window(window_ms: tuple[float, float]) -> tuple[float, float]:
    first, last = window_ms
    if not -10_000 <= first <= last <= 3_600_000:
        raise ValueError("window_ms needs first <= last, within -10000 and 3600000")
    return window_ms


WindowMs: TypeAlias = Annotated[tuple[float, float], AfterValidator(_is_one_window)]
"""First and last moment after a trigger."""


class MatchTable(Table):
    """How the items of a channel find their part, with line.join = "trigger"."""

    window_ms: WindowMs = Field(
        default=(0.0, 100.0),
        description="first and last moment after its trigger at which the item of a part is taken; "
        "shorter than the time between two parts",
    )
    stamp: Stamp = Field(
        default="arrival",
        description="what tells the moment: arrival at the station, the driver's stamp, or a "
        "driver's stamp that is of the station's own monotonic clock",
    )


class ItemTime:
    """Reckons the moments of one channel's items; called by the thread that grabs.

    A driver's clock counts from anywhere. The frame that came quickest of late tells how far the
    two clocks are apart, so a frame that waited on its way keeps its true moment; all are later by
    the shortest way, which is the same for each.
    """

    def __init__(self, stamp: Stamp) -> None:
        self._stamp = stamp
        self._seen = 0
        self._behind: deque[tuple[int, int]] = deque()

    def taken_ns(self, item: Item) -> int | None:
        """The moment; None while it cannot be told."""
        if self._stamp == "arrival":
            return item.mono_ns
        stamp_ns = item.device_ns if isinstance(item, Frame) else None
        if stamp_ns is None:
            return None
        if self._stamp == "monotonic":
            return stamp_ns
        self._note(item.mono_ns, item.mono_ns - stamp_ns)
        return stamp_ns + self._behind[0][1] if self._seen >= LEAST_STAMPS else None

    def _note(self, now_ns: int, behind_ns: int) -> None:
        """Keep the candidates for the least distance: each later one is larger."""
        self._seen += 1
        while self._behind and self._behind[-1][1] >= behind_ns:
            self._behind.pop()
        self._behind.append((now_ns, behind_ns))
        while now_ns - self._behind[0][0] > WITHIN_NS:
            self._behind.popleft()
