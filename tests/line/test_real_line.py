"""The whole pipeline on real recordings, through a real broker; short trainings."""

from __future__ import annotations

import csv
import shutil
from collections import Counter
from pathlib import Path

import pytest

from benchmarks.brokers import find_mosquitto
from benchmarks.real_line import SETS, run_set

pytestmark = pytest.mark.skipif(find_mosquitto() is None, reason="mosquitto is not installed")

SMALL = "[image]\nsize_px = 64\n[vibration]\nwindow_samples = 512\n"
FOLD_PICTURES = 60
"""Of each of the five folds: enough for a held-out set of which one flip is less than 2 %."""


def test_every_verdict_on_real_recordings_arrives_once(data_dir: Path, tmp_path: Path) -> None:
    judged_once("cwru", data_dir, tmp_path, ("--epochs", "2"))


def test_every_verdict_on_real_pictures_arrives_once(data_dir: Path, tmp_path: Path) -> None:
    some_pictures(data_dir / "casting", tmp_path / "data" / "casting")
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


def some_pictures(source: Path, copy: Path) -> None:
    """The first pictures of each fold, with the groups and folds that they have in the set."""
    taken: Counter[str] = Counter()
    copy.mkdir(parents=True)
    shutil.copy(source / "dataset.toml", copy)
    with (source / "groups.csv").open(newline="") as whole, (copy / "groups.csv").open("w") as part:
        rows = csv.DictReader(whole)
        table = csv.DictWriter(part, rows.fieldnames or [])
        table.writeheader()
        for row in rows:
            taken[row["fold98"] + row["label"]] += 1
            if taken[row["fold98"] + row["label"]] <= FOLD_PICTURES // 2:
                table.writerow(row)
                (copy / row["path"]).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(source / row["path"], copy / row["path"])
