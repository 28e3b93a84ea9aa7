"""Grouped, stratified k-fold: every sample judged once by a network that saw none of its group."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge_agent.contracts.core.errors import ConfigError
from edge_agent.contracts.core.files import sha256_hex, write_atomic
from edge_agent.contracts.model.scoring import softmax
from trainer.config.fit import FitConfig
from trainer.console.progress import Silent, Talk
from trainer.data.samples import Dataset
from trainer.data.split import group_folds, plan_split
from trainer.evaluation.label_errors import Doubt, probable_label_errors
from trainer.evaluation.outcome import Outcome, class_rankings, class_rows, figures
from trainer.statistics.metrics import Figure
from trainer.workflow.experiment import run_experiment

FOLD = "drawn"
"""The name of the fold column where folds are drawn."""

Row = dict[str, Any]


@dataclass(frozen=True)
class Judgements:
    """All samples judged out of fold by the networks of one seed, in the order of the data set.

    rows: path, label, group, fold, predicted, score, verdict, p_<label>, baseline_<name>.
    """

    seed: int
    labels: list[str]
    good: list[str]
    rows: list[Row]

    def outcome(self) -> Outcome:
        """Truth beside what was said."""
        labels = [*self.labels, *sorted({r["label"] for r in self.rows} - set(self.labels))]
        place = {label: number for number, label in enumerate(labels)}
        return Outcome(
            labels=labels,
            good=self.good,
            truth=np.array([place[row["label"]] for row in self.rows], np.int64),
            predicted=np.array([place.get(r["predicted"], -1) for r in self.rows], np.int64),
            scores=np.array([row["score"] for row in self.rows]),
            rejected=np.array([row["verdict"] == "FAIL" for row in self.rows]),
            groups=[row["group"] for row in self.rows],
        )

    def probabilities(self) -> NDArray[np.float64] | None:
        """(N, K) in the order of `labels`; None for a detector."""
        keys = [f"p_{label}" for label in self.labels]
        if not all(key in row for row in self.rows for key in keys):
            return None
        return np.array([[row[key] for key in keys] for row in self.rows])


def with_folds(dataset: Dataset, folds: int, seed: int) -> Dataset:
    """The data set with its given folds, or with `folds` drawn ones that cut no group."""
    if dataset.config.fold:
        return dataset
    groups: dict[str, set[str]] = {}
    for sample, group in zip(dataset.samples, dataset.groups(), strict=True):
        groups.setdefault(sample.label, set()).add(group)
    fewest = min(groups, key=lambda label: len(groups[label]))
    most = len(groups[fewest])
    if not 3 <= folds <= most:
        take = f"take 3 to {most} folds, or " if most >= 3 else ""
        raise ConfigError(
            f"{folds} folds, and label {fewest!r} has {most} group{'s' * (most != 1)}",
            where="--folds",
            cure=f"{take}collect more groups: three of each label at least",
        )
    drawn = group_folds(dataset, folds, seed)
    samples = [replace(s, fold=str(n)) for s, n in zip(dataset.samples, drawn, strict=True)]
    config = dataset.config.model_copy(update={"fold": FOLD})
    said = f"{folds} folds drawn, stratified by label, no group in two of them"
    return replace(dataset, config=config).with_samples(samples, said)


def judge_out_of_fold(
    dataset: Dataset,
    config: FitConfig,
    seeds: Sequence[int],
    talk: Talk | None = None,
    kept: Path | None = None,
) -> list[Judgements]:
    """Hold each fold out in turn, for each seed. `kept`: a folder from which an interrupted
    cross-validation goes on."""
    talk = talk or Silent()
    values = sorted({sample.fold for sample in dataset.samples})
    mark = sha256_hex((config.model_dump_json() + dataset.sha256()).encode())[:16]
    found = []
    for seed in seeds:
        rows: list[Row] = []
        for value in values:
            file = kept / f"{mark}-seed{seed}-fold{value}.json" if kept else None
            if file is not None and file.is_file():
                rows += json.loads(file.read_bytes())
                continue
            talk.say(f"seed {seed}, fold {value} of {len(values)}")
            mine = _fold_rows(dataset, config.model_copy(update={"seed": seed}), value)
            if file is not None:
                write_atomic(file, json.dumps(mine).encode())
            rows += mine
        found.append(Judgements(seed, dataset.labels, dataset.good, rows))
    return found


def over_seeds(found: Sequence[Judgements]) -> dict[str, Figure]:
    """Each figure's mean over seeds; its interval reaches over those of all seeds."""
    each = [figures(one.outcome()) for one in found]
    joined = {}
    for name, first in each[0].items():
        mine = [figures_[name] for figures_ in each]
        low, high = min(f.ci95[0] for f in mine), max(f.ci95[1] for f in mine)
        spread = max(f.value for f in mine) - min(f.value for f in mine)
        how = f"{first.interval}, over {len(mine)} seeds that differ by {spread:.4f}"
        mean = float(np.mean([figure.value for figure in mine]))
        joined[name] = Figure(mean, (low, high), first.n, how)
    return joined


