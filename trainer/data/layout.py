"""What a folder without dataset.toml holds, judged by names alone and said in sentences."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from edge_agent.contracts.core.errors import DatasetError
from edge_agent.contracts.core.files import files_below
from edge_agent.contracts.image.decode import IMAGE_SUFFIXES
from edge_agent.contracts.model.manifest import Task
from edge_agent.contracts.vibration.recordings import READERS
from trainer.data.dataset_toml import DatasetConfig, TabularColumns, VibrationColumns
from trainer.data.process.table import column_names, column_values

SPLIT_NAMES = {
    "train": "train",
    "training": "train",
    "val": "val",
    "valid": "val",
    "validation": "val",
    "test": "test",
}
"""Folder name -> split."""

GOOD_NAMES = ("good", "ok", "normal", "healthy", "pass", "free", "n")
LABEL_CSVS = ("labels.csv", "groups.csv")
LABEL_COLUMNS = ("label", "target", "class")


@dataclass(frozen=True)
class Placed:
    """A file with what its folders say."""

    path: str
    label: str
    split: str = ""
    mask: str = ""


def files_of(root: Path, kind: str) -> list[str]:
    """The images or recordings below `root` as sorted relative paths; hidden ones left out."""
    suffixes = IMAGE_SUFFIXES if kind == "image" else READERS.keys()
    return sorted(path.relative_to(root).as_posix() for path in files_below(root, suffixes))


def place_files(root: Path, paths: list[str]) -> list[Placed]:
    """Label and split of each file by its folders; files outside any class folder are left out."""
    masks = {path for path in paths if path.startswith("ground_truth/")}
    placed: list[Placed] = []
    for path in paths:
        parts = PurePosixPath(path).parts
        split = SPLIT_NAMES.get(parts[0].lower(), "") if len(parts) > 2 else ""
        folders = parts[1:-1] if split else parts[:-1]
        if path in masks or not folders:
            continue
        placed.append(Placed(path, folders[0], split, _mask_of(path, masks)))
    return placed


def detect(root: Path) -> tuple[DatasetConfig, list[str]]:
    """The configuration that the layout suggests, and the decisions taken."""
    table = _lone_table(root)
    if table is not None:
        return _detect_table(root, table)
    kind, paths = _majority_kind(root)
    placed = place_files(root, paths)
    csv = next((name for name in LABEL_CSVS if (root / name).is_file()), None)
    if not placed and csv is None:
        raise DatasetError(
            f"{len(paths)} {kind} files, but no class folders",
            where=str(root),
            cure="put them into one folder per class, or write dataset.toml with a labels CSV",
        )
    task, why = _task(kind, placed)
    good = [label for label in sorted({p.label for p in placed}) if looks_good(label)]
    config = DatasetConfig(
        task=task,
        good=good,
        labels=csv,
        vibration=VibrationColumns() if kind == "vibration" else None,
    )
    said = f"good labels by their names: {', '.join(good)}" if good else "no label sounds good"
    return config, [f"no dataset.toml: {why}, so task = {task!r}", said]


def looks_good(label: str) -> bool:
    """Whether a label's name says that the part is good."""
    words = label.lower().replace("-", "_").replace(" ", "_").split("_")
    return any(word in GOOD_NAMES for word in words) and "not" not in words and "no" not in words


def _task(kind: str, placed: list[Placed]) -> tuple[Task, str]:
    training = {item.label for item in placed if item.split == "train"}
    if len(training) == 1 and looks_good(next(iter(training))):
        task: Task = "image-anomaly" if kind == "image" else "vibration-anomaly"
        return task, "train holds good samples only"
    if training:
        return _class_task(kind), f"{kind} files in train|val|test/<class>"
    return _class_task(kind), f"{kind} files in class folders"


def _class_task(kind: str) -> Task:
    return "image-class" if kind == "image" else "vibration-class"


def _majority_kind(root: Path) -> tuple[str, list[str]]:
    images, recordings = files_of(root, "image"), files_of(root, "vibration")
    recordings = [path for path in recordings if path not in LABEL_CSVS]
    if not images and not recordings:
        raise DatasetError(
            "no images, recordings or tables",
            where=str(root),
            cure="name a folder with one sub-folder per class",
        )
    return ("image", images) if len(images) >= len(recordings) else ("vibration", recordings)


def _mask_of(path: str, masks: set[str]) -> str:
    pure = PurePosixPath(path)
    if len(pure.parts) < 3 or not masks:
        return ""
    name = f"ground_truth/{pure.parts[1]}/{pure.stem}"
    return next((m for m in (f"{name}_mask.png", f"{name}.png") if m in masks), "")


def _lone_table(root: Path) -> Path | None:
    tables = [p for p in root.iterdir() if p.suffix.lower() in (".csv", ".parquet")]
    folders = [p for p in root.iterdir() if p.is_dir() and not p.name.startswith(".")]
    lone = len(tables) == 1 and not folders and tables[0].name not in LABEL_CSVS
    return tables[0] if lone else None


def _detect_table(root: Path, table: Path) -> tuple[DatasetConfig, list[str]]:
    names = column_names(table)
    label = next((n for n in names if n.lower() in LABEL_COLUMNS), names[-1])
    values = Counter(column_values(table, label))
    few = len(values) <= 20
    task: Task = "tabular-class" if few else "tabular-regression"
    config = DatasetConfig(
        task=task,
        good=[v for v in sorted(values) if v in ("0", "0.0") or looks_good(v)] if few else [],
        tabular=TabularColumns(file=table.name, label=label),
    )
    why = f"one table {table.name}, label column {label!r} with {len(values)} different values"
    return config, [f"no dataset.toml: {why}, so task = {task!r}"]
