"""What each tag of a process table is: unit, categories, plausible range, and missing values."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from edge_agent.contracts.core.errors import ConfigError, DatasetError, InputError
from edge_agent.contracts.core.suggestion import did_you_mean
from edge_agent.contracts.core.text import is_number
from edge_agent.contracts.process.input import Tag
from edge_agent.contracts.process.tables import Table, is_missing, numbers, texts
from edge_agent.contracts.process.units import canonical, split_name
from trainer.data.dataset_toml import DATASET_TOML, TagBounds
from trainer.data.process.columns import columns_of, feature_names, rows_of, table_of
from trainer.data.samples import Dataset, Indices

MOST_CATEGORIES = 32
"""A text column with more different values is an identifier, not a tag."""
MOST_MISSING = 0.5
"""A column with a larger share of gaps is refused."""
REACH = 0.5
"""Plausible range where none is declared: the table's own, widened by this share on both sides."""


def tags_of(dataset: Dataset, train: Indices) -> list[Tag]:
    """What each tag is: unit, categories, plausible range, and what stands in for a gap.

    Medians come from the training rows; ranges and categories from the whole table, since they
    only tell a broken sensor from a working one.
    """
    columns = columns_of(dataset.config)
    table = table_of(dataset)
    rows = rows_of(dataset, train)
    names = feature_names(table, dataset.config)
    unknown = [name for name in columns.tags if name not in names]
    if unknown:
        raise ConfigError(
            f"[tabular.tags] names {unknown[0]!r}, which is no tag",
            where=str(dataset.root / DATASET_TOML),
            cure=did_you_mean(unknown[0], names),
        )
    return [
        _tag(name, columns.tags.get(name, TagBounds()), table, rows, columns.series is not None)
        for name in names
    ]


def _tag(name: str, bounds: TagBounds, table: Table, train: NDArray[np.int64], series: bool) -> Tag:
    unit = canonical(bounds.unit) or split_name(name)[1]
    values = _as_numbers(table, name)
    if values is None:
        return _category_tag(name, table)
    known = values[np.isfinite(values)]
    gaps = 1 - len(known) / max(1, len(values))
    if gaps > MOST_MISSING:
        raise DatasetError(
            f"column {name!r} has no value in {gaps:.0%} of the rows",
            where=table.source,
            cure="add it to exclude in [tabular]",
        )
    reach = REACH * max(float(np.ptp(known)), 1e-6)
    missing = bounds.missing
    if missing == "auto":
        missing = "refuse" if gaps == 0 else ("hold" if series else "fill")
    return Tag(
        name=name,
        unit=unit,
        low=float(known.min() - reach) if bounds.low is None else bounds.low,
        high=float(known.max() + reach) if bounds.high is None else bounds.high,
        missing=missing,
        fill=float(np.nanmedian(values[train])) if missing == "fill" else None,
    )


def _category_tag(name: str, table: Table) -> Tag:
    cells = texts(table, name)
    categories = sorted(set(cells.tolist()) - {""})
    if len(categories) > MOST_CATEGORIES:
        raise DatasetError(
            f"column {name!r} has {len(categories)} different texts: an identifier, not a tag",
            where=table.source,
            cure="add it to exclude in [tabular]",
        )
    return Tag(name=name, categories=categories)


def _as_numbers(table: Table, name: str) -> NDArray[np.float64] | None:
    """A numeric column, None for a column of texts."""
    try:
        return numbers(table, name)
    except InputError:
        cells = table.columns[name]
        texty = [cell for cell in cells[~is_missing(cells)].tolist() if not is_number(str(cell))]
        if len(texty) < 0.5 * len(cells):
            raise
        return None
