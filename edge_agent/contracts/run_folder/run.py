"""The run folder: what a fit leaves for the quantiser and for people. One reader of it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Self

from edge_agent.contracts.core.errors import RunError
from edge_agent.contracts.model.manifest import ModelSpec, Provenance
from edge_agent.contracts.run_folder import files
from edge_agent.contracts.run_folder.files import read_document
from edge_agent.contracts.run_folder.golden import GoldenFile, read_golden_list
from edge_agent.contracts.run_folder.metrics import RunMetrics
from edge_agent.contracts.run_folder.network import NetworkFolder
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
class RunFolder(NetworkFolder):
    """A run folder read back: its documents and its predictions; the rest when asked for."""

    provenance: Provenance
    metrics: RunMetrics
    predictions: list[Prediction]

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
