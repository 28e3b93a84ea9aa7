"""What a recording's file holds: its signals by name, and the sampling rates that it states."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from edge_agent.contracts.core.errors import InputError
from edge_agent.contracts.vibration.clock import Clock, Times, is_time, surest_clock, told_unit_s
from edge_agent.contracts.vibration.wav import Columns

RATE_NAMES = frozenset(
    {"ratehz", "fs", "sr", "samplerate", "samplingrate", "samplefrequency", "samplingfrequency",
     "sampleratehz", "samplingratehz", "samplefreq", "samplingfreq", "fsamp", "fsample", "fshz"}
)  # fmt: skip
"""Names of a number that is the sampling rate in Hz, in lower case and without `_`."""
UNSURE_RATE = "rate"
"""A name that says the sampling rate in some files, and the shaft's in others: it is the rate where
nothing else says one."""
RAMP_SAMPLES = 50
"""From here on a column that only rises or falls, in a straight line, is no vibration."""
RAMP_OFF = 0.01
"""How far a ramp may be off the line between its ends, as a share of its height."""


class Content(NamedTuple):
    """What a reader finds. arrays: all of a .npz, .mat or .parquet, by name; rates_hz: name of the
    structure, "" for the file, -> the rate that is stated in it; clock: that of a .csv."""

    columns: Columns
    rates_hz: Mapping[str, float] = MappingProxyType({})
    arrays: Mapping[str, Any] = MappingProxyType({})
    clock: Clock | None = None

    @property
    def signals(self) -> list[str]:
        """The columns that are signals, in file order: no times and nothing without a name, and
        the longest of all, since shorter ones beside them are settings."""
        named = [name for name in self.columns if name and not is_time(last_name(name))]
        longest = max((len(self.columns[name]) for name in named), default=0)
        return [name for name in named if len(self.columns[name]) == longest] or list(self.columns)

    @property
    def ramps(self) -> list[str]:
        """The signals that are steady ramps: times, angles or counters of samples. None where all
        are."""
        signals = self.signals
        found = [name for name in signals if is_ramp(self.columns[name])]
        return found if len(found) < len(signals) else []

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

    def beside(self, chosen: Sequence[str], path: Path) -> Clock | None:
        """The clock of the times beside the chosen columns: of one whose unit is known, if any."""
        if self.clock is not None:
            return self.clock
        length = len(self.columns[chosen[0]])
        columns = []
        for name, value in self.arrays.items():
            beside = any(scope_of(name) in scopes(column) for column in chosen)
            times = np.squeeze(np.asarray(value))
            fits = times.shape == (length,) and times.dtype.kind in "fiu"
            if beside and fits and is_time(last_name(name)):
                columns.append(Times(name, times, told_unit_s(last_name(name))))
        return surest_clock(columns, path)

    def number_named_rate(self) -> float | None:
        """The one number that is called `rate`."""
        named = (
            np.squeeze(np.asarray(value))
            for name, value in self.arrays.items()
            if last_name(name).lower() == UNSURE_RATE
        )
        stated = {float(value) for value in named if value.ndim == 0 and value.dtype.kind in "fiu"}
        return stated.pop() if len(stated) == 1 else None

    def _nearest_hz(self, name: str) -> float | None:
        for scope in scopes(name):
            if scope in self.rates_hz:
                return self.rates_hz[scope]
        stated = set(self.rates_hz.values())
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


def is_ramp(column: NDArray[np.float32]) -> bool:
    """Whether a column (T,) does nothing but rise, or fall, at one pace."""
    if len(column) < RAMP_SAMPLES:
        return False
    values = column.astype(np.float64)
    height = values[-1] - values[0]
    if not height or not np.isfinite(values).all() or (np.diff(values) * height < 0).any():
        return False
    line = np.linspace(values[0], values[-1], len(values))
    return bool(np.abs(values - line).max() <= RAMP_OFF * abs(height))


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
    names = ", ".join(f"{name} ({_look_of(array)})"[:60] for name, array in others.items())
    return InputError(
        f"no arrays of samples{names and f': only {names[:200]}'}",
        where=str(path),
        cure="save the signal as real numbers, one row a sample and one column an axis",
    )


def _look_of(array: NDArray[Any]) -> str:
    """What keeps an array from being a signal: its shape, its numbers, or what it says instead."""
    if array.ndim > 2:
        return " x ".join(str(side) for side in array.shape)
    return "complex numbers" if array.dtype.kind == "c" else str(array.flat[0])
