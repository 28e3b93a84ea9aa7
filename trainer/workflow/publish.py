"""Publishing a run: every file of the run folder, whole or not at all."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from edge_agent.contracts.core.errors import ConfigError
from edge_agent.contracts.core.files import whole_folder, write_atomic
from edge_agent.contracts.core.toml import toml_text
from edge_agent.contracts.image.input import ImageInput
from edge_agent.contracts.model.manifest import Provenance
from edge_agent.contracts.run_folder import files, write
from edge_agent.contracts.run_folder.metrics import (
    BudgetMetrics,
    CopyGroup,
    RunMetrics,
    SplitAsGiven,
)
from trainer.report.page import write_report
from trainer.run_folder.run import FittedRun, open_fitted_run
from trainer.workflow.budget import with_network
from trainer.workflow.experiment import Experiment
from trainer.workflow.explain import explain_for_report
from trainer.workflow.golden_samples import write_golden
from trainer.workflow.run_metrics import metrics_of, predictions_of, split_rows, tag_rows
from trainer.workflow.worth_a_look import write_shown_pictures

PACKAGES = ("lineside", "tensorflow", "keras", "numpy", "opencv-python-headless")


@dataclass(frozen=True)
class Findings:
    """What a report says beside the experiment: findings of the split guard, and warnings."""

    copies: Sequence[str] = ()
    split_as_given: SplitAsGiven | None = None
    copy_groups: Sequence[CopyGroup] = ()
    warnings: Sequence[str] = ()


NOTHING_FOUND = Findings()


def publish_run(
    path: Path,
    experiment: Experiment,
    findings: Findings = NOTHING_FOUND,
    logs: Path | None = None,
    budget: BudgetMetrics | None = None,
) -> FittedRun:
    """Write the run into a temporary folder beside `path`, then rename it; an old run goes.

    logs: a folder that joins the run; budget: what was compared to fit a target.
    Raises StorageError; `path` is then what it was before.
    """
    with whole_folder(path) as folder:
        metrics = metrics_of(
            experiment, findings.copies, findings.split_as_given, findings.copy_groups
        )
        notes = [*findings.warnings, *metrics.notes]
        metrics = metrics.model_copy(update={"notes": notes})
        if budget is not None:
            found = with_network(budget, experiment.fitted.model, experiment.spec.input)
            metrics = metrics.model_copy(update={"budget": found})
        _write_files(folder, experiment, metrics)
        write_shown_pictures(folder, experiment, metrics)
        _explain(open_fitted_run(folder), experiment)
        write_report(open_fitted_run(folder))
        if logs is not None and logs.is_dir():
            shutil.copytree(logs, folder / files.LOGS)
    return open_fitted_run(path)


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


def _write_files(folder: Path, experiment: Experiment, metrics: RunMetrics) -> None:
    split = experiment.split
    _write_config(folder, experiment)
    experiment.fitted.model.save(folder / files.MODEL)
    write.write_documents(folder, experiment.spec, provenance_of(experiment), metrics)
    write.write_splits(folder, split_rows(split))
    write.write_predictions(folder, predictions_of(experiment, experiment.test))
    if tags := tag_rows(experiment):
        write.write_held_out_tags(folder, tags)
    write.write_validation(folder, predictions_of(experiment, experiment.val))
    write.write_history(folder, experiment.fitted.history)
    write.write_calibration(folder, experiment.calibration)
    rows = experiment.held_out.rows(split.test)
    write.write_held_out(folder, experiment.held_out.inputs, rows)
    write_golden(folder, experiment)


def _write_config(folder: Path, experiment: Experiment) -> None:
    dataset = experiment.split.dataset
    document = experiment.config.model_dump(exclude_none=True)
    document |= {"dataset": str(dataset.root), "name": experiment.spec.name}
    for column in ("group", "fold"):
        value = getattr(dataset.config, column)
        if value is not None:
            document[column] = value
    write_atomic(folder / files.CONFIG, toml_text(document).encode())


def _explain(run: FittedRun, experiment: Experiment) -> None:
    """Saliency overlays of an image network; none for one that has no map of places."""
    if isinstance(run.spec.input, ImageInput):
        with suppress(ConfigError):
            explain_for_report(run, experiment.fitted.model)
