from __future__ import annotations

from collections import Counter
from itertools import product
from pathlib import Path

import cv2
import numpy as np
import pytest

from edge_agent.contracts.core.errors import DatasetError
from edge_agent.contracts.core.folder_scan import scan_folder
from trainer.config.fit import FitConfig
from trainer.console.progress import SilentProgress
from trainer.data.layouts.class_folders import read_class_folders
from trainer.data.load import load_dataset
from trainer.data.survey import survey

RNG = np.random.default_rng(3)


def write(root: Path, *names: str) -> Path:
    """A picture with grain for each name; names with mask, label, gt hold a drawn shape."""
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        drawn = any(word in name.lower() for word in ("mask", "_label", "truth", "_gt", "!"))
        pixels = RNG.integers(90, 160, (24, 24, 3), np.uint8)
        if drawn:
            pixels = np.zeros((24, 24), np.uint8)
            pixels[4:9, 3:12] = 255
        suffix = path.suffix if path.suffix in (".jpg", ".png", ".bmp") else ".png"
        path.with_name(path.name.replace("!", "")).write_bytes(
            cv2.imencode(suffix, pixels)[1].tobytes()
        )
    return root


def numbered(pattern: str, count: int = 4) -> list[str]:
    return [pattern.format(n) for n in range(count)]


@pytest.mark.parametrize(
    "masks",
    ["bad/b{}_mask.png", "bad/b{}_label.bmp", "bad/b{}_GT.png", "masks/b{}.png",
     "ground_truth/bad/b{}_mask.png", "ground_truth/bad/b{}.png", "bad/b{}.png!"],
)  # fmt: skip
def test_masks_are_no_samples_and_belong_to_their_picture(tmp_path: Path, masks: str) -> None:
    write(tmp_path, *numbered("ok/a{}.jpg"), *numbered("bad/b{}.jpg"), *numbered(masks))
    dataset = load_dataset(tmp_path)
    assert dataset.counts() == {"bad": 4, "ok": 4}
    assert {sample.label: bool(sample.masks) for sample in dataset.samples} == {
        "bad": True,
        "ok": False,
    }
    assert any("4 masks recognised" in said for said in dataset.decisions)


def test_pairs_of_two_photographs_are_both_samples(tmp_path: Path) -> None:
    write(tmp_path, *numbered("ok/a{}.jpg"), *numbered("bad/b{}.jpg"), *numbered("bad/b{}.png"))
    assert load_dataset(tmp_path).counts() == {"bad": 8, "ok": 4}


@pytest.mark.parametrize(
    "pattern",
    ["01_{split}/{label}/a{{}}.jpg", "{label}/{split}/a{{}}.jpg", "{label}/2. {split}/a{{}}.jpg",
     "{split}2017/{label}/a{{}}.jpg", "images/{label}/{split}_set/a{{}}.jpg"],
)  # fmt: skip
def test_a_split_is_kept_above_and_below_the_classes(tmp_path: Path, pattern: str) -> None:
    for split, label in product(("train", "val", "test"), ("ok", "scratch")):
        write(tmp_path, *numbered(pattern.format(split=split, label=label)))
    dataset = load_dataset(tmp_path)
    assert dataset.counts() == {"ok": 12, "scratch": 12}
    assert Counter(sample.split for sample in dataset.samples) == {"train": 8, "val": 8, "test": 8}


def test_recordings_below_speeds_are_told_where_a_speed_belongs(tmp_path: Path) -> None:
    for speed, label in product(("900rpm", "1500rpm"), ("ok", "worn")):
        (tmp_path / speed / label).mkdir(parents=True)
        np.save(tmp_path / speed / label / "a.npy", np.random.default_rng(0).normal(size=500))
    dataset = load_dataset(tmp_path)
    assert dataset.counts() == {"ok": 2, "worn": 2}
    assert any(
        "path,label,group, and where they are speeds with rpm" in one for one in dataset.decisions
    )


def test_classes_below_lots_are_the_classes_and_the_lots_are_named(tmp_path: Path) -> None:
    for lot, label in product(("lot_1", "2026-07"), ("ok", "scratch")):
        write(tmp_path, *numbered(f"{lot}/{label}/a{{}}.jpg"))
    dataset = load_dataset(tmp_path)
    assert dataset.counts() == {"ok": 8, "scratch": 8}
    (said,) = [one for one in dataset.decisions if "below 2026-07, lot_1, which do not" in one]
    assert "rpm" not in said


