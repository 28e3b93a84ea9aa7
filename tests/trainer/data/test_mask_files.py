"""Masks by look as well as by name, several of one picture, and those whose picture is unclear."""

from __future__ import annotations

from pathlib import Path
from time import perf_counter

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from edge_agent.contracts.core.errors import DatasetError
from trainer.data.layouts.mask_files import NO_PICTURE, ODD, find_masks
from trainer.data.layouts.mask_look import is_drawn, is_soft
from trainer.data.layouts.mask_owners import Owners
from trainer.data.load import load_dataset

RNG = np.random.default_rng(5)
TOML = 'task = "image-class"\ngood = ["good"]\n'


def photograph() -> NDArray[np.uint8]:
    return RNG.integers(70, 180, (48, 64, 3)).astype(np.uint8)


def drawing(*, soft: bool = False, empty: bool = False) -> NDArray[np.uint8]:
    pixels = np.zeros((48, 64), np.uint8)
    if not empty:
        pixels[10:22, 20:34] = 255
    return np.asarray(cv2.GaussianBlur(pixels, (0, 0), 1.2), np.uint8) if soft else pixels


def write(root: Path, name: str, pixels: NDArray[np.uint8] | NDArray[np.uint16]) -> None:
    (root / name).parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(root / name), pixels)


@pytest.mark.parametrize(
    ("pixels", "drawn"),
    [
        (drawing(), True),
        (drawing(soft=True), True),
        (drawing(empty=True), True),
        (photograph()[:, :, 0], False),
        (RNG.normal(128, 1.5, (48, 64)).astype(np.uint8), False),
        (np.tile(np.arange(64, dtype=np.uint8) * 4, (48, 1)), False),
    ],
    ids=["two levels", "soft edges", "black", "grain", "a plain surface", "a slope"],
)
def test_a_mask_is_even_areas_of_few_levels(pixels: NDArray[np.uint8], drawn: bool) -> None:
    assert (is_drawn(pixels) or is_soft(pixels)) is drawn


def test_a_part_that_was_photographed_on_a_black_ground_is_no_mask() -> None:
    random = np.random.default_rng(3)
    pixels = np.zeros((64, 64), np.uint8)
    pixels[24:40, 24:40] = np.clip(random.normal(110, 25, (16, 16)), 0, 255)
    assert not is_soft(pixels)


def test_a_class_of_parts_on_an_even_ground_stays_a_class(tmp_path: Path) -> None:
    """Pictures are numbered alike in every class, and some show an empty table."""
    random = np.random.default_rng(4)
    for place in range(12):
        for label in ("ok", "missing"):
            pixels = np.full((48, 64), 255, np.uint8)
            if label == "ok":
                pixels[10:30, 20:40] = np.clip(random.normal(90, 20, (20, 20)), 0, 255)
            write(tmp_path, f"{label}/{place:03d}.png", pixels)
    assert load_dataset(tmp_path).counts() == {"missing": 12, "ok": 12}


def test_soft_masks_beside_their_pictures_are_no_samples(tmp_path: Path) -> None:
    for place in range(12):
        label = "good" if place % 3 == 0 else "crack"
        write(tmp_path, f"{label}/{place}.jpg", photograph())
        write(tmp_path, f"{label}/{place}.png", drawing(soft=True, empty=label == "good"))
    dataset = load_dataset(tmp_path)
    assert dataset.counts() == {"crack": 8, "good": 4}
    assert all(one.masks == (one.path.replace(".jpg", ".png"),) for one in dataset.samples)


def test_class_numbers_of_16_bits_are_masks_and_photographs_of_10_bits_are_none(
    tmp_path: Path,
) -> None:
    for place in range(4):
        write(tmp_path, f"good/g{place}.png", photograph())
        write(tmp_path, f"crack/{place}.png", photograph())
        numbers = np.where(drawing() > 0, 1 + 2 * place, 0)
        write(tmp_path, f"crack/{place}_mask.png", numbers.astype(np.uint16))
        write(tmp_path, f"crack/{place}_label.png", photograph().astype(np.uint16) * 4)
    dataset = load_dataset(tmp_path)
    masks = {one.path: one.masks for one in dataset.samples if one.masks}
    assert masks == {f"crack/{n}.png": (f"crack/{n}_mask.png",) for n in range(4)}
    assert not dataset.left_out


