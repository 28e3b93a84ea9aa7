"""Which columns of a process table are tags, and which of its rows are samples."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from edge_agent.contracts.core.errors import ConfigError
from edge_agent.contracts.process.tables import Table
from trainer.data.dataset_toml import DatasetConfig, TabularColumns
from trainer.data.samples import Dataset, Indices


def columns_of(config: DatasetConfig) -> TabularColumns:
    """[tabular], which a process data set must have."""
    if config.tabular is None:
        raise ConfigError("not process data", where="--model", cure="choose another model")
    return config.tabular


def table_of(dataset: Dataset) -> Table:
    """The whole table of a process data set, as it was read."""
    if dataset.table is None:
        raise ConfigError("not process data", where="--model", cure="choose another model")
    return dataset.table


def rows_of(dataset: Dataset, indices: Indices) -> NDArray[np.int64]:
    """The rows of the table that the samples at `indices` are, from 0."""
    return np.array([dataset.samples[int(index)].row for index in indices], np.int64)


def feature_names(table: Table, config: DatasetConfig) -> list[str]:
    """The columns that are tags: those named, or all that have a name and are neither excluded nor
    labels. The column without a name that some programs write numbers the rows."""
    columns = columns_of(config)
    if columns.features:
        return [name for name in columns.features if name not in columns.exclude]
    aside = {columns.label, config.group, config.fold, config.split, columns.series, ""}
    aside |= set(columns.exclude)
    return [name for name in table.columns if name not in aside]
