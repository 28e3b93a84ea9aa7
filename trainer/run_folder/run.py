"""The run folder: what a fit leaves for the quantiser and for people, whole or not at all."""

from __future__ import annotations

import errno
import os
import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from edge_agent.contracts.core.errors import ConfigError
from edge_agent.contracts.core.files import storage_error
from edge_agent.contracts.core.toml import read_toml
from edge_agent.contracts.model.manifest import ModelSpec, Provenance
from trainer.config.fit import FitConfig
from trainer.run_folder.reading import (
    damaged,
    finite_number,
    read_document,
    read_inputs,
    read_network,
    read_object,
    read_table,
    refuse_no_number,
)

if TYPE_CHECKING:
    import keras


CONFIG = "config.toml"
NEEDED = (CONFIG, "model.keras", "spec.json", "provenance.json", "metrics.json", "predictions.csv")
COLUMNS: Mapping[str, tuple[str, ...]] = {
    "predictions.csv": ("path", "label", "predicted", "score", "verdict"),
    "splits.csv": ("path", "label", "group", "split"),
}
"""What the tables of a run hold at least."""
METRICS: Mapping[str, type] = {
    "parameters": int,
    "protocol": str,
    "decisions": list,
    "samples": dict,
    "held_out": dict,
    "per_class": dict,
    "baselines": dict,
    "notes": list,
}
"""What metrics.json holds at least."""
FIGURE = {"value", "n", "ci95", "interval"}


class RunConfig(FitConfig):
    """config.toml of a run: the fit, resolved, and the data set it was made from."""

    dataset: str
    name: str


@dataclass(frozen=True)
class Run:
    """A run folder read back; the larger tables are read when asked for."""

    path: Path
    config: RunConfig
    spec: ModelSpec
    provenance: Provenance
    metrics: Mapping[str, Any]

    @cached_property
    def predictions(self) -> list[dict[str, str]]:
        """The rows of predictions.csv; their scores and logits are numbers."""
        check = refuse_no_number if self.spec.scoring.kind == "value" else finite_number
        rows = self.table("predictions.csv")
        path = self.path / "predictions.csv"
        for number, row in enumerate(rows, start=1):
            check(path, number, "score", row["score"])
            for column in row:
                if column.startswith("logit_") or column in ("low", "high"):
                    refuse_no_number(path, number, column, row[column])
        return rows

    @cached_property
    def held_out(self) -> tuple[np.ndarray, np.ndarray]:
        """inputs (M, *shape), and the row of predictions.csv that each belongs to."""
        path = self.path / "heldout.npz"
        inputs, others = read_inputs(path, self.spec.input.shape, "sample")
        sample = others["sample"]
        if sample.shape != inputs.shape[:1] or sample.dtype.kind not in "ui":
            raise damaged(path, "does not say to which sample each input belongs")
        return inputs, sample

    @cached_property
    def held_out_tags(self) -> list[dict[str, str]]:
        """The tags of each row of predictions.csv; empty where rows are no samples."""
        there = (self.path / "heldout_tags.csv").is_file()
        return self.table("heldout_tags.csv") if there else []

    def table(self, name: str) -> list[dict[str, str]]:
        """The rows of a CSV of the run; raises ConfigError for a damaged one."""
        return read_table(self.path / name, COLUMNS.get(name, ()))

    def network(self) -> keras.Model:
        """The fitted network, which takes inputs of the specification's shape."""
        return read_network(self.path / "model.keras", self.spec.input.shape)

    def judged_anew(
        self, spec: ModelSpec, metrics: Mapping[str, Any], predictions: list[dict[str, str]]
    ) -> Run:
        """The same run with other verdicts, not yet in its files."""
        again = replace(self, spec=spec, metrics=metrics)
        vars(again)["predictions"] = predictions
        return again


def slug(text: str) -> str:
    """`text` as a name that manifests accept."""
    letters = unicodedata.normalize("NFKD", text).casefold()
    ascii_only = letters.encode("ascii", "ignore").decode()
    plain = re.sub(r"[^a-z0-9_-]+", "-", ascii_only).strip("-_")
    return plain[:63] or "model"


def refuse_existing(path: Path, force: bool) -> None:
    """Raise ConfigError where a run would be overwritten, or where something else lies."""
    refuse_unwritable(path)
    if not path.exists() or (path.is_dir() and not any(path.iterdir())):
        return
    if not (path / CONFIG).is_file():
        raise ConfigError(
            "exists and is no run", where=str(path), cure="name another folder with --out"
        )
    if not force:
        raise ConfigError(
            "this run exists", where=str(path), cure="name another with --out, or add --force"
        )


def refuse_unwritable(path: Path) -> None:
    """Raise StorageError before hours of work where `path` could not be written at their end."""
    path = path.absolute()
    there = next(parent for parent in path.parents if parent.exists())
    if there.is_dir() and os.access(there, os.W_OK | os.X_OK):
        return
    code = errno.EACCES if there.is_dir() else errno.ENOTDIR
    raise storage_error(path, OSError(code, os.strerror(code)))


def read_run(path: Path) -> Run:
    """Read a run folder back; raises ConfigError that names what is missing."""
    for name in NEEDED:
        if not (path / name).is_file():
            raise ConfigError(
                f"no run: {name} is missing", where=str(path), cure="lineside-train fit makes one"
            )
    spec = read_document(ModelSpec, path / "spec.json")
    provenance = read_document(Provenance, path / "provenance.json")
    return Run(path, read_toml(path / CONFIG, RunConfig), spec, provenance, _metrics(path))


def _metrics(path: Path) -> dict[str, Any]:
    found = read_object(path / "metrics.json", METRICS)
    for name, figure in found["held_out"].items():
        if not (isinstance(figure, dict) and figure.keys() >= FIGURE):
            raise damaged(path / "metrics.json", f"held_out: {name} is no figure")
    return found
