"""Whether a station's scores and inputs still come from the distribution of its reference.

Each value is turned into the normal score of its place in the reference, whatever the shape of the
distribution. Two two-sided CUSUMs run over the scores (E. S. Page, Biometrika 41, 1954, 100-115):
one for shifts of 0.3 sigma, one for 1 sigma. Their limits come from Siegmund's approximation of
the run length (D. Siegmund, Sequential Analysis, 1985, eq. 2.56), for a mean that the reference
knows only within its own error, so that the stated rate of false alarms holds for a short
reference too; a short one makes the test slower.
"""

from __future__ import annotations

from collections.abc import Iterable
from math import ceil, erf, exp, sqrt

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from edge_agent.contracts.core.strict import Strict

Values = NDArray[np.float64]
"""float64 (N,)."""

FALSE_ALARM_RATE = 1e-5
"""Of one watched value: at most one false alarm in 100,000 healthy parts."""
LEAST_REFERENCE = 100
GOOD_REFERENCE = 2000
"""Values of a reference from which a shift of 0.3 sigma is found within 500 parts."""
ALLOWANCES = (0.15, 0.5)
"""Of the two CUSUMs, in sigma: half the shift that each is made for."""
LEAST_DRIFT = 0.03
"""Of an allowance, after the error of the reference's mean is taken from it."""
CERTAINTY = 2.0
"""The mean of the reference is off by at most so many of its standard errors."""
CORRELATED = 1.5
"""Parts that resemble their neighbours: limits are at least so many times the largest sum that
the reference itself reaches."""
REACH = 3.2
GRID = np.linspace(-REACH, REACH, 65)
"""Normal scores at which the reference keeps its quantiles."""
BOUND = 1.5
"""A sum grows to at most so many times its limit, and an alarm ends below half of the limit."""
STEP_UNIT = 1.166
"""Siegmund's correction: the mean excess of a sum over its limit, twice 0.583."""


class Reference(Strict):
    """The distribution of one value on a healthy line: quantiles at the normal scores GRID.

    size: values it was learned from; limits: of the CUSUMs of ALLOWANCES, in sigma.
    """

    size: int = Field(ge=LEAST_REFERENCE)
    quantiles: list[float] = Field(min_length=len(GRID), max_length=len(GRID))
    limits: list[float] = Field(min_length=len(ALLOWANCES), max_length=len(ALLOWANCES))

    def normal_score(self, value: float) -> float:
        """normal_scores() of one value."""
        return float(self.normal_scores(np.array([value]))[0])

    def normal_scores(self, values: Values) -> Values:
        """The place of each value in the reference, as a standard normal one; equal ones share.

        (N,) -> (N,).
        """
        found = np.interp(values, self.quantiles, GRID)
        low = np.searchsorted(self.quantiles, values, "left")
        high = np.searchsorted(self.quantiles, values, "right")
        tied = high > low
        shared = (GRID[np.minimum(low, len(GRID) - 1)] + GRID[np.maximum(high - 1, 0)]) / 2
        return np.where(tied, shared, found)


class DriftTest:
    """Takes the values of one quantity in their order, healthy or not; one thread may use it.

    A sum is bounded, so that the alarm ends some time after the cause.
    """

    def __init__(self, reference: Reference) -> None:
        self.direction = 0
        self._reference = reference
        self._high = [0.0] * len(ALLOWANCES)
        self._low = [0.0] * len(ALLOWANCES)

    def add(self, value: float) -> int:
        """1: the values have risen, -1: fallen, 0: neither."""
        score, limits = self._reference.normal_score(value), self._reference.limits
        is_high = is_low = False
        is_quiet = True
        for row, (allowance, limit) in enumerate(zip(ALLOWANCES, limits, strict=True)):
            high = min(max(self._high[row] + score - allowance, 0.0), BOUND * limit)
            low = min(max(self._low[row] - score - allowance, 0.0), BOUND * limit)
            self._high[row], self._low[row] = high, low
            is_high |= high > limit
            is_low |= low > limit
            is_quiet &= max(high, low) < limit / 2
        if is_high or is_low:
            self.direction = 1 if is_high else -1
        elif is_quiet:
            self.direction = 0
        return self.direction


