"""How much a value jumps from part to part: a lamp that flickers, a mount that shakes.

A median over parts does not see it, for the mean stays where it was. What counts is the RANK-th
largest of the last differences: a step of the value makes one difference, an odd part two, and
seldom come both.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from math import isfinite, nan

RANK = 3
DIFFERENCES = 20


class Unrest:
    """Takes the values of one quantity in their order; one thread may use it."""

    def __init__(self) -> None:
        self._before = nan
        self._differences: deque[float] = deque(maxlen=DIFFERENCES)

    def add(self, value: float) -> float:
        """The unrest, in the unit of the value; NaN while there are too few, or for a value that
        could not be measured."""
        if not isfinite(value):
            return nan
        before, self._before = self._before, value
        if isfinite(before):
            self._differences.append(abs(value - before))
        if len(self._differences) < RANK:
            return nan
        return sorted(self._differences)[-RANK]


def unrest_series(values: Iterable[float]) -> list[float]:
    """The unrest after each value."""
    unrest = Unrest()
    return [unrest.add(value) for value in values]
