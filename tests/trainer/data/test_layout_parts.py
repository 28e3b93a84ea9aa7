"""The parts of layout detection alone: masks, foreign formats, layout, and the task."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from edge_agent.contracts.core.errors import DatasetError
from edge_agent.contracts.core.folder_scan import scan_folder
from trainer.data.layouts.class_folders import read_class_folders
from trainer.data.layouts.detect import detect, scan_files
from trainer.data.layouts.foreign import foreign_format
from trainer.data.layouts.mask_files import find_masks

PIXELS = np.arange(48, dtype=np.uint8).reshape(4, 4, 3)


def written(root: Path, *names: str) -> Path:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(root / name), PIXELS)
    return root


@pytest.mark.parametrize(
    ("paths", "name"),
    [
        (["annotations/instances_train2017.json"], "COCO annotations"),
        (["JPEGImages/1.jpg", "Annotations/1.xml"], "the layout of Pascal VOC"),
        (["images/1.jpg", "labels/1.txt"], "YOLO labels"),
        (["candle/split_csv/1cls.csv"], "the layout of VisA"),
        (["part.tfrecord"], "TFRecord files"),
        (["images/1.jpg", "annotations.json"], "annotations of a labelling tool"),
        (["images/1.jpg", "annotations.xml"], "annotations of a labelling tool"),
        (["1.jpg", "via_region_data.json"], "annotations of VGG Image Annotator"),
        (["1.jpg", "1.json"], "a .json beside each picture, as labelme writes them"),
        (["1.JPG", "1.xml"], "a .xml beside each picture, as Pascal VOC or LabelImg writes them"),
        (["a/1.jpg", "a/1.txt"], "a .txt beside each picture, as YOLO writes them"),
        (["1.jpg", "2.txt", "notes.json"], ""),
        (["images/1.jpg", "labels.xlsx"], "a spreadsheet"),
        (["images/1.jpg", "train.txt"], "lists of files"),
        (["good/1.png", "bad/2.png"], ""),
    ],
)
def test_a_foreign_layout_is_named(paths: list[str], name: str) -> None:
    found, cure = foreign_format(paths)
    assert found == name
    assert bool(cure) == bool(name)


@pytest.mark.parametrize(
    ("mask", "picture"),
    [
        ("ground_truth/cut/000_mask.png", "test/cut/000.png"),
        ("test/cut/000_GT.png", "test/cut/000.png"),
        ("test/cut/mask_000.png", "test/cut/000.png"),
        ("Masken/000.png", "test/cut/000.png"),
        ("ground_truth/cut/999_mask.png", ""),
    ],
)
def test_a_mask_belongs_to_the_picture_of_its_stem(tmp_path: Path, mask: str, picture: str) -> None:
    assert find_masks(tmp_path, ["test/cut/000.png", mask]).owner == {mask: picture}


def test_a_folder_of_drawings_with_the_names_of_pictures_holds_masks(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    for place in range(3):
        for folder in ("good", "cut", "zeichnung"):
            picture = rng.integers(0, 255, (24, 24, 3), np.uint8)
            if folder == "zeichnung":
                picture = np.where(picture > 200, np.uint8(255), np.uint8(0))
            (tmp_path / folder).mkdir(exist_ok=True)
            name = f"{'g' if folder == 'good' else 'c'}{place}.png"
            cv2.imwrite(str(tmp_path / folder / name), picture)
    paths = scan_folder(tmp_path, frozenset({".png"})).files
    assert find_masks(tmp_path, paths).owner == {
        f"zeichnung/c{place}.png": f"cut/c{place}.png" for place in range(3)
    }


def test_yolo_pictures_in_folders_of_a_split_are_no_classes(tmp_path: Path) -> None:
    root = written(tmp_path, "images/train/1.png", "images/val/2.png")
    (root / "labels" / "train").mkdir(parents=True)
    (root / "labels" / "train" / "1.txt").write_text("0 0.5 0.5 0.1 0.1\n")
    with pytest.raises(DatasetError, match=r"YOLO labels: not read: write labels\.csv"):
        detect(root)


def test_a_split_inside_a_wrapper_folder_is_a_split(tmp_path: Path) -> None:
    root = written(tmp_path, "images/train/good/1.png", "images/test/bad/2.png")
    layout = read_class_folders(root, scan_folder(root, frozenset({".png"})), "image")
    assert {(p.label, p.split) for p in layout.samples} == {("good", "train"), ("bad", "test")}


def test_a_good_part_has_no_mask_of_a_defect(tmp_path: Path) -> None:
    paths = ["test/good/000.png", "test/cut/000.png", "ground_truth/cut/000.png"]
    assert find_masks(tmp_path, paths).owner == {"ground_truth/cut/000.png": "test/cut/000.png"}


def test_files_get_label_and_split_from_their_folders(tmp_path: Path) -> None:
    root = written(tmp_path, "train/good/1.png", "test/bad/2.png", "stray.png")
    layout = read_class_folders(root, scan_folder(root, frozenset({".png"})), "image")
    assert {(p.path, p.label, p.split) for p in layout.samples} == {
        ("train/good/1.png", "good", "train"),
        ("test/bad/2.png", "bad", "test"),
    }
    assert [one.path for one in layout.left_out] == ["stray.png"]


def test_a_wrapper_folder_is_no_class(tmp_path: Path) -> None:
    root = written(tmp_path, "images/good/1.png", "images/bad/2.png")
    layout = read_class_folders(root, scan_folder(root, frozenset({".png"})), "image")
    assert {one.label for one in layout.samples} == {"good", "bad"}


def test_the_task_of_two_class_folders_and_its_good_label(tmp_path: Path) -> None:
    config, decisions = detect(written(tmp_path, "good/1.png", "scratch/2.png"))
    assert (config.task, config.good) == ("image-class", ["good"])
    assert decisions[0].startswith("no dataset.toml: ")


def test_a_labels_file_is_no_stray_file(tmp_path: Path) -> None:
    root = written(tmp_path, "good/1.png")
    (root / "labels.csv").write_text("path,label\n")
    scan = scan_files(root, "image")
    assert (scan.files, scan.left_out) == (["good/1.png"], [])


def test_pictures_without_folders_are_refused_with_the_cure(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="one folder per class"):
        detect(written(tmp_path, "1.png", "2.png"))


def test_several_tables_are_no_data_set_and_the_cure_is_named(tmp_path: Path) -> None:
    for name in ("a.csv", "b.csv"):
        (tmp_path / name).write_text("torque,label\n1,ok\n")
    with pytest.raises(DatasetError, match="2 tables, but no class folders: process data: join"):
        detect(tmp_path)