def learn_reference(values: Iterable[float], rate: float = FALSE_ALARM_RATE) -> Reference:
    """The reference of a healthy line's values in their order; raises ValueError for too few.

    rate: of false alarms, in both directions together.
    """
    given = np.asarray(list(values), np.float64)
    if len(given) < LEAST_REFERENCE or not np.isfinite(given).all():
        raise ValueError(f"a reference needs {LEAST_REFERENCE} finite values, {len(given)} came")
    # Ranks (k - 0.5) / n: the ends of a short reference are not taken for those of the line.
    quantiles = np.quantile(given, _places(), method="hazen")
    limits = [cusum_limit(k, rate / len(ALLOWANCES), len(given)) for k in ALLOWANCES]
    bare = Reference(size=len(given), quantiles=quantiles.tolist(), limits=limits)
    scores = bare.normal_scores(given)
    tops = [CORRELATED * max(_top(scores, k), _top(-scores, k)) for k in ALLOWANCES]
    kept = [max(limit, top) for limit, top in zip(limits, tops, strict=True)]
    return bare.model_copy(update={"limits": [float(f"{limit:.4g}") for limit in kept]})


def cusum_limit(allowance: float, rate: float, size: int) -> float:
    """The limit of a two-sided CUSUM with at most `rate` false alarms a value.

    size: values of the reference; its mean may be off by CERTAINTY standard errors, always the
    worse way for one of the two directions.
    """
    drift = max(allowance - CERTAINTY / sqrt(size), LEAST_DRIFT)
    length, low, high = 1 / rate, 0.0, 1000.0
    while high - low > 1e-3:
        middle = (low + high) / 2
        low, high = (middle, high) if _run_length(drift, middle) < length else (low, middle)
    return high


def parts_to_detect(reference: Reference, shift: float) -> int:
    """Parts after which a shift of the mean, in sigma, is found 95 times in 100, about.

    0: never, for a shift that is smaller than what the sums allow.
    """
    found = [
        _delay(limit, shift - allowance)
        for limit, allowance in zip(reference.limits, ALLOWANCES, strict=True)
        if shift > allowance
    ]
    return min(found, default=0)


def population_stability(
    reference: Reference, values: Values, bins: int = 10
) -> tuple[float, float]:
    """The population stability index of `values`, and its limit of one false alarm in a thousand.

    Its distribution without drift is (1/n + 1/m) times a chi-squared of bins - 1 degrees
    (B. Yurdakul, Statistical Properties of Population Stability Index, 2018).
    """
    edges = np.interp(np.arange(1, bins) / bins, _places(), reference.quantiles)
    counts = np.bincount(np.searchsorted(edges, values, "right"), minlength=bins)
    # Ties put more than a tenth of the reference into one bin: its own counts are compared.
    own = np.bincount(np.searchsorted(edges, _spread(reference), "right"), minlength=bins)
    share = np.maximum(counts, 0.5) / max(len(values), 1)
    usual = np.maximum(own, 0.5) / own.sum()
    index = float(((share - usual) * np.log(share / usual)).sum())
    limit = (1 / max(len(values), 1) + 1 / reference.size) * chi_squared_limit(bins - 1)
    return index, limit


def chi_squared_limit(degrees: int, normal: float = 3.09) -> float:
    """The quantile of chi-squared at the normal score `normal` (Wilson and Hilferty, 1931)."""
    part = 2 / (9 * degrees)
    return float(degrees * (1 - part + normal * sqrt(part)) ** 3)


def _places() -> Values:
    return np.array([0.5 * (1 + erf(z / sqrt(2))) for z in GRID])


def _spread(reference: Reference) -> Values:
    """1000 values at even places of the reference."""
    return np.asarray(np.interp((np.arange(1000) + 0.5) / 1000, _places(), reference.quantiles))


def _run_length(drift: float, limit: float) -> float:
    """Values between two false alarms of a two-sided CUSUM of normal values."""
    turn = 2 * drift * (limit + STEP_UNIT)
    one_sided = (exp(min(turn, 600)) - turn - 1) / (2 * drift**2)
    return one_sided / 2


def _delay(limit: float, speed: float) -> int:
    """A random walk's passage: mean and 1.65 standard deviations (inverse Gaussian)."""
    mean = (limit + STEP_UNIT) / speed
    return ceil(mean + 1.65 * sqrt(mean) / speed)


def _top(scores: Values, allowance: float) -> float:
    """The largest sum of a CUSUM over scores."""
    path = np.concatenate([[0.0], np.cumsum(scores - allowance)])
    return float((path - np.minimum.accumulate(path)).max())
