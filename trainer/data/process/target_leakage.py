"""Columns of a process table that give the label away: refused by name before anything is fitted.

Failure-mode flags, verdict codes and counters written after the fact make any model look perfect
on paper and useless on the line.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edge_agent.contracts.core.errors import DatasetError, InputError
from edge_agent.contracts.process.tables import Column, Table, is_missing, numbers, texts
from trainer.data.dataset_toml import TabularColumns

FEW_VALUES = 20
"""A column with so few different values is looked at value by value."""
LEAST_ROWS = 8
CHANCE = 1e-6
"""A value is suspicious when so pure a group would come about by chance this rarely."""
PERFECT = 0.999
"""A number that ranks the labels this well alone is the label in other words."""
_DATE = r"\d{4}[-./]\d{1,2}[-./]\d{1,2}|\d{1,2}[-./]\d{1,2}[-./]\d{4}"
_MOMENT = re.compile(rf"({_DATE})([T ,]+\d{{1,2}}:\d{{2}}.*)?|\d{{1,2}}:\d{{2}}(:\d{{2}}.*)?")
"""A date, a date with a time, or a time of day; fractions and zones are not looked at."""


@dataclass(frozen=True)
class Leak:
    """A column, and why it is refused."""

    column: str
    why: str


def refuse_leaks(
    table: Table,
    names: Sequence[str],
    labels: NDArray[np.str_],
    values: NDArray[np.float64] | None,
    columns: TabularColumns,
    where: str,
    *,
    ranking: bool = True,
) -> None:
    """Raise DatasetError that names every leaking column of `names` which is not trusted."""
    asked = [name for name in names if name not in columns.trusted]
    leaks = find_leaks(table, asked, labels, values, ranking=ranking)
    if leaks:
        raise DatasetError(
            "; ".join(f"column {leak.column!r} {leak.why}" for leak in leaks),
            where=where,
            cure="add them to exclude in [tabular], or to trusted where they are known in time",
        )


def find_leaks(
    table: Table,
    names: Sequence[str],
    labels: NDArray[np.str_],
    values: NDArray[np.float64] | None,
    *,
    ranking: bool = True,
) -> list[Leak]:
    """The columns of `names` that count rows or predict the label almost perfectly alone.

    ranking: whether a number that ranks two labels is refused; a detector, which never learns from
    labels, may well have a sensor that shows every fault.
    """
    leaks = []
    for name in names:
        why = _counts_rows(table, name) or (
            _predicts_label(table, name, labels, ranking=ranking)
            if values is None
            else _predicts_value(table, name, values)
        )
        if why:
            leaks.append(Leak(name, why))
    return leaks


def holds_dates(cells: Column) -> bool:
    """Whether every cell of a column of texts that is not empty is a date or a time of day."""
    known = cells[~is_missing(cells)].tolist()
    return bool(known) and all(_MOMENT.fullmatch(str(cell).strip()) for cell in known)


def _counts_rows(table: Table, name: str) -> str:
    cells = _numbers(table, name)
    if cells is None and holds_dates(table.columns[name]):
        return "holds dates or times, which never come again"
    if cells is None:
        unique = len(set(texts(table, name).tolist()))
        return "has another text in almost every row" if unique > 0.9 * len(table) > 50 else ""
    steps = np.diff(cells[np.isfinite(cells)])
    if len(steps) < 50:
        return ""
    if (steps == 1).all():
        return "counts the rows"
    one_way = (steps > 0).all() or (steps < 0).all()
    return "goes one way in every row, as a time or a counter does" if one_way else ""


def _predicts_label(
    table: Table, name: str, labels: NDArray[np.str_], *, ranking: bool = True
) -> str:
    known = labels != ""
    cells, marks = texts(table, name)[known], labels[known]
    different = np.unique(cells)
    if len(different) <= FEW_VALUES:
        return _pure_value(cells, marks, different)
    numeric = _numbers(table, name)
    kinds = np.unique(marks)
    if numeric is None or len(kinds) != 2 or not ranking:
        return ""
    rank = _auroc(numeric[known], marks == kinds[1])
    return f"alone ranks the labels with AUROC {rank:.4f}" if rank >= PERFECT else ""


def _pure_value(
    cells: NDArray[np.str_], marks: NDArray[np.str_], different: NDArray[np.str_]
) -> str:
    """A value that always goes with one label, which chance does not explain."""
    for value in different:
        group = marks[cells == value]
        kinds, counts = np.unique(group, return_counts=True)
        commonest = kinds[counts.argmax()]
        base = float((marks == commonest).mean())
        pure = counts.max() / len(group)
        if len(group) >= LEAST_ROWS and pure >= PERFECT and base ** len(group) < CHANCE:
            return f"= {value} always goes with label {commonest} ({len(group)} rows)"
    return ""


def _predicts_value(table: Table, name: str, values: NDArray[np.float64]) -> str:
    numeric = _numbers(table, name)
    if numeric is None:
        return ""
    both = np.isfinite(numeric) & np.isfinite(values)
    if both.sum() < LEAST_ROWS or np.ptp(numeric[both]) == 0 or np.ptp(values[both]) == 0:
        return ""
    agreement = abs(float(np.corrcoef(_ranks(numeric[both]), _ranks(values[both]))[0, 1]))
    return f"alone ranks the values (correlation {agreement:.4f})" if agreement >= PERFECT else ""


def _auroc(values: NDArray[np.float64], bad: NDArray[np.bool_]) -> float:
    """The better of both directions."""
    known = np.isfinite(values)
    ranks, bad = _ranks(values[known]), bad[known]
    n_bad, n_good = int(bad.sum()), int((~bad).sum())
    if min(n_bad, n_good) < LEAST_ROWS:
        return 0.5
    area = float((ranks[bad].sum() - n_bad * (n_bad + 1) / 2) / (n_bad * n_good))
    return max(area, 1 - area)


def _ranks(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """1-based ranks, ties sharing their mean."""
    ordered = np.sort(values)
    first = np.searchsorted(ordered, values, side="left")
    last = np.searchsorted(ordered, values, side="right")
    return np.asarray((first + last + 1) / 2, np.float64)


def _numbers(table: Table, name: str) -> NDArray[np.float64] | None:
    try:
        return numbers(table, name)
    except InputError:
        return None
