"""What a data set holds and what a fit would do with it, before anything is trained."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from edge_agent.contracts.core.errors import LinesideError
from edge_agent.contracts.core.folder_scan import printable
from edge_agent.contracts.image.cut_out import CutOut
from edge_agent.contracts.image.input import Region
from trainer.config.fit import FitConfig
from trainer.console.progress import Progress
from trainer.data.class_sample import evenly
from trainer.data.file_faults import Fault, Inspection, inspect_files
from trainer.data.group_folds import groups_per_label
from trainer.data.image.clipping import Clipping, clipping_as_standardised
from trainer.data.image.lying import LOOKED_AT, Lying, lying
from trainer.data.image.mask_faults import check_masks
from trainer.data.image.part_boxes import small_box
from trainer.data.process.tag_survey import inspect_tags
from trainer.data.samples import Dataset
from trainer.data.split import plan_split, refuse_single_label
from trainer.data.vibration.signals import RateGroup, SignalSurvey, survey_signals


@dataclass(frozen=True)
class LabelRow:
    """One label: its samples, its groups, and where the planned split puts its samples."""

    label: str
    good: bool
    samples: int
    groups: int
    train: int
    val: int
    test: int


@dataclass(frozen=True)
class Survey:
    """What `check` says. `protocol` is the planned split; `refusal` why there is none."""

    dataset: Dataset
    rows: list[LabelRow]
    protocol: str
    refusal: str
    decisions: tuple[str, ...]
    faults: list[Fault]
    identical: list[list[str]]
    rates: list[RateGroup]
    tags: list[str]
    doubts: list[str] = field(default_factory=list)
    light: Clipping | None = None
    lying: Lying | None = None
    part_box: CutOut | None = None

    def as_json(self) -> dict[str, object]:
        """The survey as plain values."""
        config = self.dataset.config
        return {
            "dataset": str(self.dataset.root),
            "task": config.task,
            "good": config.good,
            "labels_csv": config.labels,
            "group": config.group,
            "fold": config.fold,
            "samples": len(self.dataset.samples),
            "labels": {row.label: vars(row) for row in self.rows},
            "protocol": self.protocol,
            "refusal": self.refusal,
            "decisions": list(self.decisions),
            "rates_hz": [one.low_hz for one in self.rates],
            "tags": self.tags,
            "doubts": self.doubts,
            "light": vars(self.light) if self.light else None,
            "lying": self.lying.as_json() if self.lying else None,
            "part_box": self.part_box.model_dump() if self.part_box else None,
            "unlisted_files": self.dataset.unlisted,
            "left_out": [vars(one) for one in self.dataset.left_out],
            "faults": [vars(fault) for fault in self.faults],
            "identical": self.identical,
        }


def survey(dataset: Dataset, config: FitConfig, progress: Progress) -> Survey:
    """Count, plan the split, and read every file."""
    tags: list[str] = []
    if dataset.config.kind == "tabular":
        tags, faults = inspect_tags(dataset)
        inspection = Inspection(faults, [])
    else:
        inspection = inspect_files(dataset, progress)
    planned, protocol, refusal = dataset, "", ""
    names: Sequence[str] = [""] * len(dataset.samples)
    try:
        refuse_single_label(dataset)
        split = plan_split(dataset, config)
        planned, protocol, names = split.dataset, split.protocol, split.names()
    except LinesideError as error:
        refusal = str(error)
    rows = _rows(dataset, planned, names)
    signals = survey_signals(dataset) if dataset.config.vibration else SignalSurvey()
    masks = check_masks(dataset, progress)
    return Survey(
        dataset,
        rows,
        protocol,
        refusal,
        (*planned.decisions, *masks.notes),
        [*inspection.faults, *masks.faults, *_left_out(dataset)],
        inspection.identical,
        signals.rates,
        tags,
        [*_untested(rows), *signals.doubts],
        _light(dataset, inspection) if dataset.config.kind == "image" else None,
        _lying(dataset, inspection) if dataset.config.kind == "image" else None,
        _part_box(dataset, inspection) if dataset.config.kind == "image" else None,
    )


def _light(dataset: Dataset, inspection: Inspection) -> Clipping | None:
    """How much of good pictures is clipped; files that cannot be read are faults already."""
    return clipping_as_standardised(dataset, np.flatnonzero(_whole(dataset, inspection)))


def _lying(dataset: Dataset, inspection: Inspection) -> Lying | None:
    """How the good parts lie in the pictures that can be read."""
    if not dataset.good:
        return None
    return lying(dataset, np.flatnonzero(~dataset.is_bad() & _whole(dataset, inspection)))


def _part_box(dataset: Dataset, inspection: Inspection) -> CutOut | None:
    """The box of small parts, by some of the good ones that can be read."""
    good = np.flatnonzero(~dataset.is_bad() & _whole(dataset, inspection))
    return small_box(dataset, evenly(good, LOOKED_AT), Region()) if dataset.good else None


def _whole(dataset: Dataset, inspection: Inspection) -> NDArray[np.bool_]:
    broken = {fault.path for fault in inspection.faults}
    return np.array([sample.path not in broken for sample in dataset.samples], np.bool_)


def _left_out(dataset: Dataset) -> list[Fault]:
    """One fault for each reason why files that somebody put there are not read."""
    reasons: dict[str, list[str]] = defaultdict(list)
    for one in dataset.left_out:
        if not one.harmless:
            reasons[one.why].append(one.path)
    faults = []
    for why, paths in reasons.items():
        more = f", as {len(paths) - 1} more" if len(paths) > 1 else ""
        faults.append(Fault(printable(paths[0]), "left out", why + more))
    return faults


def _untested(rows: list[LabelRow]) -> list[str]:
    return [
        f"label {row.label!r} has no sample in the test split: nothing is known of how it is judged"
        for row in rows
        if row.test == 0 and any(other.test for other in rows)
    ]


def _rows(dataset: Dataset, planned: Dataset, names: Sequence[str]) -> list[LabelRow]:
    groups = groups_per_label(dataset)
    placed: dict[tuple[str, str], int] = defaultdict(int)
    for sample, name in zip(planned.samples, names, strict=True):
        placed[sample.label, name] += 1
    return [
        LabelRow(
            label,
            label in dataset.config.good,
            count,
            groups[label],
            *(placed[label, name] for name in ("train", "val", "test")),
        )
        for label, count in dataset.counts().items()
    ]
