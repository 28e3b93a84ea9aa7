from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from edge_agent.contracts.core.errors import DatasetError
from trainer.data.layouts.good_names import meaning
from trainer.data.load import load_dataset

Make = Callable[[dict[str, int]], Path]

DRAWN = cv2.imencode(".png", np.eye(24, dtype=np.uint8) * 255)[1].tobytes()


def test_class_folders_are_labels(images: Make) -> None:
    dataset = load_dataset(images({"ok_front": 3, "def_front/deep": 2}))
    assert dataset.config.task == "image-class"
    assert dataset.counts() == {"def_front": 2, "ok_front": 3}
    assert dataset.good == ["ok_front"]
    assert "class folders" in dataset.decisions[0]


def test_train_and_test_folders_are_splits(images: Make) -> None:
    dataset = load_dataset(images({"train/a": 3, "train/b": 3, "valid/a": 1, "test/b": 2}))
    assert dataset.config.task == "image-class"
    assert sorted({(s.split, s.label) for s in dataset.samples}) == [
        ("test", "b"),
        ("train", "a"),
        ("train", "b"),
        ("val", "a"),
    ]


def test_good_only_training_folders_make_an_anomaly_task_with_masks(images: Make) -> None:
    root = images({"train/good": 3, "test/good": 1, "test/crack": 2, "ground_truth/crack": 2})
    for mask in (root / "ground_truth" / "crack").iterdir():
        mask.rename(mask.with_name(f"{mask.stem}_mask.png")).write_bytes(DRAWN)
    dataset = load_dataset(root)
    assert dataset.config.task == "image-anomaly"
    assert dataset.counts() == {"crack": 2, "good": 4}
    crack = next(s for s in dataset.samples if s.label == "crack")
    assert crack.masks == (f"ground_truth/crack/{Path(crack.path).stem}_mask.png",)


def test_recordings_in_class_folders_are_a_vibration_task(tmp_path: Path) -> None:
    for label in ("normal", "worn"):
        (tmp_path / label).mkdir()
        np.savez(tmp_path / label / "a.npz", x=np.ones(9), fs=100.0)
    dataset = load_dataset(tmp_path)
    assert dataset.config.task == "vibration-class"
    assert dataset.good == ["normal"]


def test_a_lone_table_is_process_data(tmp_path: Path) -> None:
    lines = ["speed,torque,failed"] + [f"{n},{n * 2},{n % 2}" for n in range(30)]
    (tmp_path / "rows.csv").write_text("\n".join(lines))
    dataset = load_dataset(tmp_path)
    assert dataset.config.task == "tabular-class"
    assert dataset.config.tabular is not None
    assert dataset.config.tabular.label == "failed"
    assert dataset.good == ["0"]


def test_an_empty_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="no images, recordings or tables"):
        load_dataset(tmp_path)


def test_files_without_class_folders_are_refused(images: Make) -> None:
    with pytest.raises(DatasetError, match="2 image files, but no class folders"):
        load_dataset(images({".": 2}))


@pytest.mark.parametrize(
    ("label", "good"),
    [("ok_front", True), ("Good", True), ("not_ok", False), ("token", False), ("scratch", False)],
)
def test_good_is_read_off_whole_words(label: str, good: bool) -> None:
    assert (meaning(label) == "good") is good


def listed(images: Make, columns: str, further: Callable[[int], str]) -> Path:
    """Four good and four cracked pictures in labels.csv, with further cells of each row."""
    root = images({"good": 4, "crack": 4})
    paths = sorted(path.relative_to(root) for path in root.rglob("*.png"))
    rows = [f"{path},{path.parent},{further(n)}" for n, path in enumerate(paths)]
    (root / "labels.csv").write_text("\n".join([f"path,label,{columns}", *rows]))
    return root


def test_a_list_with_a_column_named_group_keeps_its_groups_together(images: Make) -> None:
    dataset = load_dataset(listed(images, "group,lot", lambda n: f"item-{n % 2},{n % 3}"))
    assert dataset.config.group == "group"
    assert set(dataset.groups()) == {"item-0", "item-1"}
    assert "column 'group' of labels.csv tells which files belong together" in dataset.decisions


def test_a_list_without_one_is_told_which_columns_could_be_the_group(images: Make) -> None:
    dataset = load_dataset(listed(images, "lot,number,camera", lambda n: f"{n % 3},{n},x"))
    assert dataset.config.group is None
    said = next(one for one in dataset.decisions if "no column of labels.csv" in one)
    assert "though it has lot (3 values): where" in said
    assert said.endswith("give --group lot, or call the column group in labels.csv")


def test_who_names_the_group_of_a_list_is_told_of_no_other(images: Make) -> None:
    root = listed(images, "group,lot", lambda n: f"item-{n % 2},{n % 3}")
    dataset = load_dataset(root, group="lot")
    assert set(dataset.groups()) == {"0", "1", "2"}
    assert not [one for one in dataset.decisions if "group" in one or "column" in one]


def test_a_lot_among_the_tags_of_a_table_is_pointed_out(tmp_path: Path) -> None:
    rows = [f"L{n // 4},{n * 7 % 11},{('good', 'bad')[n % 2]}" for n in range(16)]
    (tmp_path / "shots.csv").write_text("\n".join(["Lot,temp,result", *rows]))
    said = "Lot (4 values) is taken as a tag"
    assert any(said in one and "--group Lot" in one for one in load_dataset(tmp_path).decisions)
    assert not any(said in one for one in load_dataset(tmp_path, group="Lot").decisions)


def test_dates_of_a_table_are_no_tags(tmp_path: Path) -> None:
    rows = [f"0{n // 9 + 1}.03.2026,{n * 7 % 11},{('good', 'bad')[n % 2]}" for n in range(27)]
    (tmp_path / "shots.csv").write_text("\n".join(["Datum,temp,result", *rows]))
    dataset = load_dataset(tmp_path)
    assert "no tag, since it holds dates or times: Datum" in dataset.decisions
    assert dataset.config.tabular is not None
    assert dataset.config.tabular.exclude == ["Datum"]


def test_formats_that_are_not_read_are_counted_by_suffix(tmp_path: Path) -> None:
    for label in ("good", "worn"):
        (tmp_path / label).mkdir()
        for name in ("1.lvm", "2.lvm", "2004.02.12", "plain"):
            (tmp_path / label / name).write_text("1\n2\n")
    with pytest.raises(
        DatasetError, match=r"8 files, none of a format that is read: 4 \.lvm, 2 \.12, 2 without"
    ):
        load_dataset(tmp_path)
    for path in [one for one in tmp_path.rglob("*") if one.is_file()]:
        path.rename(path.with_name(path.name + ".csv"))
    assert load_dataset(tmp_path).counts() == {"good": 4, "worn": 4}


def test_labels_of_a_table_that_differ_in_case_are_refused(tmp_path: Path) -> None:
    rows = [f"{k},{('OK', 'ok', 'NOK')[k % 3]}" for k in range(30)]
    (tmp_path / "t.csv").write_text("\n".join(["a,state", *rows]))
    with pytest.raises(DatasetError, match=r"'OK' and 'ok' of column 'state' differ only in upper"):
        load_dataset(tmp_path)
