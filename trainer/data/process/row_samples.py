"""The rows of a process table as samples: labels, values, groups, folds and splits."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edge_agent.contracts.core.errors import DatasetError
from edge_agent.contracts.core.suggestion import did_you_mean
from edge_agent.contracts.process.tables import Table, numbers, texts
from trainer.data.dataset_toml import DatasetConfig
from trainer.data.labels_csv import read_table_here, refuse_other_case
from trainer.data.layouts.split_names import split_of
from trainer.data.process.columns import columns_of, feature_names
from trainer.data.process.target_leakage import refuse_leaks
from trainer.data.samples import Dataset, Sample

TIME_BLOCKS = 20


def process_dataset(root: Path, config: DatasetConfig) -> Dataset:
    """Read the process table: one sample for each row with a label, its path `file#row`.

    Raises DatasetError that names the file, and for columns that are missing or give the label
    away.
    """
    columns = columns_of(config)
    table = read_table_here(root / columns.file, columns.header)
    _refuse_missing_columns(root, table, config)
    labels, values = _labels(root / columns.file, table, config)
    names = feature_names(table, config)
    where, ranking = str(root / columns.file), not config.good_only
    refuse_leaks(table, names, labels, values, columns, where, ranking=ranking)
    groups, decisions = _groups(table, config)
    folds = texts(table, config.fold) if config.fold else None
    splits = texts(table, config.split) if config.split in table.columns else None
    samples = tuple(
        Sample(
            f"{columns.file}#{row}",
            str(labels[row]),
            group="" if groups is None else str(groups[row]),
            fold="" if folds is None else str(folds[row]),
            split="" if splits is None else _split_name(str(splits[row]), columns.file, row),
            value=None if values is None else float(values[row]),
            row=row,
        )
        for row in np.flatnonzero(labels != "").tolist()
    )
    decisions.append(f"tags: {', '.join(names)}")
    if len(samples) < len(table):
        decisions.append(f"{len(table) - len(samples)} rows without a label left out")
    return Dataset(root, config, samples, tuple(decisions), table=table)


def _groups(table: Table, config: DatasetConfig) -> tuple[NDArray[np.str_] | None, list[str]]:
    """(N,) the group of each row or None, and what was decided about it."""
    columns = columns_of(config)
    group = config.group or columns.series
    if group:
        return texts(table, group), []
    if config.good_only and config.split not in table.columns:
        return _blocks(len(table)), [f"no series column: split by {TIME_BLOCKS} blocks of time"]
    return None, []


def _labels(
    path: Path, table: Table, config: DatasetConfig
) -> tuple[NDArray[np.str_], NDArray[np.float64] | None]:
    """(N,) label names, "" where a row has none, and for a regression its values.

    Raises DatasetError that names `path` for labels that differ in case alone.
    """
    columns = columns_of(config)
    if config.task != "tabular-regression":
        labels = texts(table, columns.label)
        refuse_other_case(sorted(set(labels.tolist())), path, column=columns.label)
        return labels, None
    if columns.run_to_failure:
        values = _rows_left(texts(table, str(columns.series)))
    else:
        values = numbers(table, columns.label)
    if columns.cap is not None:
        values = np.minimum(values, columns.cap)
    return np.where(np.isfinite(values), columns.label, ""), values


def _blocks(rows: int) -> NDArray[np.str_]:
    """Neighbouring rows are alike: those of one block of time never straddle a split."""
    return np.array([f"block{row * TIME_BLOCKS // rows}" for row in range(rows)], np.str_)


def _rows_left(series: NDArray[np.str_]) -> NDArray[np.float64]:
    left = np.zeros(len(series))
    for key in np.unique(series):
        rows = np.flatnonzero(series == key)
        left[rows] = np.arange(len(rows))[::-1]
    return left


def _split_name(text: str, file: str, row: int) -> str:
    if text and not split_of(text):
        raise DatasetError(
            f"split {text!r} is not one of train, val, test",
            where=f"{file}: row {row + 1}",
            cure="correct it",
        )
    return split_of(text)


def _refuse_missing_columns(root: Path, table: Table, config: DatasetConfig) -> None:
    columns = columns_of(config)
    label = None if columns.run_to_failure else columns.label
    named = [label, *columns.features, *columns.exclude, *columns.trusted]
    for name in (*named, config.group, config.fold, columns.series):
        if name is not None and name not in table.columns:
            raise DatasetError(
                f"has no column {name!r}",
                where=str(root / columns.file),
                cure=did_you_mean(name, list(table.columns)),
            )
