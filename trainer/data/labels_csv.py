"""The labels CSV of a data set: path,label and whatever else is known of each file."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path, PurePosixPath, PureWindowsPath

from edge_agent.contracts.core.errors import DatasetError, InputError
from edge_agent.contracts.core.suggestion import did_you_mean
from edge_agent.contracts.core.text import is_number
from edge_agent.contracts.process.tables import Table, read_table
from trainer.data.dataset_toml import DatasetConfig
from trainer.data.layouts.split_names import split_of
from trainer.data.samples import Sample


def read_labels(root: Path, config: DatasetConfig) -> list[Sample]:
    """The listed files; raises DatasetError that names the file, the row and the column."""
    path = root / str(config.labels)
    rows = _rows(path)
    for column in ("path", "label", config.group, config.fold):
        if column is not None and column not in rows[0]:
            raise DatasetError(
                f"has no column {column!r}",
                where=str(path),
                cure=did_you_mean(column, list(rows[0])),
            )
    samples = [
        _sample_of(root, row, config, f"{path}: row {number}")
        for number, row in enumerate(rows, start=2)
    ]
    refuse_other_case([sample.label for sample in samples], path)
    _refuse_twice(samples, path)
    return samples


def with_folder_splits(
    samples: list[Sample], config: DatasetConfig
) -> tuple[list[Sample], tuple[str, ...]]:
    """The listed files with the split that their first folders name, where no column does, and a
    sentence about it: taken where all are in train, val or test and no groups or folds are named.
    """
    if not samples or config.split in samples[0].conditions:
        return samples, ()
    named = [split_of(PurePosixPath(sample.path).parts[0]) for sample in samples]
    if not {"train", "test"} <= set(named):
        return samples, ()
    column = config.group or config.fold
    if all(named) and column is None:
        said = f"no column {config.split!r}: the first folder of each path is the given split"
        given = zip(samples, named, strict=True)
        return [replace(sample, split=split) for sample, split in given], (said,)
    why = f"the split goes by {column!r}" if column else f"{named.count('')} do not"
    return samples, (
        f"{len(named) - named.count('')} listed paths begin with train, val or test, which is not "
        f"taken as the split, since {why}: write it into a column {config.split!r}",
    )


def refuse_other_case(
    labels: Sequence[str], where: Path, cure: str = "write them alike", column: str = ""
) -> None:
    """Raise DatasetError for `OK` beside `ok`, which would be two classes. cure: where they are one
    label; column: of a table.
    """
    known: dict[str, str] = {}
    of = f" of column {column!r}" if column else ""
    for label in labels:
        other = known.setdefault(label.casefold(), label)
        if other != label:
            raise DatasetError(
                f"labels {other!r} and {label!r}{of} differ only in upper and lower case",
                where=str(where),
                cure=f"{cure}; where they are two labels, give one another name, as '{label}_2'",
            )


def read_table_here(path: Path, header: list[str] | None = None) -> Table:
    """A table of the data set; what cannot be read is a fault of the data set."""
    try:
        return read_table(path, header or [])
    except InputError as error:
        raise DatasetError(error.what, where=error.where, cure=error.cure) from error


def _rows(path: Path) -> list[dict[str, str]]:
    table = read_table_here(path)
    columns = {name: [str(cell) for cell in cells] for name, cells in table.columns.items()}
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]


def _sample_of(root: Path, row: dict[str, str], config: DatasetConfig, where: str) -> Sample:
    if not row["path"] or not row["label"]:
        raise DatasetError("path or label is empty", where=where, cure="fill it in")
    split = row.get(config.split, "")
    if split and not split_of(split):
        raise DatasetError(
            f"split {split!r} is not one of train, val, test", where=where, cure="correct it"
        )
    return Sample(
        path=_inside(root, row["path"], where),
        label=row["label"],
        group=row[config.group] if config.group else "",
        fold=row[config.fold] if config.fold else "",
        split=split_of(split),
        rate_hz=_rate(row.get("rate_hz", ""), where),
        masks=(_inside(root, row["mask"], where),) if row.get("mask") else (),
        conditions={k: v for k, v in row.items() if k not in ("path", "label")},
    )


def _inside(root: Path, text: str, where: str) -> str:
    """The path relative to the data set, whatever program wrote it: ./a, a\\b, or absolute."""
    windows = "\\" in text and not (root / text).exists()
    plain = PureWindowsPath(text).as_posix() if windows else text
    pure = PurePosixPath(plain)
    if pure.is_absolute() and pure.is_relative_to(root):
        pure = pure.relative_to(root)
    if not pure.parts:
        raise DatasetError(
            f"{text!r} is the folder of the data set, no file", where=where, cure="correct it"
        )
    return pure.as_posix()


def _rate(text: str, where: str) -> float | None:
    if not text:
        return None
    rate = float(text) if is_number(text) else 0.0
    if not 0 < rate < 1e9:
        raise DatasetError(f"rate_hz {text!r} is no rate", where=where, cure="give it in Hz")
    return rate


def _refuse_twice(samples: list[Sample], path: Path) -> None:
    twice = [name for name, count in Counter(s.path for s in samples).items() if count > 1]
    if twice:
        raise DatasetError(
            f"{twice[0]} is listed twice",
            where=str(path),
            cure="list each file once, with one label",
        )
