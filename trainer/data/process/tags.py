"""Process tables: which columns are tags, what each holds, and the samples their rows are."""

from __future__ import annotations

import csv
import io
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edge_agent.contracts.core.errors import ConfigError, DatasetError, InputError
from edge_agent.contracts.core.suggestion import did_you_mean
from edge_agent.contracts.process.input import (
    TabularInput,
    Tag,
    find_column,
    prepare_rows,
    prepare_windows,
    series_rows,
)
from edge_agent.contracts.process.tables import Table, is_missing, numbers, read_table, texts
from edge_agent.contracts.process.units import canonical, split_name
from trainer.data.dataset_toml import DATASET_TOML, DatasetConfig, TabularColumns, TagBounds
from trainer.data.layout import SPLIT_NAMES
from trainer.data.prepare import InputSpec, Prepared
from trainer.data.samples import Dataset, Indices, Sample

MOST_CATEGORIES = 32
"""A text column with more different values is an identifier, not a tag."""
MOST_MISSING = 0.5
"""A column with a larger share of gaps is refused."""
TIME_BLOCKS = 20
REACH = 0.5
"""Plausible range where none is declared: the table's own, widened by this share on both sides."""


def columns_of(config: DatasetConfig) -> TabularColumns:
    """[tabular], which a process data set must have."""
    if config.tabular is None:
        raise ConfigError("not process data", where="--model", cure="choose another model")
    return config.tabular


def table_of(root: Path, columns: TabularColumns) -> Table:
    """The whole table as it lies; raises DatasetError that names the file."""
    path = root / columns.file
    stamp = path.stat().st_mtime_ns if path.is_file() else 0
    return _read(path, tuple(columns.header), stamp)


def table_samples(root: Path, config: DatasetConfig) -> tuple[tuple[Sample, ...], list[str]]:
    """One sample a row that has a label, its path `file#row`, and what was decided.

    Raises DatasetError for columns that are missing or give the label away.
    """
    from trainer.data.process.target_leakage import refuse_leaks

    columns = columns_of(config)
    table = table_of(root, columns)
    group = config.group or columns.series
    said: list[str] = []
    _refuse_missing_columns(root, table, config)
    labels, values = _labels(table, config)
    names = feature_names(table, config)
    where, ranking = str(root / columns.file), not config.good_only
    refuse_leaks(table, names, labels, values, columns, where, ranking=ranking)
    groups = texts(table, group) if group else None
    if group is None and config.good_only and config.split not in table.columns:
        groups = _blocks(len(table))
        said.append(f"no series column: split by {TIME_BLOCKS} blocks of time")
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
        )
        for row in np.flatnonzero(labels != "").tolist()
    )
    said.append(f"tags: {', '.join(names)}")
    if len(samples) < len(table):
        said.append(f"{len(table) - len(samples)} rows without a label left out")
    return samples, said


def feature_names(table: Table, config: DatasetConfig) -> list[str]:
    """The columns that are tags: those named, or all that are neither excluded nor labels."""
    columns = columns_of(config)
    if columns.features:
        return [name for name in columns.features if name not in columns.exclude]
    aside = {columns.label, config.group, config.fold, config.split, columns.series}
    aside |= set(columns.exclude)
    return [name for name in table.columns if name not in aside]


def row_of(sample: Sample) -> int:
    """The row of the table that a sample is."""
    return int(sample.path.rpartition("#")[2])


def rows_of(dataset: Dataset, indices: Indices) -> NDArray[np.int64]:
    """The rows of the table that the samples at `indices` are."""
    return np.array([row_of(dataset.samples[int(index)]) for index in indices], np.int64)


def tags_of(dataset: Dataset, train: Indices) -> list[Tag]:
    """What each tag is: unit, categories, plausible range, and what stands in for a gap.

    Medians come from the training rows; ranges and categories from the whole table, since they
    only tell a broken sensor from a working one.
    """
    columns = columns_of(dataset.config)
    table = table_of(dataset.root, columns)
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


def prepare_samples(dataset: Dataset, indices: Indices, spec: TabularInput) -> Prepared:
    """The rows at `indices`, or the windows that end with them, as the network takes them.

    Raises DatasetError for a row that the contract refuses.
    """
    table = table_of(dataset.root, columns_of(dataset.config))
    wanted = rows_of(dataset, indices)
    if spec.window_rows == 1:
        rows = prepare_rows(table.take(wanted), spec)
        _refuse_refused(dict(zip(wanted.tolist(), rows.refused, strict=True)), table)
        return Prepared(rows.values, np.asarray(indices, np.intp))
    rows = np.concatenate([s for s in series_rows(table, spec) if np.isin(s, wanted).any()])
    windows = prepare_windows(table.take(rows), spec.model_copy(update={"hop_rows": 1}))
    refused = {int(rows[end]): reason for end, reason in windows.refused.items()}
    _refuse_refused({row: refused.get(row, "") for row in wanted.tolist()}, table)
    place = {int(rows[end]): at for at, end in enumerate(windows.ends)}
    found = np.array([place[row] for row in wanted.tolist()], np.int64)
    return Prepared(windows.values[found], np.asarray(indices, np.intp))


def window_csv(dataset: Dataset, index: int, spec: InputSpec) -> str:
    """The raw cells that the model needs for one sample: header, older rows, its own row."""
    if not isinstance(spec, TabularInput):
        raise TypeError("not process data")
    table = table_of(dataset.root, columns_of(dataset.config))
    row = row_of(dataset.samples[index])
    series = next(rows for rows in series_rows(table, spec) if row in rows)
    end = int(np.searchsorted(series, row)) + 1
    chosen = series[max(0, end - spec.window_rows) : end]
    names = [find_column(table, tag.name)[0] for tag in spec.tags]
    if spec.series:
        names.insert(0, spec.series)
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(names)
    writer.writerows(zip(*(texts(table, name)[chosen] for name in names), strict=True))
    return stream.getvalue()


@lru_cache(maxsize=4)
def _read(path: Path, header: tuple[str, ...], stamp: int) -> Table:
    del stamp
    try:
        return read_table(path, header)
    except InputError as error:
        raise DatasetError(error.what, where=error.where, cure=error.cure) from error


def _labels(
    table: Table, config: DatasetConfig
) -> tuple[NDArray[np.str_], NDArray[np.float64] | None]:
    """(N,) label names, "" where a row has none, and for a regression its values."""
    columns = columns_of(config)
    if config.task != "tabular-regression":
        return texts(table, columns.label), None
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
        texty = [cell for cell in cells[~is_missing(cells)].tolist() if not _is_number(str(cell))]
        if len(texty) < 0.5 * len(cells):
            raise
        return None


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


def _split_name(text: str, file: str, row: int) -> str:
    if text and text.lower() not in SPLIT_NAMES:
        raise DatasetError(
            f"split {text!r} is not one of train, val, test",
            where=f"{file}: row {row + 1}",
            cure="correct it",
        )
    return SPLIT_NAMES[text.lower()] if text else ""


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


def _refuse_refused(refused: dict[int, str], table: Table) -> None:
    for row, reason in refused.items():
        if reason:
            raise DatasetError(
                f"row {row + 1}: {reason}",
                where=table.source,
                cure="correct the row, widen the range in [tabular.tags], or let gaps be filled",
            )
