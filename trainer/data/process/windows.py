"""Rows and windows of a process table as a network takes them."""

from __future__ import annotations

import csv
import io

import numpy as np
from numpy.typing import NDArray

from edge_agent.contracts.core.errors import DatasetError
from edge_agent.contracts.process.input import (
    TabularInput,
    prepare_rows,
    prepare_windows,
    series_rows,
)
from edge_agent.contracts.process.tables import Table, find_column, texts
from trainer.data.process.columns import rows_of, table_of
from trainer.data.samples import Dataset, Indices


def prepare_at(dataset: Dataset, indices: Indices, spec: TabularInput) -> NDArray[np.float32]:
    """The rows at `indices`, or the windows that end with them: float32 (N, *spec.shape).

    Raises DatasetError for a row that the contract refuses.
    """
    table = table_of(dataset)
    wanted = rows_of(dataset, indices)
    if spec.window_rows == 1:
        alone = prepare_rows(table.take(wanted), spec)
        _refuse_refused(dict(zip(wanted.tolist(), alone.refused, strict=True)), table)
        return alone.values
    rows = np.concatenate([s for s in series_rows(table, spec) if np.isin(s, wanted).any()])
    windows = prepare_windows(table.take(rows), spec.model_copy(update={"hop_rows": 1}))
    refused = {int(rows[end]): reason for end, reason in windows.refused.items()}
    _refuse_refused({row: refused.get(row, "") for row in wanted.tolist()}, table)
    position_of = {int(rows[end]): at for at, end in enumerate(windows.ends)}
    positions = np.array([position_of[row] for row in wanted.tolist()], np.int64)
    return windows.values[positions]


def window_csv(dataset: Dataset, index: int, spec: TabularInput) -> str:
    """The raw cells that the model needs for one sample: header, older rows, its own row."""
    table = table_of(dataset)
    row = dataset.samples[index].row
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


def _refuse_refused(refused: dict[int, str], table: Table) -> None:
    for row, reason in refused.items():
        if reason:
            raise DatasetError(
                f"row {row + 1}: {reason}",
                where=table.source,
                cure="correct the row, widen the range in [tabular.tags], or let gaps be filled",
            )