def label_doubts(found: Sequence[Judgements]) -> list[tuple[Doubt, Row]]:
    """Probable label errors by the mean belief over seeds, the surest first."""
    beliefs = [one.probabilities() for one in found]
    known = [belief for belief in beliefs if belief is not None]
    if not known:
        return []
    first = found[0]
    given = np.array([first.labels.index(row["label"]) for row in first.rows], np.int64)
    return [
        (doubt, first.rows[doubt.row])
        for doubt in probable_label_errors(np.mean(known, axis=0), given)
    ]


def baseline_shares(one: Judgements) -> dict[str, float]:
    """Name -> share of right labels of each trivial baseline, on the same samples."""
    names = [key for key in one.rows[0] if key.startswith("baseline_")]
    return {
        name.removeprefix("baseline_"): float(
            np.mean([row[name] == row["label"] for row in one.rows])
        )
        for name in names
    }


def document_of(dataset: Dataset, found: Sequence[Judgements]) -> dict[str, Any]:
    """All figures of the cross-validation as JSON."""
    outcome, beliefs = found[0].outcome(), found[0].probabilities()
    classes = class_rows(outcome) if outcome.classifies else {}
    if beliefs is not None:
        for label, ranking in class_rankings(outcome.labels, outcome.truth, beliefs).items():
            classes[label] |= ranking
    return {
        "protocol": f"{dataset.config.fold}: each fold held out once",
        "decisions": list(dataset.decisions),
        "seeds": [one.seed for one in found],
        "samples": len(found[0].rows),
        "groups": len({row["group"] for row in found[0].rows}),
        "figures": {name: figure.as_json() for name, figure in over_seeds(found).items()},
        "per_class": classes,
        "baselines": baseline_shares(found[0]),
        "label_doubts": [
            {
                "path": row["path"],
                "label": row["label"],
                "suggested": found[0].labels[doubt.suggested],
                "margin": round(doubt.margin, 4),
            }
            for doubt, row in label_doubts(found)
        ],
    }


def _fold_rows(dataset: Dataset, config: FitConfig, value: str) -> list[Row]:
    """The samples of one fold as the network that did not see it judges them."""
    split = plan_split(dataset, config.model_copy(update={"held_out": [value]}))
    experiment = run_experiment(split, config, "crossval")
    groups, labels = split.dataset.groups(), experiment.spec.labels
    rows = []
    for row, index in enumerate(experiment.test.indices.tolist()):
        sample, judgement = split.dataset.samples[index], experiment.test.judgements[row]
        if sample.fold != value:
            continue
        line: Row = {
            "path": sample.path,
            "label": sample.label,
            "group": groups[index],
            "fold": value,
            "predicted": judgement.label,
            "score": judgement.score,
            "verdict": judgement.verdict.value,
        }
        if experiment.spec.scoring.kind == "logits":
            beliefs = softmax(experiment.test.logits[row]).tolist()
            line |= {f"p_{name}": belief for name, belief in zip(labels, beliefs, strict=True)}
        for name, guess in experiment.baselines.items():
            line[f"baseline_{name}"] = split.dataset.labels[int(guess[row])]
        rows.append(line)
    return rows