@pytest.mark.parametrize(
    "pattern", ["{lot}/{label}/{split}/a{{}}.jpg", "{lot}/{split}/{label}/a{{}}.jpg"]
)
def test_a_split_is_kept_below_lots(tmp_path: Path, pattern: str) -> None:
    for lot, (split, label) in product(("line1", "line2"), (("train", "ok"), ("test", "nok"))):
        write(tmp_path, *numbered(pattern.format(lot=lot, split=split, label=label)))
    layout = read_class_folders(tmp_path, scan_folder(tmp_path, frozenset({".jpg"})), "image")
    assert {(one.split, one.label) for one in layout.samples} == {("train", "ok"), ("test", "nok")}
    assert layout.above == ("line1", "line2")
    assert not layout.left_out


def test_a_picture_beside_the_splits_of_a_lot_is_a_fault(tmp_path: Path) -> None:
    write(tmp_path, *numbered("lot_1/ok/train/a{}.jpg"), *numbered("lot_1/nok/test/b{}.jpg"))
    write(tmp_path, "lot_1/ok/c.jpg")
    layout = read_class_folders(tmp_path, scan_folder(tmp_path, frozenset({".jpg"})), "image")
    assert [one.path for one in layout.left_out] == ["lot_1/ok/c.jpg"]


@pytest.mark.parametrize("excluded", [False, True])
def test_a_picture_beside_the_splits_of_a_class_leaves_them_as_given(
    tmp_path: Path, excluded: bool
) -> None:
    for label, (split, count) in product(("ok", "scratch"), (("train", 6), ("test", 3))):
        write(tmp_path, *numbered(f"{label}/{split}/a{{}}.jpg", count))
    write(tmp_path, "ok/preview.jpg")
    if excluded:
        (tmp_path / "dataset.toml").write_text(
            'task = "image-class"\ngood = ["ok"]\nexclude = ["ok/preview.jpg"]\n'
        )
    dataset = load_dataset(tmp_path)
    assert Counter(sample.split for sample in dataset.samples) == {"train": 12, "test": 6}
    assert [one.path for one in dataset.left_out] == ([] if excluded else ["ok/preview.jpg"])
    found = survey(dataset, FitConfig(), SilentProgress())
    assert found.protocol.startswith("train and test as given")
    assert [fault.path for fault in found.faults] == ([] if excluded else ["ok/preview.jpg"])


@pytest.mark.parametrize(
    ("names", "count"),
    [
        (["ok/train/a{}.jpg", "ok/test/a{}.jpg", "dent/b{}.jpg"], "4 files of 'dent'"),
        (["ok/a{}.jpg", "ok/test/b{}.jpg", "dent/c{}.jpg", "dent/test/d{}.jpg"], "4 files of"),
        (
            ["ok/train/a{}.jpg", "ok/test/b{}.jpg", "dent/c{}.jpg", "dent/test/d{}.jpg"],
            "4 files of 'dent'",
        ),
    ],
    ids=["a class without a split", "no train", "no train of one class"],
)
def test_half_a_split_is_refused_until_it_is_said_what_it_means(
    tmp_path: Path, names: list[str], count: str
) -> None:
    write(tmp_path, *(name for pattern in names for name in numbered(pattern)))
    with pytest.raises(DatasetError, match=rf"in a folder of train, val or test, but {count}"):
        load_dataset(tmp_path)
    (tmp_path / "dataset.toml").write_text(
        'task = "image-class"\ngood = ["ok"]\nexclude = ["*/test/*", "ok/train/*"]\n'
    )
    write(tmp_path, "ok/c.jpg")
    assert {sample.split for sample in load_dataset(tmp_path).samples} == {""}


def test_a_picture_beside_the_one_folder_of_all_others_changes_nothing(tmp_path: Path) -> None:
    for split, label in product(("train", "test"), ("ok", "scratch")):
        write(tmp_path, *numbered(f"images/{split}/{label}/a{{}}.jpg"))
    write(tmp_path, "preview.jpg")
    dataset = load_dataset(tmp_path)
    assert dataset.counts() == {"ok": 8, "scratch": 8}
    assert Counter(sample.split for sample in dataset.samples) == {"train": 8, "test": 8}
    assert [one.path for one in dataset.left_out] == ["preview.jpg"]


