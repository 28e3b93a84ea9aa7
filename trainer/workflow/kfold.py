"""Grouped, stratified k-fold: every sample judged once by a network that saw none of its group."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge_agent.contracts.core.errors import ConfigError
from edge_agent.contracts.core.files import sha256_hex, write_atomic
from edge_agent.contracts.model.scoring import softmax
from edge_agent.contracts.run_folder.metrics import Metric
from trainer.config.fit import FitConfig
from trainer.console.progress import Progress, SilentProgress
from trainer.data.group_folds import (
    good_group_folds,
    group_folds,
    groups_per_label,
    never_learnt,
)
from trainer.data.samples import Dataset
from trainer.data.split import plan_split
from trainer.evaluation.label_errors import Doubt, probable_label_errors
from trainer.evaluation.outcome import Outcome, class_rankings, class_rows, figures, numbered
from trainer.workflow.experiment import Experiment, run_experiment
from trainer.workflow.int8_outputs import (
    FLOAT,
    INT8,
    int8_document,
    judged_where_converted,
    verdict_columns,
)
from trainer.workflow.usual_light import settled_light

FOLD = "drawn"
"""The name of the fold column where folds are drawn."""

NO_PART = "no_part"
"""The key that rows of frames without a part alone have."""

Row = dict[str, Any]


@dataclass(frozen=True)
class Judgements:
    """All samples judged out of fold by the networks of one seed, in the order of the data set.

    rows: path, label, group, fold, predicted, score, verdict, p_<label>, baseline_<name>; where the
    fold's network was converted, also int8_predicted, int8_score, int8_verdict; no_part, of a frame
    in which the fold's network saw none.
    """

    seed: int
    labels: list[str]
    good: list[str]
    rows: list[Row]

    def outcome(self, by: str = FLOAT) -> Outcome:
        """Truth beside what was said by the network of each fold, FLOAT or INT8."""
        truth = [row["label"] for row in self.rows]
        predicted = [row[f"{by}predicted"] for row in self.rows]
        classifies = self.probabilities() is not None
        undecided = np.array([row[f"{by}verdict"] == "NO-VERDICT" for row in self.rows], bool)
        unseen = np.array([NO_PART in row for row in self.rows], bool)
        return Outcome(
            **numbered(self.labels, truth, predicted, classifies=classifies)._asdict(),
            good=self.good,
            scores=np.array([row[f"{by}score"] for row in self.rows]),
            rejected=np.array([row[f"{by}verdict"] == "FAIL" for row in self.rows]),
            groups=[row["group"] for row in self.rows],
            undecided=undecided if undecided.any() else None,
            unseen=unseen if unseen.any() else None,
        )

    def probabilities(self) -> NDArray[np.float64] | None:
        """(N, K) in the order of `labels`; None for a detector."""
        keys = [f"p_{label}" for label in self.labels]
        if not all(key in row for row in self.rows for key in keys):
            return None
        return np.array([[row[key] for key in keys] for row in self.rows])


def with_folds(dataset: Dataset, folds: int, seed: int) -> Dataset:
    """The data set with its given folds, or with `folds` drawn ones that cut no group.

    Raises ConfigError where a label that is learnt has fewer groups than that.
    """
    if dataset.config.fold:
        return dataset
    aside = never_learnt(dataset)
    counts = {label: n for label, n in groups_per_label(dataset).items() if label not in aside}
    fewest = min(counts, key=lambda label: counts[label])
    most = counts[fewest]
    if not 3 <= folds <= most:
        take = f"take 3 to {most} folds, or " if most >= 3 else ""
        raise ConfigError(
            f"{folds} folds, and label {fewest!r} has {most} group{'s' * (most != 1)}",
            where="--folds",
            cure=f"{take}collect more groups: three of each label at least",
        )
    good_only = dataset.config.good_only
    drawn = (good_group_folds if good_only else group_folds)(dataset, folds, seed)
    samples = [replace(s, fold=str(n)) for s, n in zip(dataset.samples, drawn, strict=True)]
    config = dataset.config.model_copy(update={"fold": FOLD})
    by = "good groups stratified, every defect judged once" if good_only else "stratified by label"
    note = f"{folds} folds drawn, {by}, no group in two of them"
    return replace(dataset, config=config).with_samples(samples, note)


def judge_out_of_fold(
    dataset: Dataset,
    config: FitConfig,
    seeds: Sequence[int],
    progress: Progress | None = None,
    folder: Path | None = None,
    *,
    int8: bool = True,
) -> list[Judgements]:
    """Hold each fold out in turn, for each seed.

    folder: from which an interrupted cross-validation goes on; int8: each fold's network is also
    converted, and judges the same samples.
    """
    progress = progress or SilentProgress()
    values = sorted({sample.fold for sample in dataset.samples})
    mark = sha256_hex((config.model_dump_json() + dataset.sha256()).encode())[:16]
    judgements = []
    shown: dict[str, dict[str, bool | None]] = {}
    for seed in seeds:
        rows: list[Row] = []
        for value in values:
            file = folder / f"{mark}-seed{seed}-fold{value}.json" if folder else None
            if done := _finished(file, int8):
                rows += done
                continue
            progress.say(f"seed {seed}, fold {value} of {len(values)}")
            if value not in shown:
                shown[value] = _shown_as(dataset, config, seeds[0], value, progress)
            seeded = config.model_copy(update={"seed": seed})
            seeded = seeded.with_image(**shown[value])
            fold_rows = _fold_rows(dataset, seeded, value, progress, int8=int8)
            if file is not None:
                write_atomic(file, json.dumps(fold_rows).encode())
            rows += fold_rows
        judgements.append(Judgements(seed, dataset.labels, dataset.good, rows))
    return judgements


def over_seeds(judgements: Sequence[Judgements], by: str = FLOAT) -> dict[str, Metric]:
    """Each figure's mean over seeds; its interval reaches over those of all seeds."""
    each = [figures(one.outcome(by)) for one in judgements]
    joined = {}
    for name, first in each[0].items():
        if any(name not in one for one in each):
            continue  # of NO-VERDICT, which not every seed gave
        metrics = [figures_[name] for figures_ in each]
        low, high = min(f.ci95[0] for f in metrics), max(f.ci95[1] for f in metrics)
        spread = max(f.value for f in metrics) - min(f.value for f in metrics)
        how = f"{first.interval}, over {len(metrics)} seeds that differ by {spread:.4f}"
        mean = float(np.mean([figure.value for figure in metrics]))
        joined[name] = Metric(mean, (low, high), first.n, how)
    return joined


