"""A finished run judged on another data set: the same preprocessing, network and threshold."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from edge_agent.contracts.core.errors import ConfigError, DatasetError
from edge_agent.contracts.image.input import ImageInput
from edge_agent.contracts.run_folder.files import csv_bytes
from edge_agent.contracts.run_folder.metrics import HeldOutMetrics
from edge_agent.contracts.run_folder.rows import NEEDS_BASELINE, Prediction, SplitRow
from trainer.console.progress import Progress
from trainer.data.prepare import prepare
from trainer.data.samples import Dataset, Sample
from trainer.data.split import Split
from trainer.evaluation.held_out import outcome_of
from trainer.evaluation.outcome import figures
from trainer.evaluation.predictions import judge_all
from trainer.evaluation.withheld import withheld_verdicts
from trainer.run_folder.run import FittedRun
from trainer.run_folder.target import refuse_unwritable
from trainer.training.predict import predict

HEAD = b"path,label,predicted,score,verdict"
"""The first line of a file of predictions."""

HEAD_WITH_LOST = HEAD + b"," + NEEDS_BASELINE.encode()
"""Of one in which some frames show no part."""


@dataclass(frozen=True)
class Evaluation:
    """left_out: samples that the run was fitted on; predictions: one for each other sample."""

    run: str
    dataset: str
    left_out: int
    figures: HeldOutMetrics
    predictions: list[Prediction]

    def summary(self) -> dict[str, object]:
        """For json.dumps."""
        return {
            "run": self.run,
            "dataset": self.dataset,
            "samples": len(self.predictions),
            "left_out": self.left_out,
            "figures": self.figures.model_dump(mode="json", exclude_none=True),
        }

    def table(self) -> bytes:
        """The predictions as CSV; frames without a part are marked, so that none is chosen by."""
        gated = any(one.needs_baseline for one in self.predictions)
        return csv_bytes(
            [
                {
                    "path": one.path,
                    "label": one.label,
                    "predicted": one.predicted,
                    "score": round(one.score, 8),
                    "verdict": one.verdict,
                    **({NEEDS_BASELINE: one.needs_baseline} if gated else {}),
                }
                for one in self.predictions
            ]
        )


def evaluate_run(run: FittedRun, dataset: Dataset, progress: Progress) -> Evaluation:
    """Judge the samples that the run was not fitted on.

    Raises DatasetError for another kind of data, for labels the run never saw, and where
    nothing is left.
    """
    _refuse_other_data(run, dataset)
    fresh, left_out = _not_fitted_on(run, dataset)
    network = run.network()
    split = _as_test(fresh)
    prepared = prepare(fresh, split.test, run.spec.input, progress, "samples")
    outputs = predict(network, prepared.inputs)
    spec = run.spec
    needs = withheld_verdicts(fresh, prepared, split.test, spec)
    judged = judge_all(outputs, prepared, split.test, spec.scoring, spec.labels, spec.good, needs)
    outcome = outcome_of(split, run.spec, judged)
    lost = needs if isinstance(spec.input, ImageInput) else []
    predictions = [
        Prediction(
            row,
            sample.path,
            sample.label,
            judgement.label,
            judgement.score,
            judgement.verdict.value,
            needs_baseline=lost[row] if lost else "",
        )
        for row, (sample, judgement) in enumerate(
            zip(fresh.samples, judged.judgements, strict=True)
        )
    ]
    metrics = HeldOutMetrics.of(figures(outcome))
    return Evaluation(run.spec.name, str(dataset.root), left_out, metrics, predictions)


def refuse_target(path: Path, protected: Sequence[Path]) -> None:
    """Raise ConfigError or StorageError where predictions must not, or cannot, be written.

    They go into no folder of `protected`, and replace no file but earlier predictions.
    """
    for folder in protected:
        if path.resolve().is_relative_to(folder.resolve()):
            raise _no_target(path, f"lies in {folder}, which an evaluation leaves as it is")
    if path.exists() and not _is_predictions(path):
        raise _no_target(path, "exists and holds no predictions")
    refuse_unwritable(path)


def _is_predictions(path: Path) -> bool:
    if not path.is_file():
        return False
    with path.open("rb") as stream:
        line = stream.readline(len(HEAD_WITH_LOST) + 2)
    return line.rstrip(b"\r\n") in (HEAD, HEAD_WITH_LOST)


def _no_target(path: Path, what: str) -> ConfigError:
    return ConfigError(what, where=f"--predictions {path}", cure="name another file")


def _as_test(dataset: Dataset) -> Split:
    nothing = np.zeros(0, np.intp)
    every = np.arange(len(dataset.samples))
    return Split(dataset, nothing, nothing, every, "every sample that the run was not fitted on")


def _not_fitted_on(run: FittedRun, dataset: Dataset) -> tuple[Dataset, int]:
    """Where the data set is the run's own, wherever it lies, its held-out samples alone."""
    table = run.splits()
    if str(dataset.root) != run.config.dataset and not _holds_its_files(run, dataset, table):
        return dataset, 0
    fitted = {row.path for row in table if row.split in ("train", "val")}
    fresh = [sample for sample in dataset.samples if sample.path not in fitted]
    if not fresh:
        raise DatasetError(
            "the run was fitted on every sample of it",
            where=str(dataset.root),
            cure="name a data set that it has not seen",
        )
    return replace(dataset, samples=tuple(fresh)), len(dataset.samples) - len(fresh)


def _holds_its_files(run: FittedRun, dataset: Dataset, table: list[SplitRow]) -> bool:
    """Whether all samples that the run was made from lie here with the same content."""
    samples = (Sample(row.path, row.label, row.group) for row in table)
    listed = dataset.with_samples(samples)
    files = {listed.file(index) for index in range(len(listed.samples))}
    return (
        all(file.is_file() for file in files) and listed.sha256() == run.provenance.dataset_sha256
    )


def _refuse_other_data(run: FittedRun, dataset: Dataset) -> None:
    if dataset.config.kind != run.spec.input.kind:
        raise DatasetError(
            f"holds {dataset.config.kind} data, the run takes {run.spec.input.kind}",
            where=str(dataset.root),
            cure="name a data set of the run's kind",
        )
    known = [*run.spec.labels, *dataset.config.good]
    strange = [label for label in dataset.labels if label not in known]
    if strange and run.spec.scoring.kind == "logits":
        raise DatasetError(
            f"label {strange[0]!r} is unknown to the run, which has {', '.join(run.spec.labels)}",
            where=str(dataset.root),
            cure="rename the label, or fit again with it",
        )