def test_a_picture_where_masks_lie_is_left_out_and_named(tmp_path: Path) -> None:
    for place in range(6):
        write(tmp_path, f"good/g{place}.jpg", photograph())
        write(tmp_path, f"crack/{place}.jpg", photograph())
        write(tmp_path, f"crack/{place}.png", photograph() if place == 2 else drawing())
    dataset = load_dataset(tmp_path)
    assert dataset.counts() == {"crack": 6, "good": 6}
    assert [(one.path, one.why) for one in dataset.left_out] == [("crack/2.png", ODD)]


def test_pairs_of_photographs_are_said_to_be_two_pictures_each(tmp_path: Path) -> None:
    for place in range(3):
        write(tmp_path, f"good/g{place}.jpg", photograph())
        for suffix in (".jpg", ".png"):
            write(tmp_path, f"crack/{place}{suffix}", photograph())
    said = load_dataset(tmp_path).decisions
    assert (
        "3 pairs of one name, as crack/0.jpg and crack/0.png, are taken as two pictures each"
        in (said)
    )


def test_a_folder_with_the_pictures_name_holds_its_masks_which_are_joined(tmp_path: Path) -> None:
    for place in range(4):
        write(tmp_path, f"train/good/{place:03d}.png", photograph())
        for kind in ("logical", "structural"):
            write(tmp_path, f"test/{kind}/{place:03d}.png", photograph())
            for number in range(2 if place == 1 else 1):
                name = f"ground_truth/{kind}/{place:03d}/{number:03d}.png"
                write(tmp_path, name, drawing())
    dataset = load_dataset(tmp_path)
    masks = {one.path: one.masks for one in dataset.samples if one.masks}
    assert len(masks) == 8
    for picture, found in masks.items():
        folder = picture.replace("test/", "ground_truth/").removesuffix(".png")
        several = picture.endswith("001.png")
        assert found == tuple(f"{folder}/00{n}.png" for n in range(2 if several else 1))
    assert any(
        "10 masks recognised" in s and "2 pictures have several" in s for s in dataset.decisions
    )


@pytest.mark.parametrize("folder", ["mask", "label", "seg_masks"])
def test_photographs_in_a_folder_named_like_masks_are_samples(tmp_path: Path, folder: str) -> None:
    for place in range(4):
        for label in ("good", "bad"):
            write(tmp_path, f"{label}/{folder}/{place}.jpg", photograph())
            write(tmp_path, f"{label}/valve/{place}.jpg", photograph())
    dataset = load_dataset(tmp_path)
    assert dataset.counts() == {"bad": 8, "good": 8}
    assert not any(one.masks for one in dataset.samples)
    named = f"8 pictures are named like masks (folder {folder}), but look like photographs"
    assert any(named in said for said in dataset.decisions) == (folder != "seg_masks")


def test_classes_below_a_folder_named_like_masks_are_read(tmp_path: Path) -> None:
    for place in range(4):
        for label in ("OK", "NG"):
            write(tmp_path, f"labels/{label}/{label}{place}.jpg", photograph())
    assert load_dataset(tmp_path).counts() == {"NG": 4, "OK": 4}


def test_a_class_named_like_masks_of_the_other_pictures_is_left_out(tmp_path: Path) -> None:
    for place in range(4):
        for folder in ("good", "bad", "masks"):
            name = f"{'g' if folder == 'good' else 'b'}{place}.png"
            write(tmp_path, f"{folder}/{name}", photograph())
    dataset = load_dataset(tmp_path)
    assert dataset.counts() == {"bad": 4, "good": 4}
    assert len(dataset.left_out) == 4
    assert "save masks in black and white" in dataset.left_out[0].why


