from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np

from trainer.data.dataset_toml import DatasetConfig
from trainer.data.group_folds import good_group_folds
from trainer.data.samples import Dataset, Sample


def test_defects_are_judged_with_their_items_and_those_of_none_are_dealt_out() -> None:
    samples = [Sample(f"ok{n}.png", "ok", group=f"i{n // 2}") for n in range(40)]
    samples += [Sample(f"scratched{n}.png", "scratch", group=f"i{n}") for n in range(3)]
    samples += [Sample(f"bent{n}.png", "bend", group=f"b{n // 2}") for n in range(10)]
    config = DatasetConfig(task="image-anomaly", good=["ok"], group="item")
    folds = good_group_folds(Dataset(Path("/nowhere"), config, tuple(samples)), 5, seed=1)
    homes: dict[str, set[int]] = {}
    for sample, fold in zip(samples, folds.tolist(), strict=True):
        homes.setdefault(sample.group, set()).add(fold)
    assert all(len(of_group) == 1 for of_group in homes.values())
    assert Counter(folds[:40].tolist()) == dict.fromkeys(range(5), 8)
    assert Counter(np.array(folds[43:]).tolist()) == dict.fromkeys(range(5), 2)