def test_labels_that_differ_in_case_alone_are_refused(tmp_path: Path) -> None:
    write(tmp_path, *numbered("train/ok/a{}.jpg"), *numbered("test/OK/a{}.jpg"))
    with pytest.raises(DatasetError, match=r"'OK' and 'ok' differ only .*rename their folders"):
        load_dataset(tmp_path)


def test_the_cures_of_grades_that_differ_in_case_work_as_told(tmp_path: Path) -> None:
    write(tmp_path, *numbered("A/a{}.jpg"), *numbered("a/b{}.jpg"), *numbered("B/c{}.jpg"))
    told = r"move the files of one into the other; .* give one another name, as 'a_2'"
    with pytest.raises(DatasetError, match=told):
        load_dataset(tmp_path)
    (tmp_path / "a").rename(tmp_path / "a_2")
    assert load_dataset(tmp_path).counts() == {"A": 4, "B": 4, "a_2": 4}
    for path in (tmp_path / "a_2").iterdir():
        path.rename(tmp_path / "A" / path.name)
    (tmp_path / "a_2").rmdir()
    assert load_dataset(tmp_path).counts() == {"A": 8, "B": 4}


@pytest.mark.parametrize("toml", ["", 'task = "tabular-class"\ngood = ["A"]\n'])
def test_grades_of_a_table_that_differ_in_case_are_refused_and_the_cure_works(
    tmp_path: Path, toml: str
) -> None:
    rows = "".join(f"{n % 7},{n * 3 % 11},{'Aab'[n % 3]}\n" for n in range(60))
    (tmp_path / "t.csv").write_text(f"v,w,label\n{rows}")
    if toml:
        table = '[tabular]\nfile = "t.csv"\nlabel = "label"\n'
        (tmp_path / "dataset.toml").write_text(toml + table)
    told = "'A' and 'a' of column 'label' differ only .* as 'a_2'"
    with pytest.raises(DatasetError, match=told):
        load_dataset(tmp_path)
    (tmp_path / "t.csv").write_text(f"v,w,label\n{rows.replace(',a', ',a_2')}")
    assert load_dataset(tmp_path).counts() == {"A": 20, "a_2": 20, "b": 20}


def test_a_folder_inside_a_class_is_of_that_class(tmp_path: Path) -> None:
    write(tmp_path, *numbered("ok/good/a{}.jpg"), *numbered("scratch/deep/b{}.jpg"))
    assert load_dataset(tmp_path).counts() == {"ok": 4, "scratch": 4}


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (["train/a{}.jpg", "valid/b{}.jpg", "train/_annotations.coco.json"], "COCO annotations"),
        (["images/a{}.jpg", "annotations/instances_default.json"], "COCO annotations"),
        (["images/train/a{}.jpg", "labels/train/a{}.txt"], "YOLO labels"),
        (["images/a{}.jpg", "data.yaml"], "YOLO labels"),
        (["JPEGImages/a{}.jpg", "SegmentationClass/a{}.png"], "Pascal VOC"),
        (["images/a{}.png", "masks/a{}.png"], "pictures and masks, but no classes"),
        (["Train/a{}.PNG", "Train/Label/a{}_label.PNG"], "DAGM"),
        (
            [
                f"{kind}/{split}/{{}}.png"
                for kind in ("Class1", "Class2")
                for split in ("Train", "Test")
            ]
            + ["Class1/Train/Label/{}_label.png", "Class2/Test/Label/{}_label.png"],
            "DAGM",
        ),
        (["a{}.jpg"], "no class folders"),
    ],
)
def test_another_tools_layout_is_named_with_the_cure(
    tmp_path: Path, names: list[str], message: str
) -> None:
    write(tmp_path, *(name for pattern in names for name in numbered(pattern, 3)))
    with pytest.raises(DatasetError, match=rf"{message}.*(labels\.csv|class folders)"):
        load_dataset(tmp_path)


