"""From a folder to a Dataset: dataset.toml or the layout, the labels CSV, groups and folds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import get_args

from edge_agent.contracts.core.errors import ConfigError, DatasetError, InputError
from edge_agent.contracts.core.folder_scan import LeftOut, count_by_reason
from edge_agent.contracts.core.strict import validate
from edge_agent.contracts.core.suggestion import did_you_mean
from edge_agent.contracts.core.toml import read_toml_document
from edge_agent.contracts.model.manifest import Task
from edge_agent.contracts.vibration.recordings import Signals, recording_signals
from trainer.data.dataset_toml import DATASET_TOML, DatasetConfig, VibrationColumns
from trainer.data.labels_csv import read_labels, refuse_other_case, with_folder_splits
from trainer.data.layout_notes import layout_notes
from trainer.data.layouts.class_folders import read_class_folders
from trainer.data.layouts.detect import detect, scan_files
from trainer.data.layouts.mask_files import FoundMasks, find_masks
from trainer.data.layouts.stated import Stated, included, is_excluded
from trainer.data.names_below import defects_alone
from trainer.data.process.row_samples import process_dataset
from trainer.data.samples import Dataset, Sample
from trainer.data.vibration.common_axes import common_axes, without_ramps

TASKS: tuple[Task, ...] = get_args(Task)
CURE = "correct it (what a fit sets, as size_px and align, stands in the file of fit --config)"
"""Of dataset.toml: its tables share their names with those of a fit."""


def load_dataset(root: Path, *, group: str | None = None, fold: str | None = None) -> Dataset:
    """Read the table of samples; `group` and `fold` override dataset.toml.

    Another group than the file's own makes the file's folds meaningless: they are dropped.
    Raises DatasetError or ConfigError that names the file and the cure.
    """
    root = root.resolve()
    if not root.is_dir():
        fault = "is not a folder" if root.exists() else "no such folder"
        raise DatasetError(fault, where=str(root), cure="name the data set's folder")
    config, decisions = _configuration(root, grouped=bool(group or fold))
    if group is not None and group != config.group:
        config = config.model_copy(update={"group": group, "fold": None})
    if fold is not None:
        config = config.model_copy(update={"fold": fold})
    if config.kind == "tabular":
        process = process_dataset(root, config)
        return _with_known_good(replace(process, decisions=(*decisions, *process.decisions)))
    read = _from_csv if config.labels else _from_folders
    dataset = read(root, config, tuple(decisions))
    return _with_axes(_with_known_good(dataset))


def refuse_missing(dataset: Dataset) -> None:
    """Raise DatasetError where the labels name files that are not there."""
    if dataset.missing:
        raise DatasetError(
            f"{len(dataset.missing)} listed files are missing, the first {dataset.missing[0]}",
            where=str(dataset.root / (dataset.config.labels or "")),
            cure="restore them or take them out of the list",
        )


def _configuration(root: Path, grouped: bool) -> tuple[DatasetConfig, list[str]]:
    path = root / DATASET_TOML
    if not path.is_file():
        return detect(root, Stated(grouped))
    document, decisions = _with_task(root, read_toml_document(path), grouped)
    context = {"folder": root}
    config = validate(DatasetConfig, document, str(path), cure=CURE, context=context)
    if config.kind == "tabular" and config.tabular is None:
        raise ConfigError("[tabular] is missing", where=str(path), cure="name file and label")
    if config.kind == "vibration" and config.vibration is None:
        return config.model_copy(update={"vibration": VibrationColumns()}), decisions
    return config, decisions


def _with_task(
    root: Path, document: dict[str, object], grouped: bool
) -> tuple[dict[str, object], list[str]]:
    """The tables of dataset.toml; where they name no task, with what the layout tells beside them.

    Raises DatasetError with the reason why a layout tells none.
    """
    if "task" in document or "tabular" in document or "labels" in document:
        return document, []
    path, context = str(root / DATASET_TOML), {"folder": root}
    given = validate(
        DatasetConfig, {**document, "task": TASKS[0]}, path, cure=CURE, context=context
    )
    good = given.good if "good" in document else None
    stated = Stated(grouped or bool(given.group or given.fold), given.exclude, good)
    try:
        found, decisions = detect(root, stated)
    except DatasetError as error:
        place = "" if error.where == str(root) else f"{error.where}: "
        what = f"task: is missing, and the layout does not tell it: {place}{error.what}"
        cure = f"{error.cure}; or name the task, one of {', '.join(map(repr, TASKS))}"
        raise DatasetError(what, where=path, cure=cure) from error
    known = found.model_dump(exclude_unset=True, exclude_none=True)
    own, told = document.get("vibration", {}), known.get("vibration", {})
    if isinstance(own, dict) and told:
        document = {**document, "vibration": {**told, **own}}
    said = [one.replace("no dataset.toml", "dataset.toml names no task") for one in decisions]
    return {**known, **document}, said


def _refuse_columns_without_csv(root: Path, config: DatasetConfig) -> None:
    for column, name in ((config.group, "group"), (config.fold, "fold")):
        if column:
            raise ConfigError(
                f"{name} column {column!r} without a labels CSV",
                where=str(root / DATASET_TOML),
                cure='name the CSV: labels = "labels.csv"',
            )


def _from_folders(root: Path, config: DatasetConfig, decisions: tuple[str, ...]) -> Dataset:
    """The samples of class folders, and everything that lies there and is none."""
    _refuse_columns_without_csv(root, config)
    scan = scan_files(root, config.kind)
    kept = included(scan, config.exclude)
    excluded = sorted(set(scan.files) - set(kept.files))
    layout = read_class_folders(root, kept, config.kind, excluded, config.good)
    samples = tuple(
        Sample(one.path, one.label, split=one.split, masks=one.masks) for one in layout.samples
    )
    left_out = tuple(layout.left_out)
    decisions = (*decisions, *_of_masks(samples), *layout.notes)
    if not samples:
        reasons = "; ".join(count_by_reason(left_out)[:3])
        what = f"no samples ({reasons})" if reasons else "no samples"
        raise DatasetError(what, where=str(root), cure="check the folder and exclude")
    decisions = (*decisions, *layout_notes(samples, config.kind))
    cure = "rename their folders alike, or move the files of one into the other"
    refuse_other_case([one.label for one in samples], root, cure)
    return Dataset(root, config, samples, decisions, left_out=left_out)


def _from_csv(root: Path, config: DatasetConfig, decisions: tuple[str, ...]) -> Dataset:
    listed, said = with_folder_splits(read_labels(root, config), config)
    decisions = (*decisions, *said)
    kept = [sample for sample in listed if not is_excluded(sample.path, config.exclude)]
    there = tuple(sample for sample in kept if (root / sample.path).is_file())
    missing = tuple(sample.path for sample in kept if not (root / sample.path).is_file())
    _refuse_nothing(root, kept, there)
    there, found = _with_masks(root, config, there)
    decisions = (*decisions, *(_of_masks(there) if found.owner else []), *found.notes)
    unlisted = _unlisted(root, config, [*kept, *there])
    left_out = tuple(LeftOut(mask, found.why[mask]) for mask in found.unclear)
    return Dataset(root, config, there, decisions, missing, unlisted, left_out)


def _with_masks(
    root: Path, config: DatasetConfig, samples: tuple[Sample, ...]
) -> tuple[tuple[Sample, ...], FoundMasks]:
    """The samples with the masks that lie beside them, and what was found; as they are where the
    list names masks itself. Masks may be among what `exclude` leaves out of the samples.
    """
    if config.kind != "image" or any(one.masks for one in samples):
        return samples, FoundMasks()
    listed = {one.path for one in samples}
    found = find_masks(root, scan_files(root, config.kind).files, listed)
    masks_of = found.masks_of()
    return tuple(replace(one, masks=masks_of.get(one.path, ())) for one in samples), found


def _of_masks(samples: Sequence[Sample]) -> list[str]:
    """How many masks the samples have, and how many samples have several."""
    count = sum(len(one.masks) for one in samples)
    several = sum(len(one.masks) > 1 for one in samples)
    joined = f"; {several} pictures have several, which are joined" if several else ""
    return [f"{count} masks recognised; they are no samples{joined}"] if count else []


def _refuse_nothing(root: Path, listed: list[Sample], there: tuple[Sample, ...]) -> None:
    if there:
        return
    what = (
        f"none of {len(listed)} listed files is there, the first {root / listed[0].path}"
        if listed
        else "no samples"
    )
    raise DatasetError(what, where=str(root), cure="check the paths in the list, and exclude")


def _unlisted(root: Path, config: DatasetConfig, listed: list[Sample]) -> int:
    if not config.labels:
        return 0
    known = {sample.path for sample in listed} | {
        mask for sample in listed for mask in sample.masks
    }
    known.add(config.labels)
    return sum(
        path not in known and not is_excluded(path, config.exclude)
        for path in scan_files(root, config.kind).files
    )


def _with_known_good(dataset: Dataset) -> Dataset:
    unknown = [label for label in dataset.config.good if label not in dataset.labels]
    if not unknown:
        said = defects_alone(dataset)
        return replace(dataset, decisions=(*dataset.decisions, said)) if said else dataset
    raise ConfigError(
        f"good label {unknown[0]!r} occurs nowhere",
        where=str(dataset.root / DATASET_TOML),
        cure=did_you_mean(unknown[0], dataset.labels),
    )


def _signals(dataset: Dataset) -> list[tuple[str, Signals]]:
    """Path and signals of each recording that can be read; raises DatasetError where none can."""
    found: dict[str, Signals] = {}
    first: InputError | None = None
    for index, sample in enumerate(dataset.samples):
        if sample.path in found:
            continue
        try:
            found[sample.path] = recording_signals(dataset.file(index))
        except InputError as error:
            first = first or error
    if not found and first is not None:
        raise DatasetError(
            f"{first.what} (none of {len(dataset.samples)} recordings can be read)",
            where=first.where,
            cure=first.cure,
        )
    return list(found.items())


def _with_axes(dataset: Dataset) -> Dataset:
    """Where no axes are named, those that the recordings have in common."""
    columns = dataset.config.vibration
    if columns is None or columns.axes:
        return dataset
    recordings, ramps = without_ramps(_signals(dataset))
    common = common_axes(recordings)
    config = dataset.config.model_copy(
        update={"vibration": columns.model_copy(update={"axes": common.axes})}
    )
    notes = [f"no axes named: {common.why}"]
    if ramps:
        notes.append(
            f"{ramps} only rises at one pace, as times and counters do: it is no axis, unless you "
            "name it in axes = [...] under [vibration] in dataset.toml"
        )
    return replace(dataset, config=config, decisions=(*dataset.decisions, *notes))
