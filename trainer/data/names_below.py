"""What folders and file names below the labels say of good and bad, held against the labels."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from edge_agent.contracts.core.errors import DatasetError
from trainer.data.layouts.good_names import meaning, told_by_all
from trainer.data.layouts.split_names import split_of
from trainer.data.samples import Dataset, Sample

GOOD_IN_FILES = frozenset({"ok", "good", "normal", "healthy"})
BAD_IN_FILES = frozenset(
    {"ng", "nok", "bad", "def", "defect", "defective", "anomal", "anomaly", "anomalies",
     "anomalous", "abnormal", "faulty"}
)  # fmt: skip
"""Words that say it within a file name, where short words are often something else."""
BAD_IN_FOLDERS = BAD_IN_FILES | {"damaged", "broken", "failed", "reject", "rejected"}
"""Words of which a folder's name may consist: short ones of other languages are lots and days."""
_NEGATED = frozenset({"no", "not", "non", "without", "free"})
IGNORE = 'names_below = "ignore" in dataset.toml'
MOST_NAMED = 4


@dataclass(frozen=True)
class Below:
    """The first folders, or files, below one label whose names say good or bad; empty: none does.

    in_files: the file names say it, each of them, some the one and some the other.
    """

    label: str
    good: str = ""
    bad: str = ""
    in_files: bool = False


def refuse_names_below(dataset: Dataset) -> None:
    """Raise DatasetError where names below a label say another thing than the label.

    A list of files says of each one what it is, and is not doubted.
    """
    config = dataset.config
    if config.labels or config.kind == "tabular" or config.names_below == "ignore":
        return
    for label in dataset.labels:
        below = names_below(label, [one for one in dataset.samples if one.label == label])
        if label in dataset.good:
            if below.bad and not (below.in_files and meaning(label) == "good"):
                what = (
                    f"label {label!r} is good, but {below.bad} is below it, a bad one by its name"
                )
                raise DatasetError(what, where=str(dataset.root), cure=_cure(dataset, below))
        elif (
            meaning(label) == "unknown"
            and below.good
            and below.bad
            and not (below.in_files and dataset.good)
        ):
            what = (
                f"label {label!r} says nothing of good and bad, but names below it do: "
                f"{below.good}, {below.bad}"
            )
            raise DatasetError(what, where=str(dataset.root), cure=_cure(dataset, below))


def names_below(label: str, samples: Sequence[Sample]) -> Below:
    """What folders below the label's say, or else its file names, of which each must say it."""
    folders = sorted({folder for one in samples for folder in folders_below(one)})
    said = [
        (folder, told_by_all(PurePosixPath(folder).name, GOOD_IN_FILES, BAD_IN_FOLDERS))
        for folder in folders
    ]
    bad = next((folder for folder, what in said if what == "bad"), "")
    good = next((folder for folder, what in said if what == "good"), "")
    if bad or good:
        return Below(label, good, bad)
    words = [(one.path, _in_file_name(one.path)) for one in samples]
    if {word for _, word in words} != {"good", "bad"}:
        return Below(label)
    first = {word: path for path, word in reversed(words)}
    return Below(label, first["good"], first["bad"], in_files=True)


def folders_below(sample: Sample) -> list[str]:
    """The folders from the label's down to the file, as paths; those of a split are none."""
    folders = PurePosixPath(sample.path).parts[:-1]
    if sample.label not in folders:
        return []
    start = len(folders) - folders[::-1].index(sample.label)
    return [
        "/".join(folders[: end + 1])
        for end in range(start, len(folders))
        if not split_of(folders[end])
    ]


