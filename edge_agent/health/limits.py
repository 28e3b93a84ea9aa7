"""Limits of what is measured on a healthy line, and the watch whether they are kept.

One part never decides: the median of the last WINDOW parts is compared with the level of
commissioning, and with the median of the parts before them. So a defect of one part does not look
like a fault of the station, and a lamp that breaks at once is seen although lamps also drift.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from math import isfinite, sqrt

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from edge_agent.contracts.core.strict import Strict

Values = NDArray[np.float64]
Middle = tuple[float, float]
"""The mean and the median of some values."""

WINDOW = 8
"""Parts whose median is compared with the level of commissioning."""
STEP_WINDOW = 7
"""Parts that are compared with as many parts before them, which is what has just been usual: the
fewer, the less a swing of the lamps has moved in between."""
LIKE_MEDIAN = 1.3
"""Means tell a step earlier than medians do; but what single parts make is no step: the means' step
counts up to so many times that of the medians."""
CLEAR = 1.3
"""A step of so many times its limit is held against what was usual before it until it ends. A
lesser one may be a swing, and what follows would be the swing's."""
LASTS, STEP_LASTS, NEWEST_LASTS = WINDOW, 4, 2
"""What is beyond its limit and not clear must last for so many values to be a fault: a level until
no part of the first window is left, a step nearly as long as one can be beyond its limit, and a
value that is taken over many parts already for two."""
NEWEST = 3
"""Values whose median says soon what the cause of another deviation may be."""
KEPT_VALUES = max(WINDOW, 2 * STEP_WINDOW)
KEPT = 3
"""Of the last parts, the newest that are surely healthy again when a fault ends."""
FORGOTTEN = 16
"""A value that could not be measured so many times in a row is no fault any more."""
MARGIN, MARGIN_OF_A_STEP = 1.25, 1.05
"""A limit lies so far beyond the largest deviation of the healthy line; that of a swing's step has
been seen often."""
SIGMAS, SIGMAS_OF_A_SWING, SIGMAS_OF_ITS_STEP = 5.0, 3.9, 3.3
"""And at least so many standard deviations of the medians from their mean; fewer where the value
swings with the hour or the lot: a swing has ends, and its deviation measures its width. Several
swings seldom come together, so commissioning has not seen the whole of their sum, but its steps."""
MARGIN_OF_ONE, SIGMAS_OF_ONE = 1.5, 8.0
"""The same for what one part alone may be: it stops its part, so it must be far beyond."""
LAGS = 16
MOST_INFLATION, CHANCE = 2.0, 3.5
"""Sum of the autocorrelations up to LAGS, both ways, from which parts resemble their neighbours; it
must also be so many of its standard errors above that of parts that do not."""
LEAST_PARTS = 60
RULE_OF_THREE = 3.0
"""What never happened in n trials has at most the rate 3 / n (95 %; Hanley and Lippman-Hand,
JAMA 249, 1983, 1743-1745)."""


class Limit(Strict):
    """Of one measured value. level: the healthy median; reach, step: the largest deviation of a
    window's median from it, and from the parts before, in the unit of the value; single: that of
    one part alone, where it says something."""

    level: float
    reach: float = Field(gt=0)
    step: float = Field(gt=0)
    single: float | None = Field(default=None, gt=0)


class LimitWatch:
    """Takes one value a part; one thread may use it. deviation: how far the last parts are off, in
    the unit of the value."""

    def __init__(self, limit: Limit) -> None:
        self._limit = limit
        self._values: deque[float] = deque(maxlen=KEPT_VALUES)
        self._before: Middle | None = None
        self._beyond = 0
        self.deviation = 0.0

    @property
    def is_off(self) -> bool:
        """Whether the last parts are beyond the limit, a fault or not yet."""
        return self._beyond > 0

    @property
    def newest(self) -> float:
        """How far the last NEWEST values are off, in their unit; 0 while there are fewer."""
        if len(self._values) < NEWEST:
            return 0.0
        return _median(list(self._values)[-NEWEST:]) - self._limit.level

    def add(self, value: float) -> float:
        """How far the last parts are off, signed, in parts of the limit: beyond 1 is a fault.

        A value that is not finite (it could not be measured) is left out.
        """
        if isfinite(value):
            self._values.append(value)
        values = list(self._values)
        if len(values) < WINDOW:
            return 0.0
        found = (_median(values[-WINDOW:]) - self._limit.level) / self._limit.reach
        newest = _middle(values[-STEP_WINDOW:])
        step = self._step(values, newest)
        is_step = abs(step) > abs(found)
        off = step if is_step else found
        self.deviation = step * self._limit.step if is_step else newest[1] - self._limit.level
        self._beyond = self._beyond + 1 if abs(off) > 1 else 0
        lasts = STEP_LASTS if is_step else LASTS
        is_fault = abs(off) > CLEAR or self._beyond >= lasts
        return off if is_fault else _between(-1.0, off, 1.0)

    def _step(self, values: Sequence[float], newest: Middle) -> float:
        """Against the parts before; while that is a fault, against those before it began."""
        before = self._before
        if before is None:
            if len(values) < 2 * STEP_WINDOW:
                return 0.0
            before = _middle(values[-2 * STEP_WINDOW : -STEP_WINDOW])
        mean, bound = newest[0] - before[0], LIKE_MEDIAN * (newest[1] - before[1])
        step = _between(0.0, mean, bound) / self._limit.step
        if abs(step) > CLEAR:
            self._before = before
        elif abs(step) < 0.5 and self._before is not None:
            # What came during the fault is not what was usual before the next one.
            self._before = None
            self._values = deque(values[-KEPT:], maxlen=KEPT_VALUES)
        return step


