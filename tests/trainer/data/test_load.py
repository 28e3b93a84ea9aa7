from __future__ import annotations

import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest

from edge_agent.contracts.core.errors import ConfigError, DatasetError, LinesideError
from trainer.data.layouts.stated import is_excluded
from trainer.data.load import load_dataset, refuse_missing


@pytest.fixture
def own(plates: Path, tmp_path: Path) -> Path:
    """A copy of the plates that a test may change."""
    return Path(shutil.copytree(plates, tmp_path / "plates"))


def edit(folder: Path, old: str, new: str, name: str = "dataset.toml") -> Path:
    path = folder / name
    path.write_text(path.read_text().replace(old, new, 1))
    return folder


def test_labels_groups_and_conditions_come_from_the_csv(plates: Path) -> None:
    dataset = load_dataset(plates)
    assert dataset.counts() == {"ok": 30, "scratch": 30}
    assert dataset.samples[4].group == "1"
    assert dataset.samples[4].conditions["camera"] == "1"
    assert dataset.good == ["ok"]
    assert dataset.is_bad().sum() == 30


def test_another_group_makes_the_given_folds_meaningless(own: Path) -> None:
    edit(own, 'group = "plate"', 'group = "plate"\nfold = "camera"')
    assert load_dataset(own).config.fold == "camera"
    assert load_dataset(own, group="camera").config.fold is None
    assert load_dataset(own, group="camera", fold="plate").config.fold == "plate"


def test_excluded_files_are_left_out_at_every_depth(own: Path) -> None:
    edit(own, "good =", 'exclude = ["**/*_2.png"]\ngood =')
    assert len(load_dataset(own).samples) == 40


def test_listed_but_missing_files_are_counted_and_refused(own: Path) -> None:
    (own / "ok" / "00_0.png").unlink()
    dataset = load_dataset(own)
    assert dataset.missing == ("ok/00_0.png",)
    with pytest.raises(DatasetError, match=r"1 listed files are missing, the first ok/00_0\.png"):
        refuse_missing(dataset)


def test_files_that_nobody_listed_are_counted(own: Path) -> None:
    shutil.copy(own / "ok" / "00_0.png", own / "ok" / "new.png")
    assert load_dataset(own).unlisted == 1


@pytest.mark.parametrize(
    ("old", "new", "name", "message"),
    [
        ('"plate"', '"plates"', "dataset.toml", "no column 'plates': did you mean 'plate'?"),
        ('["ok"]', '["okay"]', "dataset.toml", "'okay' occurs nowhere: did you mean 'ok'?"),
        ("image-class", "image-klass", "dataset.toml", "task: Input should be"),
        ('"labels.csv"', '"label.csv"', "dataset.toml", "label.csv: cannot be read"),
        ("labels =", "lables =", "dataset.toml", "key 'lables', did you mean 'labels'?"),
        ("ok/00_0.png,ok", "ok/00_0.png,", "labels.csv", "row 2: path or label is empty"),
        ("path,label,plate,camera", "path,label,plate,split", "labels.csv", "split '0' is not one"),
        ("path,label,plate,camera", "path,label,plate,rate_hz", "labels.csv", "rate_hz '0' is no"),
    ],
    ids=["group", "good", "task", "csv", "key", "empty", "split", "rate"],
)
def test_a_wrong_entry_is_named_with_its_cure(
    own: Path, old: str, new: str, name: str, message: str
) -> None:
    with pytest.raises(LinesideError) as caught:
        load_dataset(edit(own, old, new, name))
    assert message in str(caught.value)


def test_a_group_column_needs_a_csv(images) -> None:  # type: ignore[no-untyped-def]
    root = images({"a": 2, "b": 2})
    with pytest.raises(ConfigError, match="group column 'lot' without a labels CSV"):
        load_dataset(root, group="lot")


def test_an_absent_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="nowhere: no such folder"):
        load_dataset(tmp_path / "nowhere")


def test_axes_nobody_named_are_those_of_the_first_file(tmp_path: Path) -> None:
    for label in ("good", "worn"):
        (tmp_path / label).mkdir()
        np.savez(tmp_path / label / "a.npz", x=np.ones(9), y=np.ones(9), fs=100.0)
    dataset = load_dataset(tmp_path)
    assert dataset.config.vibration is not None
    assert dataset.config.vibration.axes == ["x", "y"]
    assert any("no axes named" in said for said in dataset.decisions)


def test_the_hash_depends_on_content_and_label_only(own: Path, plates: Path) -> None:
    before = load_dataset(plates).sha256()
    assert load_dataset(own).sha256() == before
    edit(own, "ok/00_0.png,ok", "ok/00_0.png,scratch", "labels.csv")
    assert load_dataset(own).sha256() != before


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            'good = ["ok"]',
            "task: is missing, and the layout does not tell it: no images, recordings or tables: "
            "name a folder with one sub-folder per class; or name the task, one of 'image-class'",
        ),
        ('taks = "image-class"', "unknown key 'taks', did you mean 'task'"),
        ('exclude = "raw"', "exclude: Input should be a valid list"),
        ('labels = "list.csv"', "task: is missing, one of 'image-class', 'image-anomaly'"),
        ('task = "image-class"\n[image]\nalign = true', "stands in the file of fit --config"),
    ],
    ids=["no layout", "a key", "a type", "no task", "a setting of a fit"],
)
def test_what_is_wrong_in_dataset_toml_is_told_with_its_place(
    tmp_path: Path, text: str, message: str
) -> None:
    (tmp_path / "dataset.toml").write_text(text)
    with pytest.raises(LinesideError) as refused:
        load_dataset(tmp_path)
    assert message in str(refused.value)