@pytest.mark.parametrize("name", ["OK_NG", "never_good", "ok_rejected"])
def test_a_label_that_may_be_good_is_asked_for(tmp_path: Path, name: str) -> None:
    write(tmp_path, *numbered("ok/a{}.png"), *numbered(name + "/b{}.png"))
    with pytest.raises(DatasetError, match=rf"{name}.* good = \[\.\.\.\]"):
        load_dataset(tmp_path)


@pytest.mark.parametrize(("labels", "word"), [("scratch dent", "FAIL"), ("ok good", "PASS")])
def test_a_task_of_one_verdict_is_refused(tmp_path: Path, labels: str, word: str) -> None:
    for label in labels.split():
        write(tmp_path, *numbered(label + "/{}.png", 6))
    found = survey(load_dataset(tmp_path), FitConfig(), SilentProgress())
    assert f"every part would {word}" in found.refusal
    assert "good = [...]" in found.refusal


def test_a_data_set_of_defects_alone_is_sorted_where_that_is_meant(tmp_path: Path) -> None:
    write(tmp_path, *numbered("scratch/{}.png", 6), *numbered("dent/{}.png", 6))
    (tmp_path / "dataset.toml").write_text('task = "image-class"\ngood = []\n')
    assert survey(load_dataset(tmp_path), FitConfig(), SilentProgress()).refusal == ""


def test_everything_that_is_not_read_is_a_fault(tmp_path: Path) -> None:
    write(tmp_path, *numbered("ok/a{}.png", 6), *numbered("bad/b{}.png", 6), "loose.png")
    for name in ("bad/c.heic", "bad/d.gif", "notes.docx"):
        (tmp_path / name).write_bytes(b"x")
    (tmp_path / "dent").mkdir()
    (tmp_path / "bad" / "gone.png").symlink_to("nowhere.png")
    found = survey(load_dataset(tmp_path), FitConfig(), SilentProgress())
    assert sorted((fault.path, fault.kind) for fault in found.faults) == [
        ("bad/c.heic", "left out"),
        ("bad/d.gif", "left out"),
        ("bad/gone.png", "left out"),
        ("dent", "left out"),
        ("loose.png", "left out"),
        ("notes.docx", "left out"),
    ]


def test_a_given_split_without_test_is_dropped_and_that_is_noted(tmp_path: Path) -> None:
    for split in ("train", "valid"):
        write(tmp_path, *numbered(split + "/ok/{}.png", 6), *numbered(split + "/bad/{}.png", 6))
    found = survey(load_dataset(tmp_path), FitConfig(), SilentProgress())
    assert any("train and val, no test: all samples are split anew" in d for d in found.decisions)


def test_pictures_listed_in_a_csv_beside_them_are_pictures(tmp_path: Path) -> None:
    write(tmp_path, *numbered("p{}.png", 6))
    rows = "".join(f"p{n}.png,{'ok' if n % 2 else 'scratch'}\n" for n in range(6))
    (tmp_path / "annotations.csv").write_text("path,label\n" + rows)
    dataset = load_dataset(tmp_path)
    assert dataset.config.task == "image-class"
    assert dataset.counts() == {"ok": 3, "scratch": 3}
    (tmp_path / "annotations.csv").write_text("file,quality\n" + rows)
    with pytest.raises(DatasetError, match=r"annotations\.csv: a table without.*write labels\.csv"):
        load_dataset(tmp_path)


@pytest.mark.parametrize(
    ("column", "good"), [("failed", ["0"]), ("passed", ["1"]), ("Machine failure", ["0"])]
)
def test_0_and_1_mean_what_their_column_says(tmp_path: Path, column: str, good: list[str]) -> None:
    rows = "".join(f"{n % 7},{n * 3 % 11},{n % 2}\n" for n in range(40))
    (tmp_path / "t.csv").write_text(f"a,b,{column}\n{rows}")
    assert load_dataset(tmp_path).config.good == good


def test_0_and_1_of_a_column_that_says_nothing_are_asked_for(tmp_path: Path) -> None:
    rows = "".join(f"{n % 7},{n % 2}\n" for n in range(40))
    (tmp_path / "t.csv").write_text(f"a,target\n{rows}")
    with pytest.raises(DatasetError, match="'target' does not say whether 0 or 1 is good"):
        load_dataset(tmp_path)