def test_excluded_pictures_have_no_masks(tmp_path: Path) -> None:
    for place in range(3):
        write(tmp_path, f"good/rgb/g{place}.png", photograph())
        for folder, pixels in (("rgb", photograph()), ("depth", photograph()), ("gt", drawing())):
            write(tmp_path, f"crack/{folder}/{place}.png", pixels)
    (tmp_path / "dataset.toml").write_text(TOML + 'exclude = ["**/depth/*"]\n')
    dataset = load_dataset(tmp_path)
    masks = {one.path: one.masks for one in dataset.samples if one.label == "crack"}
    assert masks == {f"crack/rgb/{n}.png": (f"crack/gt/{n}.png",) for n in range(3)}
    assert not dataset.left_out


def write_two_defects(root: Path) -> None:
    for place in range(3):
        write(root, f"train/good/{place}.png", photograph())
        write(root, f"test/good/{place}.png", photograph())
        for defect in ("dent", "scratch"):
            write(root, f"test/{defect}/{place}.png", photograph())
            write(root, f"ground_truth/{defect}/{place}_mask.png", drawing())


def test_the_mask_of_an_excluded_picture_goes_to_no_other_one(tmp_path: Path) -> None:
    write_two_defects(tmp_path)
    (tmp_path / "dataset.toml").write_text(TOML + 'exclude = ["test/dent/**"]\n')
    dataset = load_dataset(tmp_path)
    masks = {one.path: one.masks for one in dataset.samples if one.masks}
    assert masks == {
        f"test/scratch/{n}.png": (f"ground_truth/scratch/{n}_mask.png",) for n in range(3)
    }
    assert not dataset.left_out


def test_the_mask_of_an_unlisted_picture_goes_to_no_other_one(tmp_path: Path) -> None:
    write_two_defects(tmp_path)
    rows = [f"test/scratch/{n}.png,scratch\ntrain/good/{n}.png,good\n" for n in range(3)]
    (tmp_path / "labels.csv").write_text("path,label\n" + "".join(rows))
    masks = {one.path: one.masks for one in load_dataset(tmp_path).samples if one.masks}
    assert masks == {
        f"test/scratch/{n}.png": (f"ground_truth/scratch/{n}_mask.png",) for n in range(3)
    }


def test_an_excluded_picture_beside_its_mask_keeps_it_from_others(tmp_path: Path) -> None:
    paths = ["scratch/0.png", "dent/masks/0.png"]
    found = find_masks(tmp_path, paths, excluded=["dent/0.png"])
    assert (found.owner, found.why) == ({"dent/masks/0.png": ""}, {})
    found = find_masks(tmp_path, ["scratch/0.png", "masks/a/0.png"], excluded=["masks/a/1.png"])
    assert found.owner == {"masks/a/0.png": "scratch/0.png"}


def test_pictures_of_one_stem_are_not_compared_with_each_other() -> None:
    parts = [f"ok/part_{n:05d}" for n in range(2000)]
    begun = perf_counter()
    owners = Owners.of(f"{part}/image.png" for part in parts)
    for mask in ("{}/image_mask.png", "masks/{}/image.png"):
        for part in parts:
            assert owners.candidates(mask.format(part)) == [f"{part}/image.png"]
    assert perf_counter() - begun < 10


def test_masks_of_each_split_belong_to_its_pictures(tmp_path: Path) -> None:
    for split in ("train", "test"):
        for place in range(3):
            write(tmp_path, f"{split}/good/g{place}.jpg", photograph())
            write(tmp_path, f"{split}/bad/b{place}.jpg", photograph())
            write(tmp_path, f"{split}_masks/bad/b{place}_mask.png", drawing())
    bad = [one for one in load_dataset(tmp_path).samples if one.label == "bad"]
    assert {one.path: one.masks for one in bad} == {
        f"{split}/bad/b{n}.jpg": (f"{split}_masks/bad/b{n}_mask.png",)
        for split in ("train", "test")
        for n in range(3)
    }


