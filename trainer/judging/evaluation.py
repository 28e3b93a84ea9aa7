"""A finished run judged on another data set: the same preprocessing, network and threshold."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from edge_agent.contracts.errors import DatasetError
from trainer.data.prepared import prepare
from trainer.data.samples import Dataset
from trainer.data.splits import Split
from trainer.fitting.experiment import outcome_of
from trainer.fitting.gradient import predict
from trainer.judging.evaluate import figures
from trainer.judging.judged import judge_all
from trainer.progress import Talk
from trainer.runs.run import Run


@dataclass(frozen=True)
class Evaluation:
    """summary: figures with intervals and what was left out; rows: one for each sample."""

    summary: dict[str, object]
    rows: list[Mapping[str, object]]


def evaluate_run(run: Run, dataset: Dataset, talk: Talk) -> Evaluation:
    """Judge the samples that the run was not fitted on.

    Raises DatasetError for another kind of data, for labels the run never saw, and where
    nothing is left.
    """
    _refuse_other_data(run, dataset)
    fresh, left_out = _not_fitted_on(run, dataset)
    split = _as_test(fresh)
    prepared = prepare(fresh, split.test, run.spec.input, talk, "samples")
    outputs = predict(_network(run), prepared.inputs)
    spec = run.spec
    judged = judge_all(outputs, prepared, split.test, spec.scoring, spec.labels, spec.good)
    outcome = outcome_of(split, run.spec, judged)
    summary: dict[str, object] = {
        "run": run.spec.name,
        "dataset": str(dataset.root),
        "samples": len(split.test),
        "left_out": left_out,
        "figures": {name: figure.as_json() for name, figure in figures(outcome).items()},
    }
    rows: list[Mapping[str, object]] = [
        {
            "path": sample.path,
            "label": sample.label,
            "predicted": judgement.label,
            "score": round(judgement.score, 8),
            "verdict": judgement.verdict.value,
        }
        for sample, judgement in zip(fresh.samples, judged.judgements, strict=True)
    ]
    return Evaluation(summary, rows)


def _network(run: Run):
    import keras

    return keras.saving.load_model(run.path / "model.keras", compile=False)


def _as_test(dataset: Dataset) -> Split:
    nothing = np.zeros(0, np.intp)
    every = np.arange(len(dataset.samples))
    return Split(dataset, nothing, nothing, every, "every sample that the run was not fitted on")


def _not_fitted_on(run: Run, dataset: Dataset) -> tuple[Dataset, int]:
    """Where the data set is the run's own, its held-out samples alone."""
    if str(dataset.root) != run.config.dataset:
        return dataset, 0
    table = run.table("splits.csv")
    fitted = {row["path"] for row in table if row["split"] in ("train", "val")}
    fresh = [sample for sample in dataset.samples if sample.path not in fitted]
    if not fresh:
        raise DatasetError(
            "the run was fitted on every sample of it",
            where=str(dataset.root),
            cure="name a data set that it has not seen",
        )
    return replace(dataset, samples=tuple(fresh)), len(dataset.samples) - len(fresh)


def _refuse_other_data(run: Run, dataset: Dataset) -> None:
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
