from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from benchmarks.conditions import Fold, accuracy, accuracy_over_seeds, fault_auroc
from benchmarks.vibration import leaky_split, main
from trainer.data.load import load_dataset


def fold(value: str, right: list[bool]) -> Fold:
    truth = np.zeros(len(right), np.int64)
    logits = np.array([[2.0, 0.0] if hit else [0.0, 2.0] for hit in right], np.float32)
    owner = [f"r{place % 2}" for place in range(len(right))]
    return Fold(value, ["a", "b"], ["b"], truth, logits, logits, owner, {}, 1, 0.1, 1.0)


def test_folds_weigh_alike_whatever_their_size() -> None:
    found = accuracy([fold("x", [True] * 8), fold("y", [False] * 2)])
    assert found.value == 0.5
    assert found.n == 10


def test_seeds_of_the_same_recordings_are_no_further_recordings() -> None:
    rights = [True, True, False, True, False, False, True, True, True, False] * 2
    one = [fold("x", rights)]
    alone, thrice = accuracy_over_seeds([one]), accuracy_over_seeds([one, one, one])
    assert thrice == alone
    flipped = [fold("x", [not hit for hit in rights])]
    assert accuracy_over_seeds([one, flipped]).value == pytest.approx(0.5)


def test_a_fold_without_normal_windows_has_no_ranking() -> None:
    assert np.isnan(fault_auroc([fold("x", [True, False])]).value)


@pytest.mark.filterwarnings("ignore:Statistics for quantized inputs")
@pytest.mark.timeout(400)
def test_a_quick_run_prints_rows(data_dir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(data_dir), "--only", "hitsm_mfs", "--quick"]) == 0
    found = json.loads(capsys.readouterr().out.splitlines()[-1])
    rows = {row["name"]: row for row in found["rows"]}
    main_row = rows["hitsm_mfs leave one speed out, 7 states, accuracy int8"]
    assert main_row["reach"] == 0.8
    assert 0 <= main_row["ci95"][0] <= main_row["value"] <= main_row["ci95"][1] <= 1
    assert rows["hitsm_mfs model"]["value"] <= 64


def test_the_leaky_split_mixes_stretches_of_one_recording(data_dir: Path) -> None:
    split = leaky_split(load_dataset(data_dir / "cwru"))
    paths = [
        {split.dataset.samples[int(i)].path for i in part} for part in (split.train, split.test)
    ]
    assert len(paths[0] & paths[1]) > 20
