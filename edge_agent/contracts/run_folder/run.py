"""The run folder: what a fit leaves for the quantiser and for people. One reader of it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import NDArray

from edge_agent.contracts.core.errors import RunError
from edge_agent.contracts.core.types import Tensor
from edge_agent.contracts.model.manifest import ModelSpec, Provenance
from edge_agent.contracts.run_folder import files
from edge_agent.contracts.run_folder.files import damaged, read_arrays, read_document
from edge_agent.contracts.run_folder.golden import GoldenFile, read_golden_list
from edge_agent.contracts.run_folder.metrics import RunMetrics
from edge_agent.contracts.run_folder.rows import (
    History,
    Prediction,
    SplitRow,
    read_history,
    read_predictions,
    read_splits,
)
from edge_agent.contracts.run_folder.saliency import Saliency
from edge_agent.contracts.run_folder.thumbnails import Thumbnails


@dataclass(frozen=True)
class HeldOutInputs:
    """inputs: (M, *input shape); row: (M,) int32, the Prediction.row each belongs to."""

    inputs: Tensor
    row: NDArray[np.int32]

    def of(self, row: int) -> Tensor:
        """The inputs of one sample, (K, *input shape)."""
        return np.asarray(self.inputs[self.row == row])


@dataclass(frozen=True)
class RunFolder:
    """A run folder read back: its documents and its predictions; the rest when asked for."""

    path: Path
    spec: ModelSpec
    provenance: Provenance
    metrics: RunMetrics
    predictions: list[Prediction]

    @property
    def model_path(self) -> Path:
        """model.keras."""
        return self.path / files.MODEL

    def text(self, name: str) -> str:
        """The text of a file of the run, empty where the run has none."""
        path = self.path / name
        return path.read_text(encoding="utf-8") if path.is_file() else ""

    def splits(self) -> list[SplitRow]:
        """splits.csv: every sample of the data set and the side it is on."""
        return read_splits(self.path / files.SPLITS)

    def history(self) -> History:
        """history.csv: loss and metrics by epoch."""
        return read_history(self.path / files.HISTORY)

    def validation(self) -> list[Prediction]:
        """validation.csv: the predictions that the threshold was chosen on."""
        return read_predictions(self.path / files.VALIDATION, finite=True)

    @cached_property
    def held_out(self) -> HeldOutInputs:
        """heldout.npz: the prepared inputs of the held-out samples."""
        path = self.path / files.HELD_OUT
        arrays = read_arrays(path, ("inputs", "sample"))
        inputs, row = self._inputs(path, arrays["inputs"]), arrays["sample"]
        if row.shape != inputs.shape[:1] or row.dtype.kind not in "ui":
            raise damaged(path, "does not say to which sample each input belongs")
        return HeldOutInputs(inputs, row.astype(np.int32))

    @cached_property
    def calibration(self) -> Tensor:
        """calibration.npz: (N, *input shape) prepared inputs of training samples only."""
        path = self.path / files.CALIBRATION
        return self._inputs(path, read_arrays(path, ("inputs",))["inputs"])

    def held_out_tags(self) -> list[dict[str, str]]:
        """The tags of each held-out row as text, by tag; [] where samples are no rows."""
        path = self.path / files.HELD_OUT_TAGS
        return files.read_table(path) if path.is_file() else []

    def golden(self) -> list[GoldenFile]:
        """golden/golden.json."""
        return read_golden_list(self.path / files.GOLDEN)

    def saliency(self) -> Saliency | None:
        """explained/explained.json; None where nothing was explained."""
        path = self.path / files.EXPLAINED
        cure = "lineside-train explain RUN"
        return read_document(Saliency, path, cure) if path.is_file() else None

    @cached_property
    def thumbnails(self) -> Thumbnails:
        """thumbnails.json; empty where the run has none, as a run of an older release."""
        path = self.path / files.THUMBNAILS
        return read_document(Thumbnails, path) if path.is_file() else Thumbnails()

    def with_verdicts(
        self, spec: ModelSpec, metrics: RunMetrics, predictions: list[Prediction]
    ) -> Self:
        """The run with other verdicts, not yet in its files."""
        return replace(self, spec=spec, metrics=metrics, predictions=predictions)

    def _inputs(self, path: Path, inputs: NDArray[np.generic]) -> Tensor:
        shape = self.spec.input.shape
        expected = np.uint8 if self.spec.input.kind == "image" else np.float32
        if inputs.ndim == 0 or inputs.shape[1:] != shape:
            raise damaged(path, f"holds inputs {inputs.shape[1:]}, spec.json says {shape}")
        if inputs.dtype != expected:
            raise damaged(path, f"holds {inputs.dtype}, not {np.dtype(expected)}")
        return inputs


def open_run(path: Path) -> RunFolder:
    """Read a run folder back; raises RunError that names the file and the cure."""
    if not path.is_dir():
        raise RunError("no such run folder", where=str(path), cure="lineside-train fit makes one")
    if not any((path / name).exists() for name in (files.SPEC, files.CONFIG, files.METRICS)):
        raise RunError(
            "is no run folder", where=str(path), cure="name a folder that lineside-train fit wrote"
        )
    spec = read_document(ModelSpec, path / files.SPEC)
    return RunFolder(
        path,
        spec,
        read_document(Provenance, path / files.PROVENANCE),
        read_document(RunMetrics, path / files.METRICS),
        read_predictions(path / files.PREDICTIONS, finite=spec.scoring.kind != "value"),
    )
