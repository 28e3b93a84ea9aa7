from __future__ import annotations

import re
from itertools import product
from pathlib import Path

import cv2
import numpy as np
import pytest

from edge_agent.contracts.core.errors import LinesideError
from trainer.config.fit import FitConfig
from trainer.data.load import load_dataset
from trainer.data.names_below import names_below
from trainer.data.samples import Sample
from trainer.data.split import plan_split, refuse_single_label

RNG = np.random.default_rng(5)
ANOMALY = 'task = "image-anomaly"\n'


def write(root: Path, *patterns: str, count: int = 6) -> Path:
    for pattern, n in product(patterns, range(count)):
        path = root / pattern.format(n)
        path.parent.mkdir(parents=True, exist_ok=True)
        pixels = RNG.integers(90, 160, (16, 16, 3), np.uint8)
        path.write_bytes(cv2.imencode(path.suffix, pixels)[1].tobytes())
    return root


def refusal(root: Path, toml: str = "") -> str:
    """Why `root` cannot be split; "" where it can."""
    if toml:
        (root / "dataset.toml").write_text(toml)
    try:
        dataset = load_dataset(root)
        refuse_single_label(dataset)
        plan_split(dataset, FitConfig())
    except LinesideError as error:
        return str(error)
    return ""


def test_good_and_bad_below_lots_in_one_folder_are_the_labels(tmp_path: Path) -> None:
    for lot, label in product(("id_00", "id_02"), ("normal", "abnormal")):
        write(tmp_path, f"fan/{lot}/{label}/{{}}.jpg")
    dataset = load_dataset(tmp_path)
    assert dataset.counts() == {"abnormal": 12, "normal": 12}
    assert dataset.good == ["normal"]
    assert any("classes lie below fan/id_00, fan/id_02" in said for said in dataset.decisions)


def test_a_detector_without_a_good_label_is_told_to_name_it(tmp_path: Path) -> None:
    write(tmp_path, "normal/{}.jpg", "abnormal/{}.jpg")
    told = refusal(tmp_path, ANOMALY)
    assert "no label is named as good" in told
    cure = re.search(r"write (good = \[.*?\]) in dataset.toml", told)
    assert cure
    assert refusal(tmp_path, ANOMALY + cure[1] + "\n") == ""


FAN = (
    "fan/train/normal_id_00_{}.jpg",
    "fan/test/normal_id_01_{}.jpg",
    "fan/test/anomaly_id_{}.jpg",
)


@pytest.mark.parametrize("toml", ["", ANOMALY, ANOMALY + 'good = ["fan"]\n'])
def test_a_label_whose_file_names_say_good_and_bad_is_refused(tmp_path: Path, toml: str) -> None:
    told = refusal(write(tmp_path, *FAN), toml)
    assert "fan/test/anomaly_id_0.jpg" in told
    assert "as fan/test/bad and fan/test/good" in told
    assert refusal(tmp_path, ANOMALY + 'good = ["fan"]\nnames_below = "ignore"\n') == ""


def test_the_cures_of_file_names_that_say_good_and_bad_work_as_told(tmp_path: Path) -> None:
    sorted_ = write(tmp_path / "sorted", *(
        one.replace("normal", "good/normal").replace("anomaly", "bad/anomaly") for one in FAN
    ))  # fmt: skip
    dataset = load_dataset(sorted_)
    assert dataset.counts() == {"bad": 6, "good": 12}
    assert {one.split for one in dataset.samples if one.label == "bad"} == {"test"}
    listed = write(tmp_path / "listed", *FAN)
    rows = [
        f"{pattern.format(n)},{'bad' if 'anomaly' in pattern else 'good'},{pattern.split('/')[1]}"
        for pattern, n in product(FAN, range(6))
    ]
    (listed / "labels.csv").write_text("\n".join(["path,label,split", *rows]))
    assert refusal(listed, ANOMALY + 'good = ["good"]\nlabels = "labels.csv"\n') == ""


def test_a_bad_folder_below_a_good_label_is_refused_until_it_is_moved(tmp_path: Path) -> None:
    write(tmp_path, "ok/{}.jpg", "ok/anomaly/{}.jpg", "scratch/{}.jpg")
    assert "move ok/anomaly out of the folder ok" in refusal(tmp_path)
    (tmp_path / "ok" / "anomaly").rename(tmp_path / "anomaly")
    assert refusal(tmp_path) == ""
    assert load_dataset(tmp_path).counts() == {"anomaly": 6, "ok": 6, "scratch": 6}


def test_objects_above_good_and_bad_are_no_labels(tmp_path: Path) -> None:
    for part, label in product(("candle", "pcb"), ("Normal", "Anomaly")):
        write(tmp_path, f"{part}/Data/Images/{label}/{{}}.jpg")
    for toml in ("", 'task = "image-class"\ngood = []\n'):
        told = refusal(tmp_path, toml)
        assert "candle/Data/Images/Normal, candle/Data/Images/Anomaly" in told
        instead = re.search(r"name (\S+) in place of this folder", told)
        assert instead
        assert load_dataset(Path(instead[1])).good == ["Normal"]


def test_a_folder_of_splits_is_not_the_one_to_name(tmp_path: Path) -> None:
    for split, label in product(("train", "test"), ("ok_front", "def_front")):
        write(tmp_path, f"archive/data/{split}/{label}/{{}}.jpg")
    write(tmp_path, "small/data/ok_front/{}.jpg")
    told = refusal(tmp_path)
    assert f"name {tmp_path}/archive/data in place of this folder" in told
    assert load_dataset(tmp_path / "archive" / "data").counts() == {"def_front": 12, "ok_front": 12}


