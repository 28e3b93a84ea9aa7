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
AVERAGED = 16
SOON, RANK_OVER_MEAN = 5, 2.5
"""Of the differences of normal values that do not resemble their neighbours (by simulation)."""


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

    @property
    def mean(self) -> float:
        """The mean of the last AVERAGED differences without the quarter that is largest: it takes
        longer, and tells less unrest from a line's own; NaN while there are fewer."""
        newest = list(self._differences)[-AVERAGED:]
        if len(newest) < AVERAGED:
            return nan
        count = 3 * AVERAGED // 4
        return sum(sorted(newest)[:count]) / count


class Unsettled:
    """What Unrest will come to where the values go on as the newest do, sooner than it tells: from
    the mean of the last SOON differences without the largest, which a step makes."""

    def __init__(self) -> None:
        self._before = nan
        self._differences: deque[float] = deque(maxlen=SOON)

    def add(self, value: float) -> float:
        """In the unit of the value; 0 while there are too few."""
        if isfinite(self._before):
            self._differences.append(abs(value - self._before))
        self._before = value
        if len(self._differences) < SOON:
            return 0.0
        mean = (sum(self._differences) - max(self._differences)) / (SOON - 1)
        return RANK_OVER_MEAN * mean


def unrest_series(values: Iterable[float]) -> list[float]:
    """The unrest after each value."""
    unrest = Unrest()
    return [unrest.add(value) for value in values]


def mean_series(values: Iterable[float]) -> list[float]:
    """The mean unrest after each value."""
    unrest, found = Unrest(), []
    for value in values:
        unrest.add(value)
        found.append(unrest.mean)
    return found
