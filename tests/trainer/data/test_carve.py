from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from trainer.config.fit import FitConfig
from trainer.data.carve import LEAST_S, carve_every_condition
from trainer.data.load import load_dataset
from trainer.data.samples import Dataset
from trainer.data.split import plan_split


def rig(root: Path, seconds: float) -> Dataset:
    """Two labels at three speeds, two recordings of each."""
    rows = ["path,label,speed"]
    for speed in (600, 900, 1200):
        for label in ("ok", "worn"):
            for number in range(2):
                name = f"{label}_{speed}_{number}.npz"
                np.savez(root / name, x=np.zeros(int(100 * seconds), np.float32))
                rows.append(f"{name},{label},{speed}")
    (root / "labels.csv").write_text("\n".join(rows))
    (root / "dataset.toml").write_text(
        'task = "vibration-class"\ngood = ["ok"]\nlabels = "labels.csv"\ngroup = "speed"\n'
        '[vibration]\nrate_hz = 100\naxes = ["x"]\n'
    )
    return load_dataset(root)


@pytest.mark.parametrize(
    ("seconds", "whole"), [(6.0, False), (4.9, True)], ids=["long", "too short to be cut"]
)
def test_every_speed_that_trains_also_chooses_the_threshold(
    tmp_path: Path, seconds: float, whole: bool
) -> None:
    """A fifth of 6 s lasts a second; of 4.9 s it does not, and whole recordings validate."""
    split = plan_split(rig(tmp_path, seconds), FitConfig(held_out=["600"]))
    samples = split.dataset.samples
    assert {samples[i].group for i in split.test} == {"600"}
    for part in (split.train, split.val):
        assert {(samples[i].group, samples[i].label) for i in part} == {
            (speed, label) for speed in ("900", "1200") for label in ("ok", "worn")
        }
    spans = {samples[i].span for i in split.val}
    assert spans == ({(0.0, 1.0)} if whole else {(0.8, 1.0)})
    paths = [{samples[i].path for i in part} for part in (split.train, split.val)]
    assert (not paths[0] & paths[1]) == whole


def test_a_short_label_of_one_recording_a_condition_is_cut_all_the_same(tmp_path: Path) -> None:
    dataset = rig(tmp_path, LEAST_S)
    lone = [s for s in dataset.samples if s.label == "ok" or s.path.endswith("_0.npz")]
    dataset = dataset.with_samples(lone)
    carved = carve_every_condition(dataset, ["train"] * len(lone), 0.2, lambda s: s.group)
    val = [s for s, n in zip(carved.dataset.samples, carved.names, strict=True) if n == "val"]
    assert {s.span for s in val if s.label == "ok"} == {(0.0, 1.0)}
    assert [s.span for s in val if s.label == "worn"] == [(0.8, 1.0)] * 3