def test_the_cure_of_a_mask_of_several_pictures_works(tmp_path: Path) -> None:
    for folder in ("good", "dent", "scratch"):
        write(tmp_path, f"{folder}/000.jpg", photograph())
    write(tmp_path, "masks/000.png", drawing())
    (left,) = load_dataset(tmp_path).left_out
    assert left.why == (
        "looks like a mask, but a picture of its name lies in dent and in scratch: move it into a "
        "folder masks/dent or masks/scratch, as its picture lies"
    )
    (tmp_path / "masks/scratch").mkdir()
    (tmp_path / "masks/000.png").rename(tmp_path / "masks/scratch/000.png")
    dataset = load_dataset(tmp_path)
    assert {one.path for one in dataset.samples if one.masks} == {"scratch/000.jpg"}


def test_an_unclear_mask_of_listed_pictures_is_named(tmp_path: Path) -> None:
    for folder in ("dent", "scratch", "ignored"):
        write(tmp_path, f"{folder}/0.jpg", photograph())
    write(tmp_path, "masks/0.png", drawing())
    rows = "path,label\ndent/0.jpg,dent\nscratch/0.jpg,scratch\n"
    (tmp_path / "labels.csv").write_text(rows)
    assert [one.path for one in load_dataset(tmp_path).left_out] == ["masks/0.png"]
    (tmp_path / "labels.csv").write_text(rows.replace("scratch/0.jpg,scratch\n", ""))
    (sample,) = load_dataset(tmp_path).samples
    assert sample.masks == ("masks/0.png",)


@pytest.mark.parametrize(
    ("mask", "pictures", "owners"),
    [
        ("masks/scratch/5.png", ["dent/5.png", "scratch/4.png"], []),
        ("ground_truth/good/0.png", ["test/good/0.png", "test/cut/0.png"], ["test/good/0.png"]),
        ("truth_masks/1/3.png", ["test/1/3.png", "test/2/1.png"], ["test/1/3.png"]),
        ("ID7/masks/a1.png", ["ID7/images/ID7.png", "ID8/images/ID8.png"], ["ID7/images/ID7.png"]),
        ("bad/x_mask.png", ["bad/x.png", "bad/deep/x.png"], ["bad/x.png"]),
    ],
)
def test_a_mask_belongs_to_a_picture_below_its_own_folders(
    mask: str, pictures: list[str], owners: list[str]
) -> None:
    assert Owners.of(pictures).candidates(mask) == owners


def test_masks_are_not_counted_among_pictures_without_classes(tmp_path: Path) -> None:
    for place in range(4):
        write(tmp_path, f"test/{place}.png", photograph())
        write(tmp_path, f"test/{place}_GT.png", drawing())
    with pytest.raises(DatasetError, match="4 image files and 4 masks, but no class folders"):
        load_dataset(tmp_path)


def test_the_folder_that_the_refusal_of_visa_names_holds_its_masks(tmp_path: Path) -> None:
    for place in range(4):
        write(tmp_path, f"candle/Data/Images/Normal/n{place}.JPG", photograph())
        write(tmp_path, f"candle/Data/Images/Anomaly/{place}.JPG", photograph())
        write(tmp_path, f"candle/Data/Masks/Anomaly/{place}.png", drawing())
    (tmp_path / "split_csv").mkdir()
    (tmp_path / "split_csv" / "1cls.csv").write_text("object,split,label,image,mask\n")
    with pytest.raises(DatasetError, match="VisA: not read: name the folder Data of one object"):
        load_dataset(tmp_path)
    samples = load_dataset(tmp_path / "candle" / "Data").samples
    assert {one.label: bool(one.masks) for one in samples} == {"Anomaly": True, "Normal": False}


def test_a_mask_of_no_picture_is_named(tmp_path: Path) -> None:
    found = find_masks(tmp_path, ["cut/1.png", "masks/2.png"])
    assert found.why == {"masks/2.png": NO_PICTURE}
