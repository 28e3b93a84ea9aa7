"""The tables of a run: splits.csv, predictions.csv, metrics.json."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from edge_agent.contracts.core.files import write_atomic
from edge_agent.contracts.core.types import Judgement
from edge_agent.contracts.model.alarm_rule import Persistence
from edge_agent.contracts.model.scoring import softmax
from edge_agent.contracts.process.input import TabularInput, find_column
from trainer.data.split import Split
from trainer.evaluation.baseline_replay import held_out_runs
from trainer.evaluation.disturbances import disturbance_figures
from trainer.evaluation.localisation import localisation_figures
from trainer.evaluation.outcome import Outcome, class_rankings, class_rows, figures
from trainer.evaluation.predictions import Judged
from trainer.models.process.features import sample_table
from trainer.statistics.metrics import auroc_figure, bootstrapped, wilson
from trainer.thresholds.alarm_rule import is_watched, tally
from trainer.workflow.experiment import Experiment

Row = Mapping[str, object]


def write_csv(path: Path, rows: Sequence[Row]) -> None:
    """Rows of the same keys as CSV."""
    write_atomic(path, csv_bytes(rows))


def csv_bytes(rows: Sequence[Row]) -> bytes:
    """The CSV of rows of the same keys; of no rows the one column `empty`."""
    stream = io.StringIO()
    names = list(rows[0]) if rows else ["empty"]
    writer = csv.DictWriter(stream, names, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return stream.getvalue().encode()


def split_rows(split: Split) -> list[Row]:
    """path, label, group, split of every sample; where recordings are cut, start and stop."""
    cut = any(sample.span != (0.0, 1.0) for sample in split.dataset.samples)
    rows: list[Row] = []
    for sample, name in zip(split.dataset.samples, split.names(), strict=True):
        row: dict[str, object] = {
            "path": sample.path,
            "label": sample.label,
            "group": sample.group,
            "split": name,
        }
        if cut:
            row |= {"start": round(sample.span[0], 6), "stop": round(sample.span[1], 6)}
        rows.append(row)
    return rows


def prediction_rows(experiment: Experiment) -> list[Row]:
    """One row for each held-out sample, in the order of `split.test`.

    logit_*: the network's logits; for several windows the log of the joined probabilities.
    """
    return judged_rows(experiment, experiment.test)


def tag_rows(experiment: Experiment) -> list[Row]:
    """The raw tags of each held-out row, as prediction_rows orders them; nothing for series."""

    spec = experiment.spec.input
    if not isinstance(spec, TabularInput) or spec.window_rows > 1:
        return []
    table = sample_table(experiment.split.dataset, experiment.test.indices)
    names = [tag.name for tag in spec.tags]
    columns = [table.columns[find_column(table, name)[0]] for name in names]
    return [
        dict(zip(names, map(_cell, cells), strict=True)) for cells in zip(*columns, strict=True)
    ]


def _cell(cell: object) -> str:
    if isinstance(cell, float):
        return "" if np.isnan(cell) else f"{cell:.6g}"
    return str(cell)


def judged_rows(experiment: Experiment, judged: Judged) -> list[Row]:
    """The rows of `prediction_rows` for any judged samples of the split."""
    dataset = experiment.split.dataset
    names = experiment.spec.labels if experiment.spec.scoring.kind == "logits" else ["score"]
    rows: list[Row] = []
    for row, index in enumerate(judged.indices):
        judgement, sample = judged.judgements[row], dataset.samples[int(index)]
        logits = zip(names, judged.logits[row], strict=True)
        rows.append(
            {
                "sample": row,
                "path": sample.path,
                "label": sample.label if sample.value is None else f"{sample.value:.9g}",
                "predicted": judgement.label,
                "score": round(judgement.score, 8),
                "verdict": judgement.verdict.value,
                **{f"logit_{name}": round(float(value), 6) for name, value in logits},
                **_interval(judgement),
            }
        )
    return rows


def _interval(judgement: Judgement) -> dict[str, float]:
    if judgement.interval is None:
        return {}
    low, high = judgement.interval
    return {"low": round(low, 6), "high": round(high, 6)}


def metrics_of(experiment: Experiment) -> dict[str, object]:
    """metrics.json: figures of the held-out samples with intervals, protocol, baselines."""
    outcome, split = experiment.outcome, experiment.split
    scoring = experiment.spec.scoring
    return {
        "task": experiment.spec.task,
        "model": experiment.architecture.name,
        "parameters": int(experiment.fitted.model.count_params()),
        "protocol": split.protocol,
        "decisions": list(split.dataset.decisions),
        "seeds": [experiment.config.seed],
        "samples": {"train": len(split.train), "val": len(split.val), "test": len(split.test)},
        "held_out": held_out_figures(experiment),
        "per_class": _classes(experiment),
        "nuisance": disturbance_figures(experiment.judged_held_out),
        "localisation": localisation_figures(experiment.judged_held_out),
        "baselines": {
            **baseline_figures(outcome, experiment.baselines),
            **baseline_rankings(outcome, experiment.baseline_scores),
        },
        "opponent": experiment.opponent,
        "threshold": {"value": scoring.threshold, "chosen_by": scoring.chosen_by},
        "persistence": persistence_figures(experiment),
        "notes": list(experiment.fitted.notes),
    }


def persistence_figures(experiment: Experiment) -> dict[str, object]:
    """What k of n does on held-out readings, beside each reading alone; {} where none was asked."""
    asked, scoring = experiment.config.false_alarms, experiment.spec.scoring
    if asked is None or not is_watched(experiment.split.dataset):
        return {}
    runs = held_out_runs(experiment.judged_held_out)
    rules = {"chosen": scoring.persistence, "alone": Persistence()}
    return {
        "asked": asked,
        "chosen_by": scoring.persistence_chosen_by,
        "held_out": {
            name: tally(rule, runs, scoring.threshold).as_json() for name, rule in rules.items()
        },
    }


def _classes(experiment: Experiment) -> dict[str, dict[str, float]]:
    """Label -> precision, recall, f1, n, and where there are beliefs auroc, average_precision."""
    outcome = experiment.outcome
    if not outcome.classifies:
        return {}
    rows = class_rows(outcome)
    if experiment.spec.scoring.kind == "logits":
        beliefs = softmax(experiment.test.logits)
        for label, ranking in class_rankings(outcome.labels, outcome.truth, beliefs).items():
            rows[label] |= ranking
    return rows


def held_out_figures(experiment: Experiment) -> dict[str, dict[str, object]]:
    """The figures of the samples, and of single windows where samples have several."""
    outcome = experiment.outcome
    held = {name: figure.as_json() for name, figure in figures(outcome).items()}
    several = len(experiment.held_out.sample) > len(experiment.split.test)
    if several and outcome.classifies:
        right, owners = experiment.window_accuracy()
        held["window_accuracy"] = bootstrapped(
            lambda rows: float(right[rows].mean()), owners
        ).as_json()
    return held


def baseline_figures(
    outcome: Outcome, baselines: Mapping[str, np.ndarray]
) -> dict[str, dict[str, object]]:
    """Name -> accuracy of each trivial baseline on the same samples."""
    n = len(outcome.truth)
    if outcome.values is not None:
        return {}
    return {
        name: {"accuracy": wilson(int((guess == outcome.truth).sum()), n).as_json()}
        for name, guess in baselines.items()
    }


def baseline_rankings(
    outcome: Outcome, scores: Mapping[str, np.ndarray]
) -> dict[str, dict[str, object]]:
    """Name -> AUROC of each trivial score on the same samples."""
    bad = outcome.bad
    return {
        name: {"auroc": auroc_figure(bad, column, outcome.groups).as_json()}
        for name, column in scores.items()
        if bad.any() and not bad.all()
    }