def test_class_folders_tell_the_task_that_dataset_toml_leaves_out(tmp_path: Path) -> None:
    for label in ("ok", "worn"):
        (tmp_path / label).mkdir()
        np.savez(tmp_path / label / "a.npz", x=np.ones(9))
    (tmp_path / "dataset.toml").write_text("[vibration]\nrate_hz = 20480\n")
    dataset = load_dataset(tmp_path)
    assert (dataset.config.task, dataset.config.good) == ("vibration-class", ["ok"])
    assert dataset.config.vibration is not None
    assert dataset.config.vibration.rate_hz == 20480
    assert dataset.decisions[0].startswith("dataset.toml names no task: vibration files in class")
    (tmp_path / "dataset.toml").write_text('good = ["worn"]\n')
    assert load_dataset(tmp_path).config.good == ["worn"]
    assert not any("good labels" in one for one in load_dataset(tmp_path).decisions)


def write_pictures(root: Path, *folders: str) -> None:
    for folder in folders:
        (root / folder).mkdir(parents=True)
        for n in range(3):
            shade = np.arange(48, dtype=np.uint8).reshape(4, 4, 3) + n
            cv2.imwrite(str(root / folder / f"{n}.png"), shade)


@pytest.mark.parametrize(
    ("folders", "toml", "task", "good"),
    [
        (["ok", "scratch", "OK_NG"], 'exclude = ["OK_NG/*"]', "image-class", ["ok"]),
        (["ok", "scratch", "OK_NG"], 'good = ["ok"]', "image-class", ["ok"]),
        (["train/a1", "test/a1", "test/b"], 'good = ["a1"]', "image-anomaly", ["a1"]),
        (
            ["train/ok_1", "train/ok_2", "test/ok_1", "test/b"],
            "",
            "image-anomaly",
            ["ok_1", "ok_2"],
        ),
        (["Class1", "Class2", "Class1/Label"], 'good = ["Class1"]', "image-class", ["Class1"]),
    ],
)
def test_the_guess_of_the_task_knows_what_dataset_toml_says(
    tmp_path: Path, folders: list[str], toml: str, task: str, good: list[str]
) -> None:
    write_pictures(tmp_path, *folders)
    (tmp_path / "dataset.toml").write_text(toml + "\n")
    config = load_dataset(tmp_path).config
    assert (config.task, config.good) == (task, good)


def test_an_excluded_table_or_export_is_not_guessed_from(tmp_path: Path) -> None:
    write_pictures(tmp_path, "images")
    (tmp_path / "images" / "_annotations.coco.json").write_text("{}")
    (tmp_path / "export.csv").write_text("path,label\n" + "images/0.png,ok\nimages/1.png,scratch\n")
    (tmp_path / "dataset.toml").write_text('exclude = ["**/*.json"]\n')
    assert load_dataset(tmp_path).config.labels == "export.csv"
    (tmp_path / "dataset.toml").write_text('exclude = ["export.csv"]\n')
    with pytest.raises(DatasetError, match="does not tell it: COCO annotations: not read"):
        load_dataset(tmp_path)


def test_a_table_whose_good_value_is_named_is_not_asked_for_it(tmp_path: Path) -> None:
    rows = "".join(f"{n % 7},{n % 2}\n" for n in range(40))
    (tmp_path / "t.csv").write_text(f"a,target\n{rows}")
    (tmp_path / "dataset.toml").write_text("")
    with pytest.raises(DatasetError, match=r"toml: task: is missing, .*whether 0 or 1 is good"):
        load_dataset(tmp_path)
    (tmp_path / "dataset.toml").write_text('good = ["1"]\n')
    assert load_dataset(tmp_path).config.good == ["1"]


@pytest.mark.parametrize("toml", ["", 'task = "image-class"\n'])
def test_labels_that_are_named_as_good_are_found_below_other_folders(
    tmp_path: Path, toml: str
) -> None:
    """The folders of SDNET2018: decks, pavements, walls; C is cracked, U is not."""
    write_pictures(tmp_path, "D/CD", "D/UD", "P/CP", "P/UP", "W/CW", "W/UW")
    (tmp_path / "dataset.toml").write_text(toml + 'good = ["UD", "UP", "UW"]\n')
    dataset = load_dataset(tmp_path)
    assert dataset.counts() == dict.fromkeys(["CD", "CP", "CW", "UD", "UP", "UW"], 3)


def test_named_good_labels_are_found_below_lots_in_one_folder(tmp_path: Path) -> None:
    write_pictures(tmp_path, *(f"ToyCar/case{n}/{kind}" for n in (1, 2) for kind in "AN"))
    (tmp_path / "dataset.toml").write_text('good = ["N"]\n')
    assert load_dataset(tmp_path).counts() == {"A": 6, "N": 6}


@pytest.mark.parametrize(
    ("path", "glob", "out"),
    [
        ("a/b.csv", "**/*.csv", True),
        ("b.csv", "**/*.csv", True),
        ("a/b.csv", "b.csv", False),
        ("a/b.csv", "a/*", True),
    ],
)
def test_a_glob_names_a_path(path: str, glob: str, out: bool) -> None:
    assert is_excluded(path, [glob]) is out