def label_doubts(judgements: Sequence[Judgements]) -> list[tuple[Doubt, Row]]:
    """Probable label errors by the mean probability over seeds, the surest first."""
    probabilities = [one.probabilities() for one in judgements]
    known = [one for one in probabilities if one is not None]
    if not known:
        return []
    first = judgements[0]
    given = np.array([first.labels.index(row["label"]) for row in first.rows], np.int64)
    return [
        (doubt, first.rows[doubt.row])
        for doubt in probable_label_errors(np.mean(known, axis=0), given)
        if NO_PART not in first.rows[doubt.row]
    ]


def baseline_shares(one: Judgements) -> dict[str, float]:
    """Name -> share of right labels of each trivial baseline, on the same samples; a guess on a
    frame without a part is none.
    """
    names = [key for key in one.rows[0] if key.startswith("baseline_")]
    return {
        name.removeprefix("baseline_"): float(
            np.mean([row[name] == row["label"] and NO_PART not in row for row in one.rows])
        )
        for name in names
    }


def document_of(dataset: Dataset, judgements: Sequence[Judgements]) -> dict[str, Any]:
    """All figures of the cross-validation as JSON."""
    outcome, probabilities = judgements[0].outcome(), judgements[0].probabilities()
    found = over_seeds(judgements)
    classes = class_rows(outcome) if outcome.classifies else {}
    if probabilities is not None:
        for label, ranking in class_rankings(outcome, probabilities).items():
            classes[label] |= ranking
    return {
        "protocol": f"{dataset.config.fold}: each fold held out once",
        "decisions": list(dataset.decisions),
        "seeds": [one.seed for one in judgements],
        "samples": len(judgements[0].rows),
        "groups": len({row["group"] for row in judgements[0].rows}),
        "figures": {name: figure.as_json() for name, figure in found.items()},
        "int8": _int8_document(judgements, found),
        "per_class": classes,
        "baselines": baseline_shares(judgements[0]),
        "label_doubts": [
            {
                "path": row["path"],
                "label": row["label"],
                "suggested": judgements[0].labels[doubt.suggested],
                "margin": round(doubt.margin, 4),
            }
            for doubt, row in label_doubts(judgements)
        ],
    }


