"""What a model of process data takes: every tag and derived feature, scaled by training rows."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from edge_agent.contracts.core.errors import ConfigError, DatasetError
from edge_agent.contracts.process.input import (
    Derived,
    Feature,
    TabularInput,
    Tag,
    derive,
    prepare_rows,
)
from edge_agent.contracts.process.tables import Table, find_column, numbers
from trainer.data.prepare import InputSpec
from trainer.data.process.columns import columns_of, rows_of, table_of
from trainer.data.process.tags import tags_of
from trainer.data.samples import Dataset, Indices

Numbers = NDArray[np.float64]

EdgesOf = Callable[[str, Numbers], list[float]]
"""(name, training values) -> rising edges."""


def tabular_spec(
    dataset: Dataset, train: Indices, edges_of: EdgesOf, window_rows: int = 1
) -> TabularInput:
    """Tags, derived features and their edges; what never changes in training is left out.

    Raises ConfigError for a derived feature of unknown tags, DatasetError where nothing is left.
    """
    columns = columns_of(dataset.config)
    tags = tags_of(dataset, train)
    known = {name for name, _ in numeric_features(dataset, train, tags)}
    chosen = [
        Feature(of=name, edges=edges_of(name, values))
        for name, values in numeric_features(dataset, train, tags)
        if np.ptp(values) > 1e-9 * max(1.0, float(np.abs(values).max()))
    ]
    if not chosen and not any(tag.categories for tag in tags):
        raise DatasetError(
            "no tag changes among the training rows", where=columns.file, cure="name other features"
        )
    used = _used(columns.derived, {feature.of for feature in chosen})
    used_tags = [tag for tag in tags if tag.categories or tag.name in used or tag.name not in known]
    return TabularInput(
        tags=used_tags,
        derived=[feature for feature in columns.derived if feature.name in used],
        features=chosen,
        window_rows=window_rows,
        short="repeat-first",
        series=columns.series or "",
    )


def numeric_features(
    dataset: Dataset, indices: Indices, tags: list[Tag]
) -> list[tuple[str, Numbers]]:
    """Name and finite values of every numeric tag and derived feature in the rows at `indices`."""
    columns = columns_of(dataset.config)
    table = sample_table(dataset, indices)
    values = raw_values(table, tags)
    for feature in columns.derived:
        unknown = [name for name in feature.of if name not in values]
        if unknown:
            raise ConfigError(
                f"derived {feature.name!r} takes {unknown[0]!r}, which is no numeric tag",
                where="[tabular.derived]",
                cure=f"known are {', '.join(values)}",
            )
        derive(values, [feature])
    return [(name, column[np.isfinite(column)]) for name, column in values.items()]


def raw_values(table: Table, tags: list[Tag]) -> dict[str, Numbers]:
    """Numeric tags of a table as the contract reads them, gaps filled where it fills them."""
    values: dict[str, Numbers] = {}
    for tag in tags:
        if tag.categories:
            continue
        column, factor, offset = find_column(table, tag.name)
        readings = numbers(table, column) * factor + offset
        fill = tag.fill if tag.fill is not None else float(np.nanmedian(readings))
        values[tag.name] = np.where(np.isfinite(readings), readings, fill)
    return values


def span_edges(name: str, values: Numbers) -> list[float]:
    """From the lowest to the highest training value."""
    del name
    return [float(values.min()), float(values.max())]


def tabular_input(spec: InputSpec) -> TabularInput:
    """`spec`, which must be that of process data."""
    if not isinstance(spec, TabularInput):
        raise ConfigError("not process data", where="--model", cure="choose another model")
    return spec


def sample_table(dataset: Dataset, indices: Indices) -> Table:
    """The table's rows that the samples at `indices` are."""
    return table_of(dataset).take(rows_of(dataset, indices))


def plain_rows(table: Table, spec: TabularInput) -> NDArray[np.float64]:
    """(N, F) unscaled values of the features of `spec`, then its categories."""
    values = raw_values(table, spec.tags)
    derive(values, spec.derived)
    flags = [tag for tag in spec.tags if tag.categories]
    columns = [values[feature.of] for feature in spec.features]
    if flags:
        only = TabularInput(tags=flags)
        columns += list(prepare_rows(table, only).values.T)
    return np.stack(columns, axis=1).astype(np.float64)


def _used(derived: list[Derived], names: set[str]) -> set[str]:
    """The tags and derived features that `names` need."""
    needed = set(names)
    for feature in reversed(derived):
        if feature.name in needed:
            needed |= set(feature.of)
    return needed
