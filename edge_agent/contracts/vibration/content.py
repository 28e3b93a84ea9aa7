"""What a recording's file holds: its signals by name, and the sampling rates that it states."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from edge_agent.contracts.core.errors import InputError
from edge_agent.contracts.vibration.wav import Columns

RATE_NAMES = frozenset(
    {"ratehz", "fs", "sr", "samplerate", "samplingrate", "samplefrequency", "samplingfrequency",
     "sampleratehz", "samplingratehz", "samplefreq", "samplingfreq", "fsamp", "fsample", "fshz"}
)  # fmt: skip
"""Names of a number that is the sampling rate in Hz, in lower case and without `_`."""
UNSURE_RATE = "rate"
"""A name that says the sampling rate in some files, and the shaft's in others: it is the rate where
nothing else says one."""
GAP_FACTOR = 3.0
_TIME = re.compile(
    r"^(time|t|zeit|temps|tiempo|tempo|timestamp|elapsed)"
    r"[ _\[(]*([mµu]?s|sec|seconds)?[\])]?$"
)
_TIME_UNITS = {"s": 1.0, "sec": 1.0, "seconds": 1.0, "ms": 1e-3, "us": 1e-6}


class Content(NamedTuple):
    """What a reader finds. arrays: all of a .npz, .mat or .parquet, by name; rates_hz: name of the
    structure, "" for the file, -> the rate that is stated in it."""

    columns: Columns
    rates_hz: Mapping[str, float] = MappingProxyType({})
    arrays: Mapping[str, Any] = MappingProxyType({})

    @property
    def signals(self) -> list[str]:
        """The columns that are signals, in file order: no times and nothing without a name, and
        the longest of all, since shorter ones beside them are settings."""
        named = [name for name in self.columns if name and not time_unit_s(last_name(name))]
        longest = max((len(self.columns[name]) for name in named), default=0)
        return [name for name in named if len(self.columns[name]) == longest] or list(self.columns)

    def stated_hz(self, chosen: Sequence[str], path: Path) -> float | None:
        """The rate of the chosen columns, as their structure states it, or the one around it, or
        else the file as the only one; raises InputError where they have different ones."""
        rates = {name: self._nearest_hz(name) for name in chosen}
        known = {rate for rate in rates.values() if rate is not None}
        if len(known) > 1:
            said = ", ".join(f"{name} at {rate:g} Hz" for name, rate in rates.items() if rate)
            raise InputError(
                f"axes of different rates: {said}", where=str(path), cure="choose those of one"
            )
        return known.pop() if known else None

    def implied_hz(self, chosen: Sequence[str], path: Path) -> float | None:
        """The rate that the times beside the chosen columns tell; else a number named `rate`."""
        return self._clocked_hz(chosen, path) or self._unsure_hz()

    def _nearest_hz(self, name: str) -> float | None:
        for scope in scopes(name):
            if scope in self.rates_hz:
                return self.rates_hz[scope]
        stated = set(self.rates_hz.values())
        return stated.pop() if len(stated) == 1 else None

    def _clocked_hz(self, chosen: Sequence[str], path: Path) -> float | None:
        """The rate that the times beside the chosen columns tell."""
        length = len(self.columns[chosen[0]])
        for name, value in self.arrays.items():
            unit_s = time_unit_s(last_name(name))
            beside = any(scope_of(name) in scopes(column) for column in chosen)
            times = np.squeeze(np.asarray(value))
            if unit_s and beside and times.shape == (length,) and times.dtype.kind in "fiu":
                return rate_of_times(times.astype(np.float64) * unit_s, path)
        return None

    def _unsure_hz(self) -> float | None:
        named = (
            np.squeeze(np.asarray(value))
            for name, value in self.arrays.items()
            if last_name(name).lower() == UNSURE_RATE
        )
        stated = {float(value) for value in named if value.ndim == 0 and value.dtype.kind in "fiu"}
        return stated.pop() if len(stated) == 1 else None


def content_of(arrays: Mapping[str, Any], path: Path) -> Content:
    """Vectors become columns, a (T, C) matrix `name.0`, `name.1`; a number may be the rate."""
    columns: Columns = {}
    rates: dict[str, tuple[str, float]] = {}
    for name, value in arrays.items():
        array = np.asarray(value)
        if array.dtype.kind not in "fiu":
            continue
        squeezed = np.squeeze(array)
        if squeezed.ndim == 0:
            _add_rate(name, float(squeezed), rates, path)
        elif squeezed.ndim == 1:
            columns[name] = as_float32(squeezed)
        elif squeezed.ndim == 2:
            matrix = squeezed if squeezed.shape[0] >= squeezed.shape[1] else squeezed.T
            for axis in range(matrix.shape[1]):
                columns[f"{name}.{axis}"] = as_float32(matrix[:, axis])
    if not columns:
        raise _no_signal(arrays, path)
    return Content(columns, {scope: rate for scope, (_, rate) in rates.items()}, arrays)


def time_unit_s(name: str) -> float:
    """Seconds of one unit of a column that holds the time of each sample; 0 for any other."""
    found = _TIME.match(name.strip().lower())
    return _TIME_UNITS.get((found[2] or "s").strip("µ "), 1.0) if found else 0.0


def rate_of_times(times_s: NDArray[np.float64], path: Path) -> float | None:
    """The rate that a time column tells; raises InputError where it stands still or jumps."""
    if len(times_s) < 3:
        return None
    steps = np.diff(times_s)
    mean = float(times_s[-1] - times_s[0]) / (len(times_s) - 1)
    if not steps.any():
        return None  # a column of zeros is no clock
    if not np.isfinite(steps).all() or mean <= 0 or (steps < 0).any():
        raise InputError(
            "its time column does not rise", where=str(path), cure="record it again, or correct it"
        )
    if float(steps.max()) > GAP_FACTOR * mean:
        at = int(steps.argmax()) + 1
        raise InputError(
            f"its time column jumps by {steps.max():.4g} s after row {at}, a step is {mean:.4g} s",
            where=str(path),
            cure="samples were lost: record it again",
        )
    return 1.0 / mean


def rate_of_file(rate_hz: float | None) -> dict[str, float]:
    """The rate that a file states of all its signals, as `Content.rates_hz`."""
    return {} if rate_hz is None else {"": rate_hz}


def scope_of(name: str) -> str:
    """The structure in which a field lies: "data.acc" for "data.acc.x", "" for a variable."""
    return name.rpartition(".")[0]


def scopes(name: str) -> list[str]:
    """The structures around a field, the nearest first, and at last the file, ""."""
    found = [scope_of(name)]
    while found[-1]:
        found.append(scope_of(found[-1]))
    return found


def last_name(name: str) -> str:
    """The name of a field without its structures."""
    return name.rpartition(".")[2]


def as_float32(values: NDArray[Any]) -> NDArray[np.float32]:
    """What float32 cannot hold becomes infinite, which no window takes."""
    with np.errstate(over="ignore"):
        return np.asarray(values, np.float32)


def _add_rate(name: str, rate_hz: float, rates: dict[str, tuple[str, float]], path: Path) -> None:
    if last_name(name).lower().replace("_", "") not in RATE_NAMES:
        return
    other, other_hz = rates.setdefault(scope_of(name), (name, rate_hz))
    if other != name and other_hz != rate_hz:
        raise InputError(
            f"{name} says {rate_hz:g} Hz, {other} {other_hz:g} Hz",
            where=str(path),
            cure="save one rate",
        )


def _no_signal(arrays: Mapping[str, Any], path: Path) -> InputError:
    others = {name: array for name, value in arrays.items() if (array := np.asarray(value)).size}
    names = ", ".join(f"{name} ({array.flat[0]})"[:60] for name, array in others.items())
    return InputError(
        f"no numeric arrays{names and f': only {names[:200]}'}",
        where=str(path),
        cure="save the signal as numbers",
    )
