"""Tables of process data that are not one row for each sample, with one column for its label."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edge_agent.contracts.core.errors import DatasetError
from edge_agent.contracts.process.tables import Column

TAG_NAMES = frozenset({"tag", "tagname", "tagid", "point", "pointname", "sensor", "variable"})
VALUE_NAMES = frozenset({"value", "val", "wert"})
TIME_NAMES = frozenset(
    {"time", "timestamp", "datetime", "date", "ts", "zeit", "zeitstempel", "timeutc", "utctime"}
)
WIDEST = 5
"""Columns of a historian's export at most: time, tag, value, and what is said of the value."""
FEWEST = 3
"""Columns of a one-hot label at least: two are a label and its opposite."""


def refuse_long_format(table: Path, columns: Mapping[str, Column]) -> None:
    """Raise DatasetError where each row holds the value of one tag, as historians export it."""
    plain = {re.sub(r"[^a-z]", "", name.lower()): name for name in columns}
    tag = next((plain[name] for name in plain if name in TAG_NAMES), None)
    value = next((plain[name] for name in plain if name in VALUE_NAMES), None)
    time = next((plain[name] for name in plain if name in TIME_NAMES), None)
    if tag is None or value is None or time is None or len(columns) > WIDEST:
        return
    raise DatasetError(
        f"each row holds the value of one tag, named in column {tag!r}: a historian's export, not "
        "a row for each sample",
        where=str(table),
        cure="write one column for each tag, in pandas "
        f"table.pivot_table(index={time!r}, columns={tag!r}, values={value!r}).ffill(), and add a "
        "column with the label of each row",
    )


def refuse_one_hot(table: Path, columns: Mapping[str, Column]) -> None:
    """Raise DatasetError where the last columns are one label: exactly one of them is 1 in each
    row. To learn one of them from the others would be no learning."""
    flags: list[NDArray[np.float64]] = []
    names: list[str] = []
    for name in reversed(list(columns)):
        numbers = _flags(columns[name])
        if numbers is None:
            break
        flags.append(numbers)
        names.insert(0, name)
        if len(names) >= FEWEST and (np.sum(flags, axis=0) == 1).all():
            raise DatasetError(
                f"exactly one of the last {len(names)} columns is 1 in each row: "
                f"{', '.join(names)} are one label",
                where=str(table),
                cure="replace them by one column `label` that holds the name of the column that is "
                "1; or name one as `label` of [tabular] in dataset.toml, with task, good, and the "
                "others in exclude",
            )


def _flags(cells: Column) -> NDArray[np.float64] | None:
    """The column as 0 and 1; None where it holds anything else."""
    values = {str(value).strip() for value in np.unique(cells)}
    if not values or not values <= {"0", "1", "0.0", "1.0"}:
        return None
    return np.asarray(cells.astype(np.str_).astype(np.float64))
