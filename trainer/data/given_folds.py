"""Which values of a given fold column are held out, and which one validates."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from edge_agent.contracts.core.errors import ConfigError, DatasetError
from edge_agent.contracts.core.suggestion import did_you_mean
from trainer.data.layouts.split_names import split_of
from trainer.data.samples import Dataset


@dataclass(frozen=True)
class GivenFolds:
    """held_out: the test part; val: the fold that validates, None where one fold alone is left to
    train; protocol: all this in words.
    """

    held_out: Sequence[str]
    val: str | None
    protocol: str


def choose_folds(dataset: Dataset, wanted: Sequence[str]) -> GivenFolds:
    """The folds of the data set's fold column; wanted: values to hold out, or none.

    Of three and more values the first is held out, and the one after it validates. Of two values
    the one that is named like a test part is held out; else of good parts alone the one that has
    all defects; else the smaller one, and of equal ones the first. Raises DatasetError for a
    column of one value, and ConfigError for wanted values that it does not have or has no others.
    """
    column = str(dataset.config.fold)
    values = sorted({sample.fold for sample in dataset.samples}, key=natural)
    if len(values) < 2:
        raise DatasetError(
            f"fold column {column!r} has one value only, {values[0]!r}",
            where=str(dataset.root),
            cure="give at least two, or only a group column",
        )
    refuse_unknown(wanted, values, column)
    if wanted:
        held_out, why = list(wanted), ""
    elif len(values) == 2:
        one, why = _test_part(dataset, values)
        held_out = [one]
    else:
        held_out, why = values[:1], ""
    rest = [value for value in values if value not in held_out]
    if not rest:
        raise ConfigError(
            f"{column} has no other values than {', '.join(values)}",
            where="--held-out",
            cure="leave one of them to train",
        )
    said = f"{column}: fold {', '.join(held_out)} held out{f' ({why})' if why else ''}"
    if len(rest) == 1:
        named = rest[0] or "without a name"
        return GivenFolds(held_out, None, f"{said}, validation taken by groups out of fold {named}")
    after = [value for value in rest if natural(value) > natural(held_out[-1])]
    val = (after or rest)[0]
    return GivenFolds(held_out, val, f"{said}, fold {val} chose epoch and threshold")


def natural(value: str) -> tuple[int, float, str]:
    """A key by which values sort as people count: 2 before 10, numbers before words."""
    try:
        return 0, float(value), value
    except ValueError:
        return 1, 0.0, value


def refuse_unknown(held_out: Sequence[str], values: list[str], column: str) -> None:
    """Raise ConfigError for a held-out value that the column does not have."""
    for value in held_out:
        if value not in values:
            raise ConfigError(
                f"{column} has no value {value!r}",
                where="--held-out",
                cure=did_you_mean(value, values[:20]),
            )


def _test_part(dataset: Dataset, values: Sequence[str]) -> tuple[str, str]:
    """Which of two values is held out, and why."""
    for meant in ("test", "val"):
        named = [value for value in values if split_of(value) == meant]
        if len(named) == 1:
            return named[0], "by its name"
    trained = [value for value in values if split_of(value) == "train"]
    if len(trained) == 1:
        return next(value for value in values if value not in trained), "the other one is to train"
    bad, fold_of = dataset.is_bad(), [sample.fold for sample in dataset.samples]
    defective = {fold for fold, one in zip(fold_of, bad, strict=True) if one}
    if dataset.config.good_only and len(defective) == 1:
        return next(iter(defective)), "it has all the defects"
    counts = [fold_of.count(value) for value in values]
    if counts[0] == counts[1]:
        return values[0], "the first of two of one size"
    return values[counts.index(min(counts))], "the smaller of two"