def test_folders_that_may_be_the_labels_are_named_where_no_label_is_good(tmp_path: Path) -> None:
    write(tmp_path, "D/CD/{}.jpg", "D/UD/{}.jpg", "P/CP/{}.jpg", "P/UP/{}.jpg")
    other = (
        f"D holds the folders CD, UD: where such are the labels, name {tmp_path}/D in place of "
        "this folder, or the good ones of all such folders: good = [...] in dataset.toml"
    )
    assert other in refusal(tmp_path)
    assert refusal(tmp_path, "good = []\n") == ""
    learnt = "good = []: each of D, P is learnt as a kind of defect, and every part FAILs. But "
    assert load_dataset(tmp_path).decisions[-1] == learnt + other
    assert refusal(tmp_path, 'good = ["UD", "UP"]\n') == ""
    assert load_dataset(tmp_path).counts() == {"CD": 6, "CP": 6, "UD": 6, "UP": 6}


def test_boards_beside_kinds_of_defects_are_told_to_name_the_kinds(tmp_path: Path) -> None:
    """The folders of PKU-Market-PCB; a folder of boards holds none, and naming it changes none."""
    kinds = ("Missing_hole", "Mouse_bite", "Short")
    write(tmp_path, "PCB_USED/{}.JPG", *(f"images/{kind}/{{}}.jpg" for kind in kinds))
    assert "good ones of all such folders" not in refusal(tmp_path)
    assert refusal(tmp_path, "good = []\n") == ""
    told = load_dataset(tmp_path).decisions[-1]
    assert "each of PCB_USED, images is learnt as a kind of defect" in told
    instead = re.search(r"name (\S+) in place of this folder", told)
    assert instead
    assert refusal(Path(instead[1]), "good = []\n") == ""
    kinds_alone = load_dataset(Path(instead[1]))
    assert tuple(kinds_alone.labels) == kinds
    assert not any("learnt as" in said for said in kinds_alone.decisions)


def test_good_and_bad_sounds_below_cases_are_labels_once_the_good_ones_are_named(
    tmp_path: Path,
) -> None:
    """The folders of ToyADMOS, whose names say good by a part alone."""
    for case, sound in product((1, 2, 3), ("NormalSound_IND", "AnomalousSound_IND")):
        write(tmp_path, f"case{case}/{sound}/{{}}.jpg")
    assert "case1 holds the folders AnomalousSound_IND, NormalSound_IND" in refusal(tmp_path)
    assert refusal(tmp_path, "good = []\n") == ""
    assert "each of case1, case2, case3 is learnt as" in load_dataset(tmp_path).decisions[-1]
    assert refusal(tmp_path, 'good = ["NormalSound_IND"]\n') == ""
    assert load_dataset(tmp_path).counts() == {"AnomalousSound_IND": 18, "NormalSound_IND": 18}


def test_a_label_that_is_good_by_its_name_is_doubted_as_a_defect(tmp_path: Path) -> None:
    write(tmp_path, "ok/{}.jpg", "scratch/{}.jpg")
    assert refusal(tmp_path, "good = []\n") == ""
    assert load_dataset(tmp_path).decisions[-1].endswith("the name of ok says that it is good")


def test_numbered_parts_with_masks_are_told_from_kinds_of_defects(tmp_path: Path) -> None:
    for part in ("kos01", "kos02", "kos03"):
        write(tmp_path, f"{part}/a{{}}.jpg")
        for n in range(6):
            mask = np.zeros((16, 16), np.uint8)
            cv2.imwrite(str(tmp_path / part / f"a{n}_label.bmp"), mask)
    told = refusal(tmp_path)
    assert "kos01, kos02, kos03 differ by a number alone" in told
    assert "labels.csv with path,label,mask,group" in told
    assert refusal(tmp_path, "good = []\n") == ""
    assert "kos03 is learnt as a kind of defect" in load_dataset(tmp_path).decisions[-1]
    rows = [
        f"{part}/a{n}.jpg,{'defect' if n == 2 else 'ok'},{part}/a{n}_label.bmp,{part}"
        for part, n in product(("kos01", "kos02", "kos03"), range(6))
    ]
    (tmp_path / "labels.csv").write_text("\n".join(["path,label,mask,group", *rows]))
    (tmp_path / "dataset.toml").unlink()
    assert refusal(tmp_path) == ""
    dataset = load_dataset(tmp_path)
    assert dataset.counts() == {"defect": 3, "ok": 15}
    assert (dataset.good, set(dataset.groups())) == (["ok"], {"kos01", "kos02", "kos03"})


def test_folders_of_speeds_are_told_where_a_speed_belongs(tmp_path: Path) -> None:
    for speed in ("900rpm", "1500rpm", "2100rpm"):
        (tmp_path / speed).mkdir()
        np.save(tmp_path / speed / "a.npy", np.random.default_rng(0).normal(size=(500, 2)))
    (tmp_path / "dataset.toml").write_text('task = "vibration-class"\n[vibration]\nrate_hz = 100\n')
    assert "a column rpm of labels.csv, path,label,rpm" in refusal(tmp_path)


def test_file_names_do_not_overrule_a_label_that_says_what_it_is(tmp_path: Path) -> None:
    write(tmp_path, "ok/ng_{}.jpg", "ok/ok_{}.jpg", "ng/ng_{}.jpg", "ng/ok_{}.jpg")
    assert refusal(tmp_path) == ""


@pytest.mark.parametrize("name", ["defect_free_{}", "not_ok_{}", "img_{}", "ok_or_ng_{}"])
def test_a_file_name_that_says_neither_alone_says_nothing(name: str) -> None:
    samples = [Sample(f"fan/{one}.jpg", "fan") for one in ("ok_1", "ng_1", name.format(2))]
    assert names_below("fan", samples).bad == ""
    assert names_below("fan", samples[:2]).bad == "fan/ng_1.jpg"
