"""The whole pipeline on real recordings, through a real broker; short trainings."""

from __future__ import annotations

import csv
import shutil
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from benchmarks.brokers import find_mosquitto
from benchmarks.real_line import SETS, run_set

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(find_mosquitto() is None, reason="mosquitto is not installed"),
]

SMALL = "[image]\nsize_px = 64\n"
FOLD_PICTURES = 60
"""Of each of the five folds: enough for a held-out set of which one flip is less than 2 %."""


def test_every_verdict_on_real_recordings_arrives_once(data_dir: Path, tmp_path: Path) -> None:
    copy_some(data_dir / "cwru", tmp_path / "data" / "cwru", "labels.csv", two_loads)
    judged_once("cwru", tmp_path / "data", tmp_path, ("--epochs", "2"))


def test_every_verdict_on_real_pictures_arrives_once(data_dir: Path, tmp_path: Path) -> None:
    copy_some(data_dir / "casting", tmp_path / "data" / "casting", "groups.csv", pictures_of_fold())
    fit = ("--model", "cnn", "--weights", "none", "--epochs", "2")
    judged_once("casting", tmp_path / "data", tmp_path, fit)


def judged_once(name: str, data: Path, folder: Path, fit: tuple[str, ...]) -> None:
    config = folder / "small.toml"
    config.write_text(SMALL)
    words = (*fit, "--config", str(config))
    rows = {row.name: row for row in run_set(SETS[name], data, folder / name, words, waive=True)}
    assert rows[f"{name} messages lost"].value == 0
    assert rows[f"{name} without a verdict"].value == 0
    assert rows[f"{name} messages lost"].n >= 10
    assert abs(rows[f"{name} float minus int8 accuracy"].value) <= 0.02


def two_loads(row: dict[str, str]) -> bool:
    """Those held out, one more to learn from, and the recording of the sound bearing."""
    return row["load"] in ("0", "3") or row["label"] == "N"


def pictures_of_fold() -> Callable[[dict[str, str]], bool]:
    """The first pictures of each class and fold."""
    taken: Counter[str] = Counter()

    def wanted(row: dict[str, str]) -> bool:
        taken[row["fold98"] + row["label"]] += 1
        return taken[row["fold98"] + row["label"]] <= FOLD_PICTURES // 2

    return wanted


def copy_some(
    source: Path, copy: Path, table: str, wanted: Callable[[dict[str, str]], bool]
) -> None:
    """A part of a data set, with the groups and folds that its samples have in the whole."""
    copy.mkdir(parents=True)
    shutil.copy(source / "dataset.toml", copy)
    with (source / table).open(newline="") as whole, (copy / table).open("w") as part:
        rows = csv.DictReader(whole)
        writer = csv.DictWriter(part, rows.fieldnames or [])
        writer.writeheader()
        for row in filter(wanted, rows):
            writer.writerow(row)
            (copy / row["path"]).parent.mkdir(parents=True, exist_ok=True)
            (copy / row["path"]).symlink_to(source / row["path"])