def _int8_document(
    judgements: Sequence[Judgements], by_float: Mapping[str, Metric]
) -> dict[str, Any]:
    """What int8_document says; {} where not every fold's network was converted."""
    if not all(f"{INT8}score" in row for one in judgements for row in one.rows):
        return {}
    pairs = [(one.outcome(), one.outcome(INT8)) for one in judgements]
    return int8_document(pairs, by_float, over_seeds(judgements, INT8))


def _finished(file: Path | None, int8: bool) -> list[Row]:
    """The rows of a fold that is done; [] where int8 is asked for and they do not have it."""
    if file is None or not file.is_file():
        return []
    rows: list[Row] = json.loads(file.read_bytes())
    return rows if not int8 or all(f"{INT8}score" in row for row in rows) else []


def _shown_as(
    dataset: Dataset, config: FitConfig, seed: int, value: str, progress: Progress
) -> dict[str, bool | None]:
    """Whether parts are cut out and pictures standardised, by the samples outside of this fold, for
    every seed: settings of [image].
    """
    seeded = config.model_copy(update={"seed": seed, "held_out": [value]})
    settled = settled_light(plan_split(dataset, seeded), seeded, progress)
    image = settled.image
    return {"standardise": image.standardise, "cut_out": image.cut_out, "align": image.align}


def _fold_rows(
    dataset: Dataset, config: FitConfig, value: str, progress: Progress, *, int8: bool
) -> list[Row]:
    """The samples of one fold as the network that did not see it judges them."""
    split = plan_split(dataset, config.model_copy(update={"held_out": [value]}))
    experiment = run_experiment(split, config, "crossval")
    converted = judged_where_converted(experiment, progress) if int8 else None
    groups, labels = split.dataset.groups(), split.dataset.labels
    seen, rows = experiment.outcome.seen, []
    for row, index in enumerate(experiment.test.indices.tolist()):
        sample = split.dataset.samples[index]
        if sample.fold != value:
            continue
        line: Row = {"path": sample.path, "label": sample.label, "group": groups[index]}
        line |= {"fold": value, **verdict_columns(experiment.test, row)}
        line |= verdict_columns(converted, row, INT8) if converted else {}
        line |= _beliefs(experiment, row)
        if not seen[row]:
            line[NO_PART] = "yes"
        for name, guess in experiment.baselines.items():
            line[f"baseline_{name}"] = labels[int(guess[row])]
        rows.append(line)
    return rows


def _beliefs(experiment: Experiment, row: int) -> Row:
    """p_<label> of a classifier."""
    if experiment.spec.scoring.kind != "logits":
        return {}
    probabilities = softmax(experiment.test.logits[row]).tolist()
    named = zip(experiment.spec.labels, probabilities, strict=True)
    return {f"p_{name}": value for name, value in named}
