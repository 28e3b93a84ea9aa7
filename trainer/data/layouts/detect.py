"""The task of a folder without dataset.toml, judged by names and written down in sentences."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from edge_agent.contracts.core.errors import DatasetError
from edge_agent.contracts.core.folder_scan import FolderScan, scan_folder
from edge_agent.contracts.image.decode import IMAGE_SUFFIXES
from edge_agent.contracts.model.manifest import Task
from edge_agent.contracts.process.tables import Column, texts
from edge_agent.contracts.vibration.recordings import FRACTION, READERS
from edge_agent.contracts.vibration.wav import holds_fractions
from trainer.data.dataset_toml import DatasetConfig, TabularColumns, VibrationColumns
from trainer.data.labels_csv import read_table_here
from trainer.data.layouts.class_folders import FolderLayout, FolderSample, read_class_folders
from trainer.data.layouts.foreign import DAGM, TABLE, foreign_format
from trainer.data.layouts.foreign_tables import refuse_table
from trainer.data.layouts.good_names import meaning
from trainer.data.layouts.stated import Stated, included, is_excluded
from trainer.data.layouts.table_shape import refuse_long_format, refuse_one_hot
from trainer.data.process.target_leakage import holds_dates

LABEL_CSVS = ("labels.csv", "groups.csv")
LABEL_COLUMNS = ("label", "target", "class")
EXPECTED = frozenset(
    {"dataset.toml", "fit.toml", "labels.csv", "groups.csv", "copies.csv", ".md", ".pdf", "readme",
     "readme.txt", "license", "license.txt", "licence", "licence.txt"}
)  # fmt: skip
"""Names and suffixes of files that describe a data set."""
GROUP = "group"
USED = frozenset({"path", "label", "split", "mask", "rate_hz"})
"""Columns of a list of files that have a meaning of their own."""
GROUP_NAMES = frozenset(
    {GROUP, "batch", "charge", "lot", "lot_id", "machine", "part", "part_id", "run", "serial",
     "series"}
)  # fmt: skip
"""Names by which a column of a table of process data sounds like a group rather than a tag."""
MOST_NAMED = 5
MOST_VALUES = 20
"""Different values of a label column up to which it holds classes."""


def scan_files(root: Path, kind: str, labels: str | None = None) -> FolderScan:
    """The images or recordings below `root`, and everything else that lies there."""
    suffixes = IMAGE_SUFFIXES if kind == "image" else frozenset(READERS)
    also = EXPECTED | ({labels.lower()} if labels else set())
    scan = scan_folder(root, suffixes, also)
    scan.files = [path for path in scan.files if path not in also]
    return scan


def detect(root: Path, stated: Stated | None = None) -> tuple[DatasetConfig, list[str]]:
    """The configuration that the layout suggests, and the decisions taken.

    What is `stated` is neither looked for nor doubted. Raises DatasetError for a layout that is not
    read, and for a label of which the name does not say whether it is good.
    """
    stated = stated or Stated()
    images, recordings = (
        included(scan_files(root, kind), stated.exclude) for kind in ("image", "vibration")
    )
    table = _lone_table(root, images, stated)
    if table is not None:
        return _detect_table(root, table, stated)
    kind, scan = _majority_kind(root, images, recordings)
    csv = _labels_csv(root, images if kind == "image" else scan, stated)
    if csv is not None:
        return _detect_listed(root, kind, csv, stated)
    layout = read_class_folders(root, scan, kind, good=stated.good or ())
    if kind == "image":
        _refuse_foreign(root, scan, layout, stated)
    if not layout.samples:
        _refuse_tables(root, scan.files)
        raise DatasetError(
            f"{_counted_files(scan, layout, kind)}, but no class folders",
            where=str(root),
            cure="put them into one folder per class, or write labels.csv with path,label",
        )
    task, why = _task(kind, layout.samples, stated)
    labels = {one.label for one in layout.samples}
    config, decisions = _configured(root, task, kind, labels, stated)
    if layout.above:
        decisions.append(_above(layout.above, kind))
    return config, [f"no dataset.toml: {why}, so task = {task!r}", *decisions]


def _above(folders: Sequence[str], kind: str) -> str:
    """What the folders above the classes are taken for, and what to do where they say more."""
    speeds = ", and where they are speeds with rpm, in 1/min" if kind == "vibration" else ""
    return (
        f"the classes lie below {', '.join(folders[:5])}, which do not count as groups: for a "
        f"split by them write labels.csv with path,label,group{speeds}"
    )


def _counted_files(scan: FolderScan, layout: FolderLayout, kind: str) -> str:
    """`40 image files and 40 masks`."""
    masks = f" and {layout.masks} masks" if layout.masks else ""
    return f"{len(scan.files) - layout.masks} {kind} files{masks}"


def good_labels(root: Path, task: str, labels: set[str]) -> tuple[list[str], str]:
    """The labels whose names say that a part is good, and a sentence about it.

    Raises DatasetError for a label that is half a good one.
    """
    meanings = {label: meaning(label) for label in sorted(labels)}
    unsure = [label for label, what in meanings.items() if what == "unsure"]
    if unsure:
        raise DatasetError(
            f"the name of label {unsure[0]!r} does not say whether the part is good",
            where=str(root),
            cure=f'write dataset.toml with task = "{task}" and good = [...]',
        )
    good = [label for label, what in meanings.items() if what == "good"]
    bad = [label for label in meanings if label not in good]
    if not good:
        return [], "no label sounds good"
    return good, f"good labels by their names: {', '.join(good)}; defects: {', '.join(bad) or None}"


def _configured(
    root: Path, task: Task, kind: str, labels: set[str], stated: Stated, csv: str | None = None
) -> tuple[DatasetConfig, list[str]]:
    good, sentence = good_labels(root, task, labels) if stated.good is None else ([], "")
    vibration = VibrationColumns(unit=_unit(root)) if kind == "vibration" else None
    notes = [sentence] if sentence else []
    if vibration is not None and vibration.unit == FRACTION:
        notes.append("samples are fractions of full scale, not g: unit = 'fs'")
    config = DatasetConfig(task=task, labels=csv, vibration=vibration)
    return _with_good(config, good), notes


def _with_good(config: DatasetConfig, good: list[str]) -> DatasetConfig:
    """Nobody has said that no label is good: an empty list is not set."""
    return config.model_copy(update={"good": good}) if good else config


def _unit(root: Path) -> str:
    """fs where the first .wav holds whole numbers."""
    first = next(
        (path for path in scan_files(root, "vibration").files if path.endswith(".wav")), ""
    )
    return FRACTION if first and holds_fractions(root / first) else "g"


def _detect_listed(
    root: Path, kind: str, csv: str, stated: Stated
) -> tuple[DatasetConfig, list[str]]:
    columns = read_table_here(root / csv).columns
    labels = {str(cell) for cell in columns.get("label", np.array([]))} - {""}
    config, decisions = _configured(root, _class_task(kind), kind, labels, stated, csv)
    decisions.insert(0, f"no dataset.toml: {kind} files listed in {csv}, so task = {config.task!r}")
    if stated.grouped:
        return config, decisions
    config, said = _grouped(config, columns, csv)
    return config, [*decisions, *said]


def _grouped(
    config: DatasetConfig, columns: Mapping[str, Column], csv: str
) -> tuple[DatasetConfig, list[str]]:
    """With the column `group` as the group; else the columns that could be one are named."""
    if GROUP in columns:
        said = f"column {GROUP!r} of {csv} tells which files belong together"
        return config.model_copy(update={"group": GROUP}), [said]
    few = _repeated({name: cells for name, cells in columns.items() if name not in USED})
    if not few:
        return config, []
    return config, [
        f"no column of {csv} keeps files together in the split, though it has {_counted(few)}: "
        f"where files of one value must not be torn apart, give --group {next(iter(few))}, or call "
        f"the column {GROUP} in {csv}"
    ]


def _repeated(columns: Mapping[str, Column]) -> dict[str, int]:
    """Different values of each column that has several, and some of them more than once."""
    counts = {name: len(set(cells.tolist())) for name, cells in columns.items()}
    return {name: count for name, count in counts.items() if 1 < count < len(columns[name])}


def _counted(columns: Mapping[str, int]) -> str:
    named = [f"{name} ({values} values)" for name, values in columns.items()]
    return ", ".join(named[:MOST_NAMED])


def _task(kind: str, placed: list[FolderSample], stated: Stated) -> tuple[Task, str]:
    training = {item.label for item in placed if item.split == "train"}
    good = stated.good
    is_good = [meaning(one) == "good" if good is None else one in good for one in training]
    if training and all(is_good):
        task: Task = "image-anomaly" if kind == "image" else "vibration-anomaly"
        return task, "train holds good samples only"
    if training:
        return _class_task(kind), f"{kind} files in train|val|test/<class>"
    return _class_task(kind), f"{kind} files in class folders"


def _class_task(kind: str) -> Task:
    return "image-class" if kind == "image" else "vibration-class"


def _majority_kind(
    root: Path, images: FolderScan, recordings: FolderScan
) -> tuple[str, FolderScan]:
    tables = {".csv", ".parquet"}
    signals = [path for path in recordings.files if Path(path).suffix.lower() not in tables]
    beside = images.files and not signals and not any("/" in path for path in recordings.files)
    if not images.files and not recordings.files:
        raise _nothing_read(root, images)
    if beside or len(images.files) >= len(recordings.files):
        return "image", images
    return "vibration", recordings


def _nothing_read(root: Path, scan: FolderScan) -> DatasetError:
    """The error of a folder without a file that is read: what lies there is told by suffix."""
    unread = [one.path for one in scan.left_out if one.why.endswith("not read")]
    if not unread:
        return DatasetError(
            "no images, recordings or tables",
            where=str(root),
            cure="name a folder with one sub-folder per class",
        )
    counts = Counter(Path(path).suffix.lower() for path in unread)
    named = [
        f"{count} {suffix or 'without a suffix'}"
        for suffix, count in counts.most_common(MOST_NAMED)
    ]
    return DatasetError(
        f"{len(unread)} files, none of a format that is read: {', '.join(named)}",
        where=str(root),
        cure=f"recordings are {' '.join(sorted(READERS))}: give text that holds a table of numbers "
        "the suffix .csv, and export the others as one of these, in the same folders; process data "
        "in a .txt or .tsv: name it as `file` of [tabular] in dataset.toml",
    )


def _labels_csv(root: Path, scan: FolderScan, stated: Stated) -> str | None:
    """labels.csv, groups.csv, or the only table at the root that has the columns path and label."""
    named = next((name for name in LABEL_CSVS if (root / name).is_file()), None)
    if named is not None:
        return named
    tables = [
        path
        for path in sorted(root.glob("*.csv"))
        if path.is_file() and not is_excluded(path.name, stated.exclude)
    ]
    fitting = [path for path in tables if {"path", "label"} <= set(read_table_here(path).columns)]
    if len(fitting) == 1:
        return fitting[0].name
    if len(tables) == 1 and not any("/" in path for path in scan.files) and scan.files:
        raise refuse_table(root, [tables[0].name])
    return None


def _refuse_foreign(root: Path, scan: FolderScan, layout: FolderLayout, stated: Stated) -> None:
    """Another tool's layout is refused, unless class folders are there all the same: those of DAGM
    are kinds of parts, of which none is good.
    """
    labels = {one.label for one in layout.samples}
    paths = [*scan.files, *(one.path for one in scan.left_out)]
    name, cure = foreign_format(paths)
    has_good = stated.good is not None or "good" in map(meaning, labels)
    if len(labels) > 1 and (name != DAGM or has_good):
        return
    if name == TABLE:
        raise refuse_table(root, [path for path in paths if path.lower().endswith(".csv")])
    if name:
        raise DatasetError(f"{name}: not read", where=str(root), cure=cure)


def _refuse_tables(root: Path, files: list[str]) -> None:
    """Several tables and no class folders: process data is one table."""
    if all(path.lower().endswith((".csv", ".parquet")) for path in files):
        raise DatasetError(
            f"{len(files)} tables, but no class folders",
            where=str(root),
            cure="process data: join them, or name one as `file` of [tabular] in dataset.toml; "
            "recordings: one folder per class, or labels.csv with path,label",
        )


def _lone_table(root: Path, images: FolderScan, stated: Stated) -> Path | None:
    tables = [
        path
        for path in root.iterdir()
        if path.suffix.lower() in (".csv", ".parquet")
        and not is_excluded(path.name, stated.exclude)
    ]
    folders = [p for p in root.iterdir() if p.is_dir() and not p.name.startswith(".")]
    lone = len(tables) == 1 and not folders and tables[0].name not in LABEL_CSVS
    return tables[0] if lone and not images.files else None


def _detect_table(root: Path, table: Path, stated: Stated) -> tuple[DatasetConfig, list[str]]:
    content = read_table_here(table)
    names = list(content.columns)
    if not any(name.lower() in LABEL_COLUMNS for name in names):
        refuse_long_format(table, content.columns)
        refuse_one_hot(table, content.columns)
    label = next((n for n in names if n.lower() in LABEL_COLUMNS), names[-1])
    values = Counter(texts(content, label).tolist())
    few = len(values) <= MOST_VALUES
    task: Task = "tabular-class" if few else "tabular-regression"
    why = f"one table {table.name}, label column {label!r} with {len(values)} different values"
    ask = few and stated.good is None
    good, sentence = _good_values(root, label, set(values)) if ask else ([], "")
    dates = [name for name in names if name != label and holds_dates(content.columns[name])]
    columns = TabularColumns(file=table.name, label=label, exclude=dates)
    tagged = "" if stated.grouped else _tagged(content.columns, label)
    left_out = f"no tag, since it holds dates or times: {', '.join(dates)}" if dates else ""
    decisions = [f"no dataset.toml: {why}, so task = {task!r}", sentence, left_out, tagged]
    config = _with_good(DatasetConfig(task=task, tabular=columns), good)
    return config, [decision for decision in decisions if decision]


def _tagged(columns: Mapping[str, Column], label: str) -> str:
    """What a tag is asked that sounds like a group; "" where none does."""
    named = {
        name: cells
        for name, cells in columns.items()
        if name != label and name.casefold() in GROUP_NAMES
    }
    few = _repeated(named)
    if not few:
        return ""
    return (
        f"{_counted(few)} is taken as a tag: where rows of one value belong together, as those of "
        f"one lot do, give --group {next(iter(few))}"
    )


def _good_values(root: Path, column: str, values: set[str]) -> tuple[list[str], str]:
    """0 and 1 mean what the column's name says: 1 is bad in `failed`, and good in `passed`."""
    truth = {value: _truth(value) for value in values - {""}}
    if any(is_bad is None for is_bad in truth.values()) or len(set(truth.values())) < 2:
        return good_labels(root, "tabular-class", values - {""})
    wanted = {"bad": False, "good": True}.get(meaning(column))
    if wanted is None:
        raise DatasetError(
            f"column {column!r} does not say whether 0 or 1 is good",
            where=str(root),
            cure='write dataset.toml with task = "tabular-class", good = ["0"] or ["1"], and '
            "[tabular] with file and label",
        )
    good = sorted(value for value, is_bad in truth.items() if is_bad is wanted)
    return good, f"good labels by the name of column {column!r}: {', '.join(good)}"


def _truth(value: str) -> bool | None:
    return {"0": False, "0.0": False, "false": False, "1": True, "1.0": True, "true": True}.get(
        value.strip().lower()
    )
