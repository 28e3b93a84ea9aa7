"""Classes that are numbered alike, and products that are masks or labels, told from masks."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from trainer.data.layout_notes import left_out_notes
from trainer.data.layouts.alike_names import inspected_products, may_hold_masks
from trainer.data.load import load_dataset

RNG = np.random.default_rng(8)
Picture = NDArray[np.uint8]


def photograph() -> Picture:
    return RNG.integers(70, 180, (32, 32, 3)).astype(np.uint8)


def silhouette() -> Picture:
    """A part as a camera with back light shows it: white where it is, and black."""
    pixels = np.zeros((32, 32), np.uint8)
    x, y = RNG.integers(2, 12, 2)
    pixels[y : y + 14, x : x + 12] = 255
    return pixels


def write(root: Path, pattern: str, look: Callable[[], Picture], count: int = 6) -> None:
    for n in range(1, count + 1):
        path = root / pattern.format(n)
        path.parent.mkdir(parents=True, exist_ok=True)
        assert cv2.imwrite(str(path), look())


@pytest.mark.parametrize("other", [silhouette, photograph], ids=["alike", "a photograph"])
@pytest.mark.parametrize("labels", [("class_a", "class_b"), ("ok", "nok"), ("a", "b", "c")])
def test_silhouettes_that_are_numbered_alike_are_classes(
    tmp_path: Path, labels: Sequence[str], other: Callable[[], Picture]
) -> None:
    write(tmp_path, labels[0] + "/{:03d}.png", silhouette)
    for label in labels[1:]:
        write(tmp_path, label + "/{:03d}.png", other)
    dataset = load_dataset(tmp_path)
    assert dataset.counts() == dict.fromkeys(sorted(labels), 6)
    said = [one for one in dataset.decisions if f"folder {labels[0]}: its 6 pictures" in one]
    assert len(said) == (other is photograph)
    assert all("they are a class; where they are masks, call the folder masks" in s for s in said)


def test_silhouettes_of_given_splits_are_classes(tmp_path: Path) -> None:
    for split in ("train", "test"):
        write(tmp_path, split + "/a/{}.png", silhouette)
        write(tmp_path, split + "/b/{}.png", photograph)
    assert load_dataset(tmp_path).counts() == {"a": 12, "b": 12}


def test_the_cures_of_drawings_work_in_both_directions(tmp_path: Path) -> None:
    write(tmp_path, "ok/{}.png", photograph)
    write(tmp_path, "cut/c{}.png", photograph)
    write(tmp_path, "drawn/c{}.png", silhouette)
    dataset = load_dataset(tmp_path)
    assert dataset.counts() == {"cut": 6, "ok": 6}
    assert any("folder drawn: its 6 pictures" in said and "names that no" in said
               for said in dataset.decisions)  # fmt: skip
    for path in (tmp_path / "drawn").iterdir():
        path.rename(path.with_name(f"d{path.name}"))
    assert load_dataset(tmp_path).counts() == {"cut": 6, "drawn": 6, "ok": 6}
    for path in (tmp_path / "drawn").iterdir():
        path.rename(path.with_name(path.name.removeprefix("dc")))
    for path in (tmp_path / "cut").iterdir():
        path.rename(path.with_name(path.name.removeprefix("c")))
    dataset = load_dataset(tmp_path)
    assert any("folder drawn" in said and "call the folder masks" in said
               for said in dataset.decisions)  # fmt: skip
    (tmp_path / "drawn").rename(tmp_path / "masks")
    dataset = load_dataset(tmp_path)
    assert dataset.counts() == {"cut": 6, "ok": 6}
    assert {one.label for one in dataset.samples if one.masks} == {"cut"}


@pytest.mark.parametrize(
    ("product", "without"),
    [("mask", "no_mask"), ("label", "without label"), ("Masks", "kein-mask")],
)
@pytest.mark.parametrize("look", [silhouette, photograph])
def test_inspected_masks_and_labels_are_a_class(
    tmp_path: Path, product: str, without: str, look: Callable[[], Picture]
) -> None:
    write(tmp_path, product + "/{}.jpg", look)
    write(tmp_path, without + "/{}.jpg", photograph)
    assert load_dataset(tmp_path).counts() == {product: 6, without: 6}


def test_photographed_labels_beside_good_parts_of_given_splits_are_a_class(tmp_path: Path) -> None:
    for split in ("train", "test"):
        write(tmp_path, split + "/label/{}.jpg", photograph)
        write(tmp_path, split + "/ok/{}.jpg", photograph)
    assert load_dataset(tmp_path).counts() == {"label": 12, "ok": 12}


def test_drawings_of_no_picture_are_told_with_the_cure(tmp_path: Path) -> None:
    write(tmp_path, "ok/a{}.png", photograph)
    write(tmp_path, "torn/b{}.png", photograph)
    write(tmp_path, "label/c{}.png", silhouette)
    dataset = load_dataset(tmp_path)
    assert dataset.counts() == {"ok": 6, "torn": 6}
    (said,) = left_out_notes(dataset)
    assert said.startswith("6 left out: looks like a mask, but of no picture that is there: give")
    assert said.endswith("or its folder another name where that is a class (label/c1.png ...)")
    (tmp_path / "label").rename(tmp_path / "labelled")
    assert load_dataset(tmp_path).counts() == {"labelled": 6, "ok": 6, "torn": 6}


@pytest.mark.parametrize(
    ("folders", "suspects", "masks"),
    [
        ({"good": "gh", "cut": "ab", "drawn": "ab"}, ["drawn"], {"drawn"}),
        ({"images": "ab", "drawn": "ab"}, ["drawn"], {"drawn"}),
        ({"x": "ab", "drawn": "ab"}, ["drawn"], set()),
        ({"x": "ab", "y": "ab", "drawn": "ab"}, ["drawn"], set()),
        ({"x": "ab", "y": "cd", "nok": "ab"}, ["nok"], set()),
        ({"x/cut": "ab", "x/dent": "ab", "d/cut": "ab", "d/dent": "a"}, ["d/cut", "d/dent"],
         {"d/cut", "d/dent"}),
        ({"train/a": "ab", "train/b": "ab", "test/a": "cd", "test/b": "cd"},
         ["train/a", "test/a"], set()),
    ],
)  # fmt: skip
def test_masks_have_one_picture_each_and_leave_classes(
    folders: Mapping[str, str], suspects: Sequence[str], masks: set[str]
) -> None:
    stems = {folder: set(names) for folder, names in folders.items()}
    assert may_hold_masks(stems, set(suspects)) == masks


@pytest.mark.parametrize(
    ("folders", "products"),
    [
        (["mask", "no_mask"], {"mask"}),
        (["train/label", "train/no label"], {"label"}),
        (["images", "mask", "no_mask"], set()),
        (["ground_truth", "without_ground_truth"], set()),
        (["mask", "unlabeled"], set()),
    ],
)
def test_a_product_is_inspected_where_another_folder_names_its_lack(
    folders: Sequence[str], products: set[str]
) -> None:
    assert inspected_products(f"{folder}/1.png" for folder in folders) == products
