"""The rows of a run's tables: predictions.csv, validation.csv, splits.csv, history.csv."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast, get_args

import numpy as np
from numpy.typing import NDArray

from edge_agent.contracts.core.types import Verdict
from edge_agent.contracts.model.needs_baseline import NeedsBaseline
from edge_agent.contracts.run_folder.files import (
    damaged,
    finite_number_in,
    number_in,
    read_table,
)

LOGIT = "logit_"
"""Prefix of the columns of logits; the label follows."""

INTERVAL_ENDS = ("low", "high")
NEEDS_BASELINE = "needs_baseline"
"""The column that is there where a sample has one."""
VERDICTS = frozenset(str(verdict) for verdict in Verdict)

History = Mapping[str, NDArray[np.float64]]
"""Column of history.csv -> (E,) values, NaN where an epoch has none; `epoch` is one of them."""


@dataclass(frozen=True)
class Prediction:
    """One judged sample. row: its number, which heldout.npz refers to; label: the truth.

    score: higher is worse, of a regression the predicted value (the true value is in `label`);
    logits: of a classifier, by label; low, high: the interval of a regression;
    needs_baseline: whether the station would say so instead of this verdict.
    """

    row: int
    path: str
    label: str
    predicted: str
    score: float
    verdict: str
    logits: Mapping[str, float] = field(default_factory=dict)
    low: float | None = None
    high: float | None = None
    needs_baseline: NeedsBaseline = ""

    @property
    def true_value(self) -> float:
        """The true value of a regression; NaN where the label is no number."""
        try:
            return float(self.label)
        except ValueError:
            return float("nan")


@dataclass(frozen=True)
class SplitRow:
    """One sample of the data set.

    split: train, val, test, or empty where left out; start, stop: the stretch of its recording
    as shares of the whole.
    """

    path: str
    label: str
    group: str
    split: str
    start: float = 0.0
    stop: float = 1.0


def read_predictions(path: Path, *, finite: bool) -> list[Prediction]:
    """The rows of predictions.csv or validation.csv. finite: refuse a score that is NaN.

    Raises RunError, also where a sample number occurs twice.
    """
    columns = ("sample", "path", "label", "predicted", "score", "verdict")
    rows = read_table(path, columns)
    found = [_prediction(path, number, row, finite) for number, row in enumerate(rows, start=1)]
    if len({one.row for one in found}) < len(found):
        raise damaged(path, "a sample is listed twice")
    return found


def prediction_cells(predictions: Sequence[Prediction]) -> list[dict[str, object]]:
    """The rows of predictions.csv."""
    gated = any(one.needs_baseline for one in predictions)
    return [
        {
            "sample": one.row,
            "path": one.path,
            "label": one.label,
            "predicted": one.predicted,
            "score": round(one.score, 8),
            "verdict": one.verdict,
            **{f"{LOGIT}{label}": round(value, 6) for label, value in one.logits.items()},
            **_interval_cells(one),
            **({NEEDS_BASELINE: one.needs_baseline} if gated else {}),
        }
        for one in predictions
    ]


def read_splits(path: Path) -> list[SplitRow]:
    """The rows of splits.csv; raises RunError."""
    return [
        SplitRow(
            row["path"],
            row["label"],
            row["group"],
            row["split"],
            finite_number_in(path, number, "start", row.get("start", "0")),
            finite_number_in(path, number, "stop", row.get("stop", "1")),
        )
        for number, row in enumerate(read_table(path, ("path", "label", "group", "split")), start=1)
    ]


def split_cells(rows: Sequence[SplitRow]) -> list[dict[str, object]]:
    """The rows of splits.csv; start and stop only where a recording is cut."""
    cut = any((row.start, row.stop) != (0.0, 1.0) for row in rows)
    cells: list[dict[str, object]] = []
    for row in rows:
        cell: dict[str, object] = {"path": row.path, "label": row.label, "group": row.group}
        cell["split"] = row.split
        if cut:
            cell |= {"start": round(row.start, 6), "stop": round(row.stop, 6)}
        cells.append(cell)
    return cells


def read_history(path: Path) -> History:
    """The columns of history.csv; {} where training has no epochs. Raises RunError."""
    rows = read_table(path)
    if not rows:
        return {}
    if "epoch" not in rows[0]:
        raise damaged(path, "has no column 'epoch'")
    columns: dict[str, NDArray[np.float64]] = {}
    for name in rows[0]:
        read = finite_number_in if name == "epoch" else number_in
        cells = [read(path, n, name, row[name] or "nan") for n, row in enumerate(rows, start=1)]
        columns[name] = np.array(cells, np.float64)
    return columns


def _prediction(path: Path, number: int, row: Mapping[str, str], finite: bool) -> Prediction:
    read = finite_number_in if finite else number_in
    if not row["sample"].isdecimal():
        raise damaged(path, f"row {number}: sample {row['sample']!r} is no number")
    if row["verdict"] not in VERDICTS:
        raise damaged(path, f"row {number}: verdict {row['verdict']!r} is none")
    logits = {
        name.removeprefix(LOGIT): number_in(path, number, name, cell)
        for name, cell in row.items()
        if name.startswith(LOGIT)
    }
    low, high = (
        number_in(path, number, end, row[end]) if end in row else None for end in INTERVAL_ENDS
    )
    return Prediction(
        int(row["sample"]),
        row["path"],
        row["label"],
        row["predicted"],
        read(path, number, "score", row["score"]),
        row["verdict"],
        logits,
        low,
        high,
        needs_baseline=_needs(path, number, row.get(NEEDS_BASELINE, "")),
    )


def _needs(path: Path, number: int, cell: str) -> NeedsBaseline:
    for known in get_args(NeedsBaseline):
        if cell == known:
            return cast(NeedsBaseline, known)
    raise damaged(path, f"row {number}: {NEEDS_BASELINE} {cell!r} is none")


def _interval_cells(one: Prediction) -> dict[str, object]:
    if one.low is None or one.high is None:
        return {}
    return {"low": round(one.low, 6), "high": round(one.high, 6)}
