"""What crossval writes: crossval.json, out_of_fold.csv, label_doubts.csv, and finished folds."""

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
from trainer.data.image.near_duplicates import survey_copies, with_proposed_groups
from trainer.data.layout_notes import left_out_notes
from trainer.data.load import refuse_missing
from trainer.data.split_guard import MOST_SAMPLES, column_of
from trainer.run_folder.target import slug
from trainer.workflow.asked_dataset import load_asked
from trainer.workflow.kfold import (
    NO_PART,
    Judgements,
    Row,
    document_of,
    judge_out_of_fold,
    with_folds,
)
from trainer.workflow.weights_advice import weights_advice

LINES_OF_DOUBT = ("path", "label", "suggested", "margin")


def run_kfold(
    root: Path,
    config: FitConfig,
    folds: int,
    seeds: int,
    out: Path | None,
    progress: Progress,
    *,
    int8: bool = True,
) -> dict[str, Any]:
    """Cross-validate the data set at `root` and write the files into `out`; returns crossval.json.

    out: by default runs/DATASET-crossval, from where an interrupted one goes on; seeds: how many,
    from the configuration's on; int8: also judge by each fold's int8 network.
    """
    dataset = load_asked(root, config)
    refuse_missing(dataset)
    refuse_bad_masks(dataset, progress)
    named = dataset.config.group or dataset.config.fold
    wanted = config.group is not None and column_of(config) is None
    small_images = dataset.config.kind == "image" and len(dataset.samples) <= MOST_SAMPLES
    if wanted or (small_images and not named):
        dataset = with_proposed_groups(dataset, survey_copies(dataset, progress))
    folder = out or Path("runs") / f"{slug(dataset.root.name)}-crossval"
    dataset = with_folds(dataset, folds, config.seed)
    advice = weights_advice(config, dataset)
    for line in (*dataset.decisions, *left_out_notes(dataset), *advice):
        progress.say(line)
    quiet_tensorflow()
    drawn = range(config.seed, config.seed + seeds)
    judgements = judge_out_of_fold(dataset, config, drawn, progress, folder / "folds", int8=int8)
    document = document_of(dataset, judgements) | {"folder": str(folder)}
    document["warnings"] = advice
    write_atomic(folder / "out_of_fold.csv", csv_bytes(rows_out_of_fold(judgements)))
    doubts = document["label_doubts"] or [dict.fromkeys(LINES_OF_DOUBT, "")]
    write_atomic(folder / "label_doubts.csv", csv_bytes(doubts))
    text = json.dumps(document, indent=1, ensure_ascii=False)
    write_atomic(folder / "crossval.json", (text + "\n").encode())
    return document


def rows_out_of_fold(judgements: Sequence[Judgements]) -> list[Row]:
    """Those of all seeds; with a column of frames without a part where there are any."""
    rows = [{"seed": one.seed, **row} for one in judgements for row in one.rows]
    if not any(NO_PART in row for row in rows):
        return rows
    return [{**row, NO_PART: row.get(NO_PART, "")} for row in rows]
