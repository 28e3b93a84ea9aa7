"""The run folder: what a fit leaves for the quantiser and for people, whole or not at all."""

from __future__ import annotations

import errno
import json
import os
import re
import shutil
import unicodedata
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cached_property
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from edge_agent.contracts.core.errors import ConfigError
from edge_agent.contracts.core.files import storage_error, whole_folder, write_atomic
from edge_agent.contracts.core.toml import read_toml, toml_text
from edge_agent.contracts.image.input import ImageInput
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

    from trainer.workflow.experiment import Experiment

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
PACKAGES = ("lineside", "tensorflow", "keras", "numpy", "opencv-python-headless")


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


def write_run(
    path: Path,
    experiment: Experiment,
    extra: Mapping[str, object] | None = None,
    logs: Path | None = None,
) -> Run:
    """Write the run into a temporary folder beside `path`, then rename it; an old run goes.

    `extra` joins metrics.json; `logs` is a folder that joins the run as logs/. Raises
    StorageError; `path` is then what it was before.
    """
    with whole_folder(path) as workshop:
        fill(workshop, experiment, extra or {})
        if logs is not None and logs.is_dir():
            shutil.copytree(logs, workshop / "logs")
    return read_run(path)


def fill(folder: Path, experiment: Experiment, extra: Mapping[str, object]) -> None:
    """Write every file of the run into `folder`."""
    from trainer.report.page import write_report
    from trainer.workflow.golden_samples import write_golden
    from trainer.workflow.run_metrics import (
        judged_rows,
        metrics_of,
        prediction_rows,
        split_rows,
        tag_rows,
        write_csv,
    )

    split = experiment.split
    _write_config(folder, experiment)
    experiment.fitted.model.save(folder / "model.keras")
    _write_json(folder / "spec.json", experiment.spec.model_dump(mode="json"))
    _write_json(folder / "provenance.json", provenance_of(experiment).model_dump(mode="json"))
    write_csv(folder / "splits.csv", split_rows(split))
    write_csv(folder / "predictions.csv", prediction_rows(experiment))
    if tags := tag_rows(experiment):
        write_csv(folder / "heldout_tags.csv", tags)
    write_csv(folder / "validation.csv", judged_rows(experiment, experiment.val))
    write_csv(folder / "history.csv", experiment.fitted.history)
    np.savez_compressed(folder / "calibration.npz", inputs=experiment.calibration)
    rows = experiment.held_out.rows(split.test).astype(np.int32)
    np.savez_compressed(folder / "heldout.npz", inputs=experiment.held_out.inputs, sample=rows)
    write_golden(folder / "golden", experiment)
    _write_json(folder / "metrics.json", {**metrics_of(experiment), **extra})
    _explain(read_run(folder), experiment)
    write_report(read_run(folder))


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


def provenance_of(experiment: Experiment) -> Provenance:
    """Where the model came from."""
    return Provenance(
        dataset_sha256=experiment.split.dataset.sha256(),
        training_samples=len(experiment.split.train),
        held_out_samples=len(experiment.split.test),
        seed=experiment.config.seed,
        created_at=datetime.now(UTC).isoformat(timespec="seconds"),
        trained_with={name: version(name) for name in PACKAGES},
    )


def _explain(run: Run, experiment: Experiment) -> None:
    """Overlays of where an image network looked; none for one that shows no places."""
    from trainer.workflow.explain import explain_for_report

    if isinstance(run.spec.input, ImageInput):
        with suppress(ConfigError):
            explain_for_report(run, experiment.fitted.model)


def _metrics(path: Path) -> dict[str, Any]:
    found = read_object(path / "metrics.json", METRICS)
    for name, figure in found["held_out"].items():
        if not (isinstance(figure, dict) and figure.keys() >= FIGURE):
            raise damaged(path / "metrics.json", f"held_out: {name} is no figure")
    return found


def _write_json(path: Path, document: Mapping[str, object]) -> None:
    write_atomic(path, (json.dumps(document, indent=1, ensure_ascii=False) + "\n").encode())


def _write_config(folder: Path, experiment: Experiment) -> None:
    dataset = experiment.split.dataset
    document = experiment.config.model_dump(exclude_none=True)
    document |= {"dataset": str(dataset.root), "name": experiment.spec.name}
    for column in ("group", "fold"):
        value = getattr(dataset.config, column)
        if value is not None:
            document[column] = value
    write_atomic(folder / CONFIG, toml_text(document).encode())
