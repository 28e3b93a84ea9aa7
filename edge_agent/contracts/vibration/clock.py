"""Columns of times: which names say so, in which unit, and the sampling rate that they tell.

A column without a unit in its name (`time`, `timestamp`) may hold seconds, milliseconds or ticks.
Times since 1970 tell their unit by their size; of all others seconds are taken where that gives a
rate at which vibration is sampled, and nothing is taken where it does not.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from edge_agent.contracts.core.errors import InputError

GAP_FACTOR = 3.0
TIMES_OFF = 0.05
"""A time column may differ from the configured rate by this share: clocks of sensors are 2 to 4 %
off nominal."""
LEAST_HZ, MOST_HZ = 9.0, 1e7
"""Rates of vibration and acoustic emission, from 10 Hz on with a slow clock. A column without a
unit that says another one is not in seconds: one in milliseconds says 2 Hz where it is 2 kHz, one
in days 173 MHz.
"""
MILLI_HZ, MILLI_S = 200.0, 100.0
"""Up to this rate and from this length on, a column that is taken for seconds may as well be one in
milliseconds: of at most 200 kHz, and of at least a tenth of a second."""
RATE_CURE = "give rate_hz = ... under [vibration] in dataset.toml, or --rate-hz of predict"
_NAMES = frozenset(
    {"time", "times", "t", "zeit", "temps", "tiempo", "tempo", "timestamp", "timestamps",
     "time stamp", "zeitstempel", "elapsed", "elapsed time", "time elapsed", "rel time",
     "relative time", "unix time", "epoch", "uptime"}
)  # fmt: skip
"""Names of times, in lower case with one blank between their words. LabVIEW's `X Value` is none: it
may be the first of three axes.
"""
_UNITS_S = {
    **dict.fromkeys(("ns", "nsec", "nanos", "nanosecond", "nanoseconds"), 1e-9),
    **dict.fromkeys(("us", "µs", "μs", "usec", "micros", "microsecond", "microseconds"), 1e-6),
    **dict.fromkeys(("ms", "msec", "millis", "millisecond", "milliseconds"), 1e-3),
    **dict.fromkeys(("s", "sec", "secs", "second", "seconds", "sekunden"), 1.0),
    **dict.fromkeys(("min", "minutes"), 60.0),
    **dict.fromkeys(("h", "hours"), 3600.0),
}
_ALONE = frozenset(
    {"ms", "msec", "millis", "milliseconds", "usec", "micros", "microseconds", "nanos",
     "nanoseconds", "secs", "seconds"}
)  # fmt: skip
"""Units that are the whole name of a column of times."""
_POSSIBLE_S = (1.0, 1e-3, 1e-6, 1e-9, 60.0, 3600.0, 86400.0)
_EPOCH_S = (1e9, 3e9)
"""Seconds since 1970 from 2001 to 2065. No other unit has numbers of that size for these years."""
_FAR_S = 1e11
"""Beyond any calendar: a column that names a unit and says this names the wrong one."""
_BETWEEN = re.compile(r"[\s_\-\[\](){}/:,]+")
_HUMP = re.compile(r"(?<=[a-z])(?=[A-Z])")


@dataclass(frozen=True)
class Clock:
    """A column of times. unit_s: seconds of one of its units, None where nothing tells it;
    step: the mean between two samples, in its unit."""

    name: str
    unit_s: float | None
    step: float

    def rate_hz(self, about_hz: float | None, path: Path) -> float:
        """The rate that the times tell; raises InputError where it depends on the unit.

        about_hz: the rate that somebody states; the unit that gives this one is the column's.
        """
        if self.unit_s is not None:
            return 1 / (self.step * self.unit_s)
        rates_hz = [1 / (self.step * unit_s) for unit_s in _POSSIBLE_S]
        if about_hz is not None:
            near = [rate for rate in rates_hz if abs(rate / about_hz - 1) <= TIMES_OFF]
            if near:
                return near[0]
        if not LEAST_HZ <= rates_hz[0] <= MOST_HZ:
            raise InputError(
                f"column {self.name!r} names no unit: {rates_hz[0]:.4g} Hz if it is in seconds, "
                f"{rates_hz[1]:.4g} Hz in milliseconds, {rates_hz[2]:.4g} Hz in microseconds",
                where=str(path),
                cure=f"call it {' or '.join(self.with_units())}, as it is; or "
                + ("give another rate" if about_hz is not None else RATE_CURE),
            )
        return rates_hz[0]

    def with_units(self) -> list[str]:
        """Names for the column that tell its unit."""
        plain = "t" if self.name.lower() == "t" else "time"
        return [f"{plain}_{unit}" for unit in ("s", "ms", "us")]


class Times(NamedTuple):
    """A column of times (T,); unit_s as for clock_of."""

    name: str
    values: NDArray[Any]
    unit_s: float | None


def is_time(name: str) -> bool:
    """Whether a column of this name holds the time of each sample."""
    words = _words(name)
    return " ".join(words) in _NAMES or told_unit_s(name) is not None


def told_unit_s(name: str) -> float | None:
    """Seconds of one unit of a column of times, where its name says so; else None."""
    words = _words(name)
    if " ".join(words) in _ALONE:
        return _UNITS_S[words[0]]
    for unit, rest in ((words[-1:], words[:-1]), (words[:1], words[1:])):
        unit_s = _UNITS_S.get("".join(unit))
        # T_min and T_h are temperatures.
        short = rest == ["t"] and (unit_s or 0.0) > 1
        if unit_s and " ".join(word for word in rest if word != "in") in _NAMES and not short:
            return unit_s
    return None


def clock_of(name: str, times: NDArray[Any], unit_s: float | None, path: Path) -> Clock | None:
    """The clock of a column of times (T,); None where it stands still or is too short for one.

    unit_s: as its name or the line of units tells it. Raises InputError where it falls or jumps.
    """
    if len(times) < 3:
        return None
    first, steps, mean = _steps(times)
    if not steps.any():
        return None  # a column of zeros is no clock
    if not np.isfinite(steps).all() or mean <= 0 or (steps < 0).any():
        raise InputError(
            f"its time column {name!r} does not rise",
            where=str(path),
            cure="record it again, or correct it",
        )
    if unit_s is not None and abs(first) * unit_s > _FAR_S:
        raise InputError(
            f"column {name!r} is said to be in {_unit_name(unit_s)}, which its {first:.6g} is not",
            where=str(path),
            cure="correct the unit in its name",
        )
    known_s = unit_s or _epoch_unit_s(first, mean)
    if float(steps.max()) > GAP_FACTOR * mean:
        at, scale = int(steps.argmax()) + 1, known_s or 1.0
        unit = " s" if known_s or LEAST_HZ <= 1 / mean <= MOST_HZ else ""
        raise InputError(
            f"its time column {name!r} jumps by {steps.max() * scale:.4g}{unit} after row {at}, "
            f"a step is {mean * scale:.4g}{unit}",
            where=str(path),
            cure="samples were lost: record it again",
        )
    return Clock(name, known_s, mean)


def surest_clock(columns: Sequence[Times], path: Path) -> Clock | None:
    """The clock of the first column that is fine enough and whose unit is known, else of the next
    best; None where all stand still. Raises as clock_of, of that column alone: a further one may
    be as coarse as it likes."""
    clocks = (clock_of(*column, path) for column in sorted(columns, key=_doubt))
    return next((clock for clock in clocks if clock is not None), None)


def may_be_milliseconds(rate_hz: float, lasts_s: float) -> bool:
    """Whether a column without a unit, taken for seconds, may as well be in milliseconds."""
    return rate_hz <= MILLI_HZ and lasts_s >= MILLI_S


def _doubt(column: Times) -> tuple[bool, bool]:
    """Sorts columns of times: whether one is too coarse, and whether its unit is unknown."""
    if len(column.values) < 3:
        return True, True
    first, steps, mean = _steps(column.values)
    if not steps.any():
        return True, True
    # Whole seconds beside samples of 100 Hz jump after each 100 rows, and nothing was lost.
    coarse = 2 * int((steps == 0).sum()) > len(steps) and float(steps.max()) > GAP_FACTOR * mean
    return coarse, column.unit_s is None and _epoch_unit_s(first, mean) is None


def _steps(times: NDArray[Any]) -> tuple[float, NDArray[np.float64], float]:
    """The first of the times (T,), the steps (T - 1,) between them, and the mean step."""
    exact = times.astype(np.int64) if times.dtype.kind in "iu" else times.astype(np.float64)
    passed = (exact - exact[0]).astype(np.float64)
    return float(exact[0]), np.diff(passed), float(passed[-1]) / (len(passed) - 1)


def _epoch_unit_s(first: float, step: float) -> float | None:
    """The unit of times since 1970; None for a counter of ticks that has come as far."""
    low, high = _EPOCH_S
    return next(
        (
            unit_s
            for unit_s in (1.0, 1e-3, 1e-6, 1e-9)
            if low <= first * unit_s < high and step and LEAST_HZ <= 1 / (step * unit_s) <= MOST_HZ
        ),
        None,
    )


def _unit_name(unit_s: float) -> str:
    return next(name for name, seconds in _UNITS_S.items() if seconds == unit_s)


def _words(name: str) -> list[str]:
    apart = _HUMP.sub(" ", name.strip().strip('"'))
    return [word.lower() for word in _BETWEEN.split(apart) if word]
