"""What crossval writes where it leaves conditions out: leave_out.json and out_of_fold.csv."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from edge_agent.contracts.core.files import write_atomic
from edge_agent.contracts.run_folder.files import csv_bytes
from trainer.config.fit import FitConfig
from trainer.console.progress import Progress
from trainer.console.tf_log import quiet_tensorflow
from trainer.data.image.mask_faults import refuse_bad_masks
from trainer.data.layout_notes import left_out_notes
from trainer.data.load import load_dataset, refuse_missing
from trainer.evaluation.outcome import figures
from trainer.run_folder.target import slug
from trainer.workflow.asked_dataset import with_task_of
from trainer.workflow.crossval import Choice, Fold, cross_validate, pooled_outcome, window_figure
from trainer.workflow.int8_outputs import INT8, int8_document, verdict_columns
from trainer.workflow.leave_out import protocol_of
from trainer.workflow.weights_advice import weights_advice


def run_leave_out(
    root: Path,
    config: FitConfig,
    leave_out: str,
    choices: Sequence[Choice],
    out: Path | None,
    progress: Progress,
    *,
    int8: bool = True,
) -> dict[str, Any]:
    """Leave each value of the condition out once, and write the files into `out`.

    Returns what leave_out.json holds. out: by default runs/DATASET-leave-out-COLUMN; int8: also
    judge by each int8 network.
    """
    dataset = load_dataset(root, group=config.group, fold=config.fold)
    dataset = with_task_of(dataset, config.model)
    refuse_missing(dataset)
    refuse_bad_masks(dataset, progress)
    protocol = protocol_of(dataset, leave_out)
    advice = weights_advice(config, dataset)
    for line in (*left_out_notes(dataset), protocol.sentence, *advice):
        progress.say(line)
    quiet_tensorflow()
    folds = cross_validate(dataset, protocol, config, choices, progress, int8=int8)
    folder = out or Path("runs") / slug(f"{dataset.root.name}-leave-out-{leave_out}")
    document = {"protocol": protocol.sentence, **document_of(folds), "folder": str(folder)}
    document["warnings"] = advice
    write_atomic(folder / "out_of_fold.csv", csv_bytes([r for fold in folds for r in _rows(fold)]))
    text = json.dumps(document, indent=1, ensure_ascii=False)
    write_atomic(folder / "leave_out.json", (text + "\n").encode())
    return document


def document_of(folds: Sequence[Fold]) -> dict[str, Any]:
    """The folds and the figures over all of them as JSON."""
    classifies = folds[0].experiment.spec.scoring.kind == "logits"
    name = "window_accuracy" if classifies else "verdict_accuracy"
    before = pooled_outcome(folds)
    found = {name: window_figure([fold.windows for fold in folds]), **figures(before)}
    document: dict[str, Any] = {
        "folds": [_fold_row(fold, name) for fold in folds],
        "figures": {key: figure.as_json() for key, figure in found.items()},
        "int8": {},
    }
    hits = [fold.hits(fold.int8) for fold in folds if fold.int8 is not None]
    if len(hits) == len(folds):
        after = pooled_outcome(folds, int8=True)
        converted = {name: window_figure(hits), **figures(after)}
        document["int8"] = int8_document([(before, after)], found, converted)
    return document


def _fold_row(fold: Fold, name: str) -> dict[str, object]:
    right, _ = fold.windows
    row: dict[str, object] = {
        "held_out": fold.value,
        "windows": len(right),
        name: round(float(right.mean()), 4),
    }
    if fold.int8 is not None:
        row[f"{INT8}{name}"] = round(float(fold.hits(fold.int8)[0].mean()), 4)
    return row | {"chosen": fold.chosen, "tried": [round(share, 4) for share in fold.tried]}


def _rows(fold: Fold) -> list[dict[str, object]]:
    """The held-out samples, as out_of_fold.csv lists them."""
    dataset, rows = fold.experiment.split.dataset, []
    for place, index in enumerate(fold.experiment.test.indices.tolist()):
        sample = dataset.samples[index]
        row: dict[str, object] = {"path": sample.path, "label": sample.label, "fold": fold.value}
        row |= {"start": round(sample.span[0], 6), "stop": round(sample.span[1], 6)}
        row |= verdict_columns(fold.experiment.test, place)
        row |= verdict_columns(fold.int8, place, INT8) if fold.int8 is not None else {}
        rows.append(row)
    return rows
