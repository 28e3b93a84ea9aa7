"""From rows of process tags to a network's input: the one chain all stages call, numpy only.

A row of raw tags is checked against its plausible range, missing values are handled as the
manifest says, derived features are computed from a table of operations (never from code), and
every number is scaled by fixed edges. A row that cannot be judged is refused with its reason.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Annotated, Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from edge_agent.contracts.core.errors import InputError
from edge_agent.contracts.core.raw_input import another_kind
from edge_agent.contracts.core.strict import Strict
from edge_agent.contracts.process.tables import Table, find_column, numbers, texts

Values = dict[str, NDArray[np.float64]]
"""Name of a tag or derived feature -> float64 (N,), NaN where there is no value."""


class Tag(Strict):
    """One raw tag. With `categories` it is text and enters as one input per category."""

    name: str = Field(min_length=1)
    unit: str = ""
    low: float | None = Field(default=None, description="lowest plausible value, in `unit`")
    high: float | None = Field(default=None, description="highest plausible value, in `unit`")
    categories: list[str] = Field(default_factory=list)
    missing: Literal["refuse", "fill", "hold"] = Field(
        default="refuse", description="refuse the row, use `fill`, or hold the last value"
    )
    fill: float | None = None

    @model_validator(mode="after")
    def _hangs_together(self) -> Self:
        if self.low is not None and self.high is not None and self.low >= self.high:
            raise ValueError(f"{self.name}: low {self.low} is not below high {self.high}")
        if (self.missing == "fill") != (self.fill is not None):
            raise ValueError(f'{self.name}: missing = "fill" and a fill value come together')
        if self.categories and (self.missing != "refuse" or self.low is not None):
            raise ValueError(f"{self.name}: a tag of categories takes no fill and no range")
        if len(set(self.categories)) != len(self.categories):
            raise ValueError(f"{self.name}: categories repeat")
        return self


class Derived(Strict):
    """A feature computed from tags or earlier features: times * op(of...).

    difference, ratio: of two; sum, product: of two or more; log (natural), abs: of one.
    """

    name: str = Field(min_length=1, description="of the new feature")
    op: Literal["difference", "sum", "product", "ratio", "log", "abs"] = Field(
        description="what is computed"
    )
    of: list[str] = Field(min_length=1, max_length=8, description="tags, or earlier features")
    times: float = Field(default=1.0, description="factor")
    unit: str = Field(default="", description="of the result")

    @model_validator(mode="after")
    def _takes_that_many(self) -> Self:
        least, most = ARITY[self.op]
        if not least <= len(self.of) <= most:
            raise ValueError(f"{self.name}: {self.op} takes {least} to {most} names")
        return self


Edges = Annotated[list[float], Field(min_length=2, max_length=65)]


class Feature(Strict):
    """How one number enters: piecewise linear between fixed `edges`.

    Component i of len(edges) - 1 is clip((x - edges[i]) / (edges[i+1] - edges[i]), 0, 1). Two
    edges scale a range to 0..1; more give an int8 input its full resolution in every piece
    (Gorishniy et al., On Embeddings for Numerical Features in Tabular Deep Learning, 2022).
    """

    of: str
    edges: Edges

    @model_validator(mode="after")
    def _rises(self) -> Self:
        if any(low >= high for low, high in pairwise(self.edges)):
            raise ValueError(f"{self.of}: edges must rise")
        return self


class TabularInput(Strict):
    """What a model of process data takes: float32 (width,), or (window_rows, width) in time order.

    Components of the features come first, in order, then one 0/1 input per category.
    """

    kind: Literal["tabular"] = "tabular"
    tags: list[Tag] = Field(min_length=1, max_length=512)
    derived: list[Derived] = Field(default_factory=list, max_length=512)
    features: list[Feature] = Field(default_factory=list, max_length=1024)
    window_rows: int = Field(default=1, ge=1, le=4096)
    hop_rows: int = Field(default=1, ge=1, le=4096)
    short: Literal["refuse", "repeat-first"] = Field(
        default="refuse", description="rows before a window is full: none, or the first repeated"
    )
    series: str = Field(default="", description="column that tells one series from the next")

    @model_validator(mode="after")
    def _names_are_known(self) -> Self:
        names = [tag.name for tag in self.tags]
        known = {tag.name for tag in self.tags if not tag.categories}
        for feature in self.derived:
            _refuse_unknown(feature.of, known, feature.name)
            known.add(feature.name)
            names.append(feature.name)
        _refuse_unknown([feature.of for feature in self.features], known, "features")
        if len(set(names)) != len(names):
            raise ValueError("names of tags and derived features repeat")
        if self.width == 0:
            raise ValueError("no feature and no category: the network would have no input")
        return self

    @property
    def width(self) -> int:
        """Inputs per row."""
        pieces = sum(len(feature.edges) - 1 for feature in self.features)
        return pieces + sum(len(tag.categories) for tag in self.tags)

    @property
    def shape(self) -> tuple[int, ...]:
        """(width,) for rows, (window_rows, width) for sequences."""
        return (self.width,) if self.window_rows == 1 else (self.window_rows, self.width)

    def prepare(self, raw: object) -> NDArray[np.float32]:
        """A table -> what the network takes for its last row, float32 (1, *shape).

        Raises InputError with the reason where that row is refused, and for anything else.
        """
        if not isinstance(raw, Table):
            raise another_kind(self.kind, raw)
        return newest_window(raw, self)[None]

    def join_heat(self, heats: NDArray[np.float32]) -> NDArray[np.float32]:
        """Heat maps (N, h, w) -> the first."""
        return np.asarray(heats[0])


@dataclass(frozen=True)
class PreparedRows:
    """Rows as the network takes them.

    values: float32 (N, width), NaN where the row is refused; refused: (N,) why, "" where it is
    not; filled: (N,) what was filled or held, "" where nothing was.
    """

    values: NDArray[np.float32]
    refused: tuple[str, ...]
    filled: tuple[str, ...]


@dataclass(frozen=True)
class PreparedWindows:
    """Windows of rows: values float32 (M, *shape), none of them refused.

    ends: (M,) position of each window's last row; refused: position of a last row -> why.
    """

    values: NDArray[np.float32]
    ends: NDArray[np.int64]
    refused: dict[int, str]


def prepare_rows(table: Table, spec: TabularInput) -> PreparedRows:
    """Check, derive and scale every row of `table`.

    A column whose name differs only in its unit is converted. Raises InputError for a missing
    column, a unit that cannot be converted, and text where a number belongs.
    """
    reasons: list[list[str]] = [[] for _ in range(len(table))]
    fills: list[list[str]] = [[] for _ in range(len(table))]
    before = _rows_before(table, spec)
    values: Values = {}
    flags: list[NDArray[np.float64]] = []
    for tag in spec.tags:
        if tag.categories:
            flags.append(_one_hot(table, tag, reasons))
        else:
            values[tag.name] = _tag_values(table, tag, before, reasons, fills)
    derive(values, spec.derived, reasons)
    pieces = [_pieces(values[feature.of], feature.edges) for feature in spec.features]
    prepared = np.concatenate([*pieces, *flags], axis=1).astype(np.float32)
    prepared[[bool(reason) for reason in reasons]] = np.nan
    return PreparedRows(
        prepared,
        tuple("; ".join(reason) for reason in reasons),
        tuple("; ".join(fill) for fill in fills),
    )


def prepare_windows(table: Table, spec: TabularInput) -> PreparedWindows:
    """All windows of `table`, never across two series; for window_rows == 1 the rows themselves.

    A window with a refused row is refused with that row's reason.
    """
    rows = prepare_rows(table, spec)
    faulty = np.array([bool(reason) for reason in rows.refused])
    windows, ends, refused = [], [], {}
    for series in series_rows(table, spec):
        places = _padded(series, spec)
        if len(places) < spec.window_rows:
            refused[int(series[-1])] = f"{len(series)} rows, one window needs {spec.window_rows}"
            continue
        stops = np.arange(len(places), spec.window_rows - 1, -spec.hop_rows)[::-1]
        chosen = places[stops[:, None] - spec.window_rows + np.arange(spec.window_rows)]
        spoilt = faulty[chosen].any(axis=1)
        for window in chosen[spoilt]:
            at = int(window[faulty[window]][0])
            refused[int(window[-1])] = rows.refused[at]
        windows.append(rows.values[chosen[~spoilt]].reshape(-1, *spec.shape))
        ends.append(chosen[~spoilt][:, -1])
    if not windows:
        return PreparedWindows(
            np.zeros((0, *spec.shape), np.float32), np.zeros(0, np.int64), refused
        )
    order = np.argsort(np.concatenate(ends), kind="stable")
    values, last = np.concatenate(windows)[order], np.concatenate(ends)[order]
    return PreparedWindows(values.astype(np.float32), last.astype(np.int64), refused)


def newest_window(table: Table, spec: TabularInput) -> NDArray[np.float32]:
    """What the network takes for the last row of `table`: float32 of spec.shape.

    Raises InputError with the reason where that row or a row of its window is refused.
    """
    newest = spec.model_copy(update={"hop_rows": max(1, len(table))})
    windows = prepare_windows(table, newest)
    place = np.flatnonzero(windows.ends == len(table) - 1)
    if not len(place):
        reason = windows.refused.get(len(table) - 1, "no rows")
        raise InputError(
            reason, where=table.source or "row", cure="check the sensor, or judge it by hand"
        )
    return np.asarray(windows.values[place[0]], np.float32)


def derive(
    values: Values, derived: Sequence[Derived], reasons: Sequence[list[str]] | None = None
) -> None:
    """Add every derived feature to `values`, in order; a result that is no number is a reason."""
    for feature in derived:
        arguments = [values[name] for name in feature.of]
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            result = feature.times * OPERATIONS[feature.op](arguments)
        given = np.isfinite(np.stack(arguments)).all(axis=0)
        values[feature.name] = np.where(np.isfinite(result), result, np.nan)
        if reasons is not None:
            for at in np.flatnonzero(given & ~np.isfinite(result)).tolist():
                reasons[at].append(f"{feature.name} cannot be computed")


def series_rows(table: Table, spec: TabularInput) -> list[NDArray[np.int64]]:
    """Row positions of each series, in order of appearance; one series without a series column."""
    if not spec.series or spec.series not in table.columns:
        return [np.arange(len(table))]
    keys = texts(table, spec.series)
    return [np.flatnonzero(keys == key) for key in dict.fromkeys(keys.tolist())]


Arguments = list[NDArray[np.float64]]

OPERATIONS: dict[str, Callable[[Arguments], NDArray[np.float64]]] = {
    "difference": lambda of: of[0] - of[1],
    "sum": lambda of: np.asarray(np.sum(of, axis=0)),
    "product": lambda of: np.asarray(np.prod(of, axis=0)),
    "ratio": lambda of: of[0] / of[1],
    "log": lambda of: np.log(of[0]),
    "abs": lambda of: np.abs(of[0]),
}
"""What a derived feature may compute; arrays are float64 (N,)."""

ARITY = {
    "difference": (2, 2),
    "sum": (2, 8),
    "product": (2, 8),
    "ratio": (2, 2),
    "log": (1, 1),
    "abs": (1, 1),
}
"""Fewest and most names that an operation takes."""


def _refuse_unknown(names: Sequence[str], known: set[str], where: str) -> None:
    unknown = [name for name in names if name not in known]
    if unknown:
        raise ValueError(f"{where}: {unknown[0]!r} is no numeric tag and no earlier feature")


def _tag_values(
    table: Table,
    tag: Tag,
    before: NDArray[np.int64],
    reasons: list[list[str]],
    fills: list[list[str]],
) -> NDArray[np.float64]:
    column, factor, offset = find_column(table, tag.name)
    values = numbers(table, column) * factor + offset
    values = _complete(values, tag, before, reasons, fills)
    low = -np.inf if tag.low is None else tag.low
    high = np.inf if tag.high is None else tag.high
    outside = np.isfinite(values) & ((values < low) | (values > high))
    for at in np.flatnonzero(outside).tolist():
        reasons[at].append(f"{tag.name} = {values[at]:g} lies outside {low:g}..{high:g}")
    return values


def _complete(
    values: NDArray[np.float64],
    tag: Tag,
    before: NDArray[np.int64],
    reasons: list[list[str]],
    fills: list[list[str]],
) -> NDArray[np.float64]:
    whole = values.copy()
    for at in np.flatnonzero(np.isinf(values)).tolist():  # it is there: nothing fills its place
        reasons[at].append(f"{tag.name} = {values[at]:g} is beyond every range")
    for at in np.flatnonzero(np.isnan(values)).tolist():
        if tag.missing == "fill" and tag.fill is not None:
            whole[at] = tag.fill
        elif tag.missing == "hold" and before[at] >= 0:
            whole[at] = whole[before[at]]
        if np.isfinite(whole[at]):
            fills[at].append(f"{tag.name} is missing, {whole[at]:g} used")
        else:
            reasons[at].append(f"{tag.name} is missing")
    return whole


def _rows_before(table: Table, spec: TabularInput) -> NDArray[np.int64]:
    """(N,) the row before each in its series, -1 for the first."""
    before = np.full(len(table), -1)
    for series in series_rows(table, spec):
        before[series[1:]] = series[:-1]
    return before


def _is_boolean(categories: Sequence[str]) -> bool:
    """Whether they are true and false, in any case: each program writes them in its own."""
    return sorted(category.lower() for category in categories) == ["false", "true"]


def _as_cells(categories: Sequence[str]) -> list[str]:
    lower = _is_boolean(categories)
    return [category.lower() if lower else category for category in categories]


def _one_hot(table: Table, tag: Tag, reasons: list[list[str]]) -> NDArray[np.float64]:
    column, _, _ = find_column(table, tag.name)
    cells = texts(table, column)
    if _is_boolean(tag.categories):
        cells = np.char.lower(cells.astype(np.str_))
    flags = np.stack([cells == category for category in _as_cells(tag.categories)], axis=1)
    for at in np.flatnonzero(~flags.any(axis=1)).tolist():
        what = f"{str(cells[at])!r} is unknown" if cells[at] else "is missing"
        reasons[at].append(f"{tag.name} {what}")
    return flags.astype(np.float64)


def _pieces(values: NDArray[np.float64], edges: Sequence[float]) -> NDArray[np.float64]:
    low, high = np.array(edges[:-1]), np.array(edges[1:])
    return np.asarray(np.clip((values[:, None] - low) / (high - low), 0.0, 1.0))


def _padded(series: NDArray[np.int64], spec: TabularInput) -> NDArray[np.int64]:
    """The series, preceded by its first row where every row shall end a window."""
    if spec.short == "refuse":
        return series
    return np.concatenate([np.full(spec.window_rows - 1, series[0]), series])