class Missing:
    """Tells of each value whether it has not been measured for long, so that what was last said of
    it holds no longer."""

    def __init__(self) -> None:
        self._count: dict[str, int] = {}

    def add(self, name: str, value: float) -> bool:
        """Whether so many values in a row are not finite."""
        self._count[name] = 0 if isfinite(value) else self._count.get(name, 0) + 1
        return self._count[name] >= FORGOTTEN


class NewestWatch:
    """As LimitWatch, of a value that is taken over several parts already: the newest counts."""

    def __init__(self, limit: Limit) -> None:
        self._limit = limit
        self._beyond = 0
        self.deviation = 0.0

    @property
    def is_off(self) -> bool:
        """Whether the value is beyond the limit, a fault or not yet."""
        return self._beyond > 0

    @property
    def newest(self) -> float:
        """How far the value is off, in its unit."""
        return self.deviation

    def add(self, value: float) -> float:
        """How far the value is off, signed, in parts of the limit; it is finite."""
        self.deviation = value - self._limit.level
        off = self.deviation / self._limit.reach
        self._beyond = self._beyond + 1 if abs(off) > 1 else 0
        is_fault = abs(off) > CLEAR or self._beyond >= NEWEST_LASTS
        return off if is_fault else _between(-1.0, off, 1.0)


def learn_limit(
    values: Sequence[float],
    least: float,
    *,
    is_wide: bool = False,
    window: int = WINDOW,
    least_of_one: float | None = None,
) -> Limit:
    """The limit of a healthy line's values in their order.

    least: the smallest deviation that means anything, in the unit of the value; least_of_one: that
    of one part alone, None where one part says nothing; is_wide: a swing's limits are as wide as
    others; window: 1 for NewestWatch. Raises ValueError for fewer than LEAST_PARTS
    finite values.
    """
    given = np.asarray(values, np.float64)
    given = given[np.isfinite(given)]
    if len(given) < LEAST_PARTS:
        raise ValueError(f"{len(given)} parts could be measured, {LEAST_PARTS} are needed")
    medians = rolling_medians(given, window)
    level = float(np.median(medians))
    steps = rolling_steps(given)
    # The upper bound (95 %) of a standard deviation that n / WINDOW separate medians show.
    upper = 1 + 1.645 / sqrt(2 * len(given) / WINDOW)
    sigmas, step_sigmas, step_margin = SIGMAS * upper, SIGMAS * upper, MARGIN
    if is_correlated(given) and not is_wide:
        sigmas, step_sigmas = SIGMAS_OF_A_SWING, SIGMAS_OF_ITS_STEP * upper
        step_margin = MARGIN_OF_A_STEP
    single = None
    if least_of_one is not None:
        single = _beyond(given - level, SIGMAS_OF_ONE, MARGIN_OF_ONE, least_of_one)
    return Limit(
        level=float(f"{level:.5g}"),
        reach=float(f"{_beyond(medians - level, sigmas, MARGIN, least):.4g}"),
        step=float(f"{_beyond(steps, step_sigmas, step_margin, least):.4g}"),
        single=None if single is None else float(f"{single:.4g}"),
    )


def stated_rate(parts: int) -> float:
    """The rate of false alarms a part that `parts` healthy ones prove, whatever the distribution.

    The limits lie MARGIN beyond what was seen, so the true rate is lower.
    """
    return min(1.0, RULE_OF_THREE / max(parts, 1))


def rolling_medians(values: Values, window: int) -> Values:
    """Medians of each `window` values in a row: (N,) -> (N - window + 1,)."""
    rows = np.lib.stride_tricks.sliding_window_view(values, window)
    return np.asarray(np.median(rows, axis=1))


def rolling_steps(values: Values) -> Values:
    """What LimitWatch takes for a step after each value: (N,) -> (N - 2 * STEP_WINDOW + 1,)."""
    rows = np.lib.stride_tricks.sliding_window_view(values, STEP_WINDOW)
    means, medians = rows.mean(axis=1), np.median(rows, axis=1)
    mean = means[STEP_WINDOW:] - means[:-STEP_WINDOW]
    bound = LIKE_MEDIAN * (medians[STEP_WINDOW:] - medians[:-STEP_WINDOW])
    return np.asarray(np.clip(mean, np.minimum(bound, 0), np.maximum(bound, 0)), np.float64)


def is_correlated(values: Values) -> bool:
    """Whether parts resemble their neighbours, as they do where lamps swing and lots change."""
    away = values - values.mean()
    power = float(away @ away)
    if power <= 0 or len(values) <= 2 * LAGS:
        return False
    sums = sum(float(away[lag:] @ away[:-lag]) for lag in range(1, LAGS + 1))
    by_chance = 1 + CHANCE * 2 * sqrt(LAGS / len(values))
    return 1 + 2 * sums / power > max(MOST_INFLATION, by_chance)


def _beyond(deviations: Values, sigmas: float, margin: float, least: float) -> float:
    largest, spread = float(np.abs(deviations).max()), float(deviations.std())
    return max(margin * largest, sigmas * spread, least)


def _middle(values: Sequence[float]) -> Middle:
    return sum(values) / len(values), _median(values)


def _between(low: float, value: float, high: float) -> float:
    """The value, or the nearer bound where it lies outside of both; the bounds in any order."""
    return sorted((low, value, high))[1]


def _median(values: Sequence[float]) -> float:
    ordered, middle = sorted(values), len(values) // 2
    return ordered[middle] if len(values) % 2 else (ordered[middle - 1] + ordered[middle]) / 2
