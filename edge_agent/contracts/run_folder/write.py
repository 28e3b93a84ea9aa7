"""Writing the files of a run, one function a file: the counterpart of run.RunFolder."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edge_agent.contracts.core.files import write_atomic
from edge_agent.contracts.core.types import Tensor
from edge_agent.contracts.model.manifest import ModelSpec, Provenance
from edge_agent.contracts.run_folder import files
from edge_agent.contracts.run_folder.files import csv_bytes, document_bytes
from edge_agent.contracts.run_folder.golden import GoldenFile, golden_list_bytes
from edge_agent.contracts.run_folder.metrics import RunMetrics
from edge_agent.contracts.run_folder.rows import (
    Prediction,
    SplitRow,
    prediction_cells,
    split_cells,
)
from edge_agent.contracts.run_folder.saliency import Saliency
from edge_agent.contracts.run_folder.thumbnails import Thumbnails


def write_documents(
    folder: Path, spec: ModelSpec, provenance: Provenance, metrics: RunMetrics
) -> None:
    """spec.json, provenance.json and metrics.json."""
    write_atomic(folder / files.SPEC, document_bytes(spec))
    write_atomic(folder / files.PROVENANCE, document_bytes(provenance))
    write_atomic(folder / files.METRICS, document_bytes(metrics, exclude_none=True))


def write_predictions(folder: Path, predictions: Sequence[Prediction]) -> None:
    """predictions.csv."""
    write_atomic(folder / files.PREDICTIONS, csv_bytes(prediction_cells(predictions)))


def write_validation(folder: Path, predictions: Sequence[Prediction]) -> None:
    """validation.csv."""
    write_atomic(folder / files.VALIDATION, csv_bytes(prediction_cells(predictions)))


def write_splits(folder: Path, rows: Sequence[SplitRow]) -> None:
    """splits.csv."""
    write_atomic(folder / files.SPLITS, csv_bytes(split_cells(rows)))


def write_history(folder: Path, epochs: Sequence[Mapping[str, object]]) -> None:
    """history.csv: one mapping an epoch, with the same keys."""
    write_atomic(folder / files.HISTORY, csv_bytes(epochs))


def write_held_out_tags(folder: Path, rows: Sequence[Mapping[str, str]]) -> None:
    """heldout_tags.csv."""
    write_atomic(folder / files.HELD_OUT_TAGS, csv_bytes(rows))


def write_calibration(folder: Path, inputs: Tensor) -> None:
    """calibration.npz: (N, *input shape), training samples only."""
    np.savez_compressed(folder / files.CALIBRATION, inputs=inputs)


def write_held_out(folder: Path, inputs: Tensor, row: NDArray[np.integer]) -> None:
    """heldout.npz: (M, *input shape) and the Prediction.row of each."""
    sample = row.astype(np.int32)
    np.savez_compressed(folder / files.HELD_OUT, inputs=inputs, sample=sample)


def write_golden_list(folder: Path, golden: Sequence[GoldenFile]) -> None:
    """golden/golden.json."""
    write_atomic(folder / files.GOLDEN, golden_list_bytes(golden))


def write_saliency(folder: Path, saliency: Saliency) -> None:
    """explained/explained.json."""
    write_atomic(folder / files.EXPLAINED, document_bytes(saliency))


def write_thumbnails(folder: Path, thumbnails: Thumbnails) -> None:
    """thumbnails.json."""
    write_atomic(folder / files.THUMBNAILS, document_bytes(thumbnails))
