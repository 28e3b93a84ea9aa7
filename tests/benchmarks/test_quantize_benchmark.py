"""The benchmark of the quantiser: its table of cases is whole, and it prints rows."""

from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks.quantize import main
from benchmarks.quantize_cases import CASES, screws
from trainer.data.load import load_dataset
from trainer.models.architectures import architectures

NETWORK = Path(__file__).parents[1] / "edge_agent" / "models" / "brightness.tflite"
FAULTS = ["Pastry", "Scratch", "Stains", "Bumps", "Dirt", "Other", "Break"]


def test_every_model_of_the_trainer_has_a_case() -> None:
    assert {case.model for case in CASES} == set(architectures())


def test_cases_and_their_rows_are_told_apart() -> None:
    assert len({case.name for case in CASES}) == len(CASES)
    assert len({case.title for case in CASES}) == len(CASES)


def test_what_was_cut_is_said_in_the_title() -> None:
    titles = [case.title for case in CASES if case.epochs or case.size_px]
    assert titles
    assert all("epochs" in title or "px" in title for title in titles)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_the_sets_lie_as_the_trainer_reads_them(case: Any, data_dir: Path, tmp_path: Path) -> None:
    if case.folder in ("cmapss", "skab", "ai4i2020"):
        pytest.skip("read by the benchmark of process data")
    column = dict(zip(case.words[::2], case.words[1::2], strict=True)).get("--group")
    column = None if column == "near_duplicates" else column
    dataset = load_dataset(case.dataset(data_dir, tmp_path / "set"), group=column)
    assert len(dataset.samples) > 20
    assert not dataset.missing


def test_a_photo_of_four_screws_is_complete(tmp_path: Path) -> None:
    photos = tmp_path / "data" / "assembly_screws" / "train_val_set"
    photos.mkdir(parents=True)
    for name in ("1_1111.jpg", "2_1011.jpg"):
        (photos / name).write_bytes(b"jpeg")
    (tmp_path / "set").mkdir()
    dataset = load_dataset(screws(tmp_path / "data", tmp_path / "set"))
    assert [sample.label for sample in dataset.samples] == ["complete", "missing"]


def test_pair_of_float_and_int8_is_compared_by_its_first_output(
    tmp_path: Path, capsys: Any
) -> None:
    folder = tmp_path / "mlperf_tiny_models" / "visual_wake_words" / "trained_models"
    folder.mkdir(parents=True)
    for suffix in ("float", "int8"):
        shutil.copy(NETWORK, folder / f"vww_96_{suffix}.tflite")
    assert main([str(tmp_path), "--only", "tiny"]) == 0
    (row,) = json.loads(capsys.readouterr().out)["rows"]
    assert (row["name"], row["value"], row["n"]) == ("vww int8 agreement", 1.0, 200)


def test_tiny_pairs_are_compared(data_dir: Path, capsys: Any) -> None:
    assert main([str(data_dir), "--only", "tiny"]) == 0
    rows = json.loads(capsys.readouterr().out)["rows"]
    assert {row["name"] for row in rows} == {"resnet8 int8 agreement", "vww int8 agreement"}
    assert all(row["value"] >= row["reach"] for row in rows)


@pytest.mark.slow
def test_sets_are_trained_converted_and_told(tmp_path: Path, capsys: Any) -> None:
    random = np.random.default_rng(0)
    folder = tmp_path / "data" / "steel_plates"
    folder.mkdir(parents=True)
    with (folder / "SteelPlatesFaults_Clean.csv").open("w", newline="") as sink:
        table = csv.writer(sink)
        table.writerow([*(f"f{place}" for place in range(27)), *FAULTS])
        for row in range(700):
            truth = [1.0 if place == row % 7 else 0.0 for place in range(7)]
            values = random.normal(0, 1, 27) + 3 * np.repeat(truth, 4)[:27]
            table.writerow([*(f"{value:.4f}" for value in values), *truth])
    words = ["--only", "sets", "--case", "steel_plates-mlp", "--case", "cwru-load-conv1d"]
    runs = tmp_path / "kept"
    assert main([str(tmp_path / "data"), *words, "--quick", "--runs", str(runs)]) == 0
    said = capsys.readouterr()
    rows = {row["name"]: row for row in json.loads(said.out.splitlines()[-1])["rows"]}
    assert rows["steel_plates mlp, int8, agreement"]["reach"] == 0.995
    assert rows["steel_plates mlp, int8, accuracy lost"]["n"] >= 100
    assert "cwru-load-conv1d: no cwru" in said.err
    assert (runs / "runs" / "steel_plates-mlp" / "spec.json").is_file()
