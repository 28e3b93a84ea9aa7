"""Publishing a fit: every file of the run folder and its report, whole or not at all."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import numpy as np

from edge_agent.contracts.core.errors import ConfigError
from edge_agent.contracts.core.files import whole_folder, write_atomic
from edge_agent.contracts.core.toml import toml_text
from edge_agent.contracts.image.input import ImageInput
from edge_agent.contracts.model.manifest import Provenance
from trainer.report.page import write_report
from trainer.run_folder.run import CONFIG, Run, read_run
from trainer.workflow.experiment import Experiment
from trainer.workflow.explain import explain_for_report
from trainer.workflow.golden_samples import write_golden
from trainer.workflow.run_metrics import (
    judged_rows,
    metrics_of,
    prediction_rows,
    split_rows,
    tag_rows,
    write_csv,
)

PACKAGES = ("lineside", "tensorflow", "keras", "numpy", "opencv-python-headless")


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
    if isinstance(run.spec.input, ImageInput):
        with suppress(ConfigError):
            explain_for_report(run, experiment.fitted.model)


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
