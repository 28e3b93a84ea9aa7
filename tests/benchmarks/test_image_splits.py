"""The splits of the image benchmarks: nothing is both learnt from and judged."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from benchmarks.image_splits import drawn_folds, given_without_look_alikes, good_folds


def _picture(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), np.full((8, 8, 3), 90, np.uint8))


@pytest.fixture
def tiles(tmp_path: Path) -> Path:
    """Twenty tiles in pairs of one group; every third pair is cracked, five folds of two pairs."""
    lines = ["path,label,group,fold"]
    for number in range(20):
        pair = number // 2
        label = "crack" if pair % 3 == 0 else "free"
        _picture(tmp_path / label / f"{number}.png")
        lines.append(f"{label}/{number}.png,{label},g{pair},{pair % 5}")
    (tmp_path / "groups.csv").write_text("\n".join(lines) + "\n")
    (tmp_path / "dataset.toml").write_text(
        'task = "image-class"\ngood = ["free"]\nlabels = "groups.csv"\ngroup = "group"\n'
    )
    return tmp_path


def test_good_folds_learn_good_parts_alone_and_judge_every_part_once(tiles: Path) -> None:
    splits = good_folds("fold", "group")(tiles)
    judged = np.sort(np.concatenate([split.test for split in splits]))
    assert judged.tolist() == list(range(20))
    for split in splits:
        seen = np.concatenate([split.train, split.val])
        assert not split.dataset.is_bad()[seen].any()
        assert split.dataset.is_bad().any()
        groups = np.array(split.dataset.groups())
        assert not set(groups[seen]) & set(groups[split.test])


def test_drawn_folds_cut_no_group(tiles: Path) -> None:
    for split in drawn_folds(tiles):
        groups = np.array(split.dataset.groups())
        assert not set(groups[split.train]) & set(groups[split.test])


def test_test_pictures_with_a_look_alike_in_train_are_left_out(tmp_path: Path) -> None:
    groups = {"train/good/0": 0, "train/good/1": 1, "test/good/2": 1, "test/bad/3": 2}
    for name in groups:
        _picture(tmp_path / f"{name}.png")
    rows = [f"{name}.png,{group}" for name, group in groups.items()]
    (tmp_path / "groups.csv").write_text("\n".join(["path,group", *rows]) + "\n")
    (tmp_path / "dataset.toml").write_text('task = "image-anomaly"\ngood = ["good"]\n')
    split = given_without_look_alikes(tmp_path)[0]
    assert [split.dataset.samples[index].path for index in split.test] == ["test/bad/3.png"]
    assert len(split.train) + len(split.val) == 2
