"""Samples of a fit that a person should look at: odd good parts, doubtful labels, copies."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from edge_agent.contracts.run_folder.metrics import (
    DoubtedLabel,
    ExtremeGoodPart,
    GoodOnlyThreshold,
    LabelDoubts,
    RunMetrics,
)
from edge_agent.contracts.run_folder.write import write_thumbnails
from trainer.data.image.thumbnails import thumbnails
from trainer.data.prepare import read_durations
from trainer.data.samples import Dataset
from trainer.workflow.experiment import Experiment

MOST_PARTS = 6
MOST_DOUBTS = 12
MOST_LOST = 12

UNITS: Mapping[str, Literal["parts", "windows", "rows"]] = {
    "image": "parts",
    "vibration": "windows",
    "tabular": "rows",
}
"""What a good-only threshold is chosen on, by the kind of the data."""


def good_only_threshold(experiment: Experiment) -> GoodOnlyThreshold | None:
    """What the most extreme good parts do to the threshold; None where it has another source."""
    parts, dataset = experiment.good_parts, experiment.split.dataset
    if parts is None:
        return None
    shown = []
    for place in parts.extreme[:MOST_PARTS]:
        index = int(parts.samples[place])
        starts_s = None
        if parts.starts_s is not None:
            starts_s = round(_begin_s(dataset, index) + float(parts.starts_s[place]), 3)
        score = float(parts.scores[place])
        shown.append(
            ExtremeGoodPart(path=dataset.samples[index].path, score=score, starts_s=starts_s)
        )
    return GoodOnlyThreshold(
        threshold=parts.threshold,
        judged=len(parts.scores),
        unit=UNITS[dataset.config.kind],
        left_out=parts.left_out,
        with_all=parts.with_all,
        extreme_count=len(parts.extreme),
        extreme=shown,
        without_extreme=parts.without_extreme,
    )


def label_doubts(experiment: Experiment) -> LabelDoubts | None:
    """The training samples whose labels the cross-fitted network doubts; None without such one."""
    judged, dataset = experiment.judged_labels, experiment.split.dataset
    if judged is None:
        return None
    doubts, labels = judged.doubts(), experiment.spec.labels
    return LabelDoubts(
        judged=len(judged.samples),
        doubted=len(doubts),
        surest=[
            DoubtedLabel(
                path=dataset.samples[int(judged.samples[one.row])].path,
                label=labels[one.given],
                suggested=labels[one.suggested],
                belief=round(float(judged.probabilities[one.row, one.suggested]), 4),
                in_given=round(float(judged.probabilities[one.row, one.given]), 4),
            )
            for one in doubts[:MOST_DOUBTS]
        ],
    )


def write_shown_pictures(folder: Path, experiment: Experiment, metrics: RunMetrics) -> None:
    """thumbnails.json: the pictures that the report shows beside `metrics`, and held-out frames in
    which no part was seen.
    """
    dataset = experiment.split.dataset
    if dataset.config.kind != "image":
        return
    paths = [path for group in metrics.copy_groups for path in group.paths]
    paths += [one.path for one in metrics.good_only.extreme] if metrics.good_only else []
    paths += [one.path for one in metrics.label_doubts.surest] if metrics.label_doubts else []
    lost = experiment.split.test[~experiment.outcome.seen]
    paths += [dataset.samples[int(index)].path for index in lost[:MOST_LOST]]
    if paths:
        write_thumbnails(folder, thumbnails(dataset, paths))


def _begin_s(dataset: Dataset, index: int) -> float:
    """Where a sample begins in its recording, in seconds."""
    start, stop = dataset.samples[index].span
    if not start:
        return 0.0
    ((count, rate_hz),) = read_durations(dataset, [index])
    return start / (stop - start) * count / rate_hz