def defects_alone(dataset: Dataset) -> str:
    """What is learnt where dataset.toml says `good = []`, and what else could be meant; "" where
    nothing else could, or where that is not said.
    """
    config = dataset.config
    if config.good or "good" not in config.model_fields_set or config.good_only:
        return ""
    likely = [label for label in dataset.labels if meaning(label) == "good"]
    said = [f"the name of {likely[0]} says that it is good"] if likely else []
    said += [other] if (other := below_unknown(dataset)) else []
    if not said:
        return ""
    return (
        f"good = []: each of {_some(dataset.labels)} is learnt as a kind of defect, and every part "
        f"FAILs. But {'; '.join(said)}"
    )


def below_unknown(dataset: Dataset) -> str:
    """What else could be the labels, where no label is known as good; "" where nothing could."""
    said = [_numbered_alike(dataset), _sub_folders(dataset)]
    if dataset.samples and all(one.masks for one in dataset.samples):
        said.append(
            "each picture has a mask: where an empty one means a good part, list each picture as "
            "ok or defect in labels.csv with path,label,mask,group"
        )
    return "; ".join(one for one in said if one)


def _numbered_alike(dataset: Dataset) -> str:
    """Folders that are called like parts or speeds, which a list may name beside the labels."""
    labels = dataset.labels
    stems = {re.sub(r"\d+", "", label) for label in labels}
    listed = dataset.config.labels or dataset.config.kind == "tabular"
    if listed or len(labels) < 3 or len(stems) > 1 or stems == {""}:
        return ""
    alike = (
        f"{_some(labels)} differ by a number alone, as parts or lots do rather than defects: where "
        "they are such, list each file in labels.csv with path,label,group, its folder as the group"
    )
    if not dataset.config.vibration:
        return alike
    return f"{alike}; speeds belong into a column rpm of labels.csv, path,label,rpm"


def _sub_folders(dataset: Dataset) -> str:
    """Which labels hold further folders, which may be the labels that are meant."""
    found: dict[str, set[str]] = {}
    for sample in dataset.samples:
        below = folders_below(sample)
        if below and not dataset.config.labels:
            found.setdefault(str(PurePosixPath(below[0]).parent), set()).add(below[0])
    several = {parent: folders for parent, folders in found.items() if len(folders) > 1}
    if not several:
        return ""
    parent, folders = next(iter(several.items()))
    names = _some(sorted(PurePosixPath(folder).name for folder in folders))
    return (
        f"{parent} holds the folders {names}: where such are the labels, name "
        f"{dataset.root / _above_splits(parent)} in place of this folder{_or_their_good(dataset)}"
    )


def _or_their_good(dataset: Dataset) -> str:
    """The other cure, which needs a folder below the label of each file, and no split above it."""
    if any(one.split or not folders_below(one) for one in dataset.samples):
        return ""
    return ", or the good ones of all such folders: good = [...] in dataset.toml"


def _in_file_name(path: str) -> str:
    words = set(re.split(r"[^a-z]+", PurePosixPath(path).stem.lower()))
    if words & _NEGATED:
        return ""
    good, bad = bool(words & GOOD_IN_FILES), bool(words & BAD_IN_FILES)
    return "" if good == bad else "good" if good else "bad"


def _cure(dataset: Dataset, below: Below) -> str:
    listed = (
        'list each file in labels.csv with path,label,split (labels = "labels.csv" of dataset.toml)'
    )
    folder = PurePosixPath(below.bad).parent
    if below.in_files:
        first = f"sort the files by these words into folders, as {folder}/bad and {folder}/good"
    elif below.good:
        first = f"name {dataset.root / _above_splits(str(folder))} in place of this folder"
    else:
        first = f"move {below.bad} out of the folder {below.label}"
    return f"{first}; or {listed}; or {IGNORE}, where these names mean nothing"


def _above_splits(folder: str) -> str:
    pure = PurePosixPath(folder)
    while split_of(pure.name):
        pure = pure.parent
    return str(pure)


def _some(names: Sequence[str]) -> str:
    more = f" ... of {len(names)}" if len(names) > MOST_NAMED else ""
    return ", ".join(names[:MOST_NAMED]) + more
