"""What `check` says of masks, and what a fit refuses before it trains."""

from __future__ import annotations

import struct
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from edge_agent.contracts.core.errors import DatasetError
from trainer.console.progress import SilentProgress
from trainer.data.image.mask_faults import check_masks, refuse_bad_masks
from trainer.data.image.masks import picture_mask
from trainer.data.load import load_dataset
from trainer.data.prepare import read_picture
from trainer.data.samples import Dataset

WIDE, HIGH = 96, 64
MARK = (slice(8, 24), slice(64, 88))
"""Where the defect is, in the pixels as the file holds them."""


def stored(orientation: int, mark: tuple[slice, slice] = MARK) -> bytes:
    """A grey JPEG with a white mark, and its EXIF orientation (1 for none)."""
    pixels = np.full((HIGH, WIDE, 3), 90, np.uint8)
    pixels[mark] = 250
    jpeg = cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, 98])[1].tobytes()
    exif = b"Exif\0\0" + b"II*\0\x08\0\0\0\1\0" + struct.pack("<HHIHH", 274, 3, 1, orientation, 0)
    return jpeg[:2] + b"\xff\xe1" + struct.pack(">H", len(exif) + 6) + exif + bytes(4) + jpeg[2:]


def drawn(height: int = HIGH, width: int = WIDE) -> NDArray[np.uint8]:
    mask = np.zeros((HIGH, WIDE), np.uint8)
    mask[MARK] = 255
    return np.asarray(cv2.resize(mask, (width, height), interpolation=cv2.INTER_NEAREST), np.uint8)


def listed(root: Path, mask: str, orientation: int = 1) -> Dataset:
    """One bad picture with the mask of that name, and a good one."""
    (root / "a.jpg").write_bytes(stored(orientation))
    (root / "b.jpg").write_bytes(stored(1))
    (root / "labels.csv").write_text(f"path,label,mask\na.jpg,bad,{mask}\nb.jpg,good,\n")
    return load_dataset(root)


@pytest.mark.parametrize(
    ("name", "payload", "message"),
    [
        ("m.png", None, "not there: restore it, or correct its name in the column mask"),
        ("m.mat", b"MATLAB 5.0", r"a mask of type \.mat is not read: save it as PNG"),
        ("m.png", b"not a png", "not a readable image: give a JPEG, PNG"),
        ("m.png", cv2.imencode(".png", drawn())[1].tobytes()[:-30], "PNG"),
        (
            "m.png",
            cv2.imencode(".png", drawn(100, 60))[1].tobytes(),
            r"a mask of 60x100 px for a\.jpg of 96x64 px: draw it on the whole picture",
        ),
    ],
    ids=["absent", "another type", "no picture", "cut off", "another shape"],
)
def test_a_mask_that_cannot_be_used_is_a_fault_and_refused(
    tmp_path: Path, name: str, payload: bytes | None, message: str
) -> None:
    dataset = listed(tmp_path, name)
    if payload is not None:
        (tmp_path / name).write_bytes(payload)
    (fault,) = check_masks(dataset, SilentProgress()).faults
    assert (fault.path, fault.kind) == (name, "mask")
    with pytest.raises(
        DatasetError, match=rf"1 masks cannot be used, the first {name}: .*{message}"
    ):
        refuse_bad_masks(dataset, SilentProgress())


@pytest.mark.parametrize("orientation", [1, 3, 6, 8])
def test_a_mask_lies_where_the_defect_is_seen(tmp_path: Path, orientation: int) -> None:
    dataset = listed(tmp_path, "m.png", orientation)
    seen = read_picture(dataset, 0)[:, :, 0] > 170
    cv2.imwrite(str(tmp_path / "m.png"), seen.astype(np.uint8) * 255)
    if orientation == 3:
        (fault,) = check_masks(dataset, SilentProgress()).faults
        assert (
            "nothing tells whether this mask was drawn on its picture as it is shown" in fault.what
        )
        return
    assert np.array_equal(picture_mask(dataset, 0) > 0, seen)


@pytest.mark.parametrize("orientation", [5, 6, 7, 8])
def test_a_mask_of_the_stored_size_is_turned_like_its_picture(
    tmp_path: Path, orientation: int
) -> None:
    dataset = listed(tmp_path, "m.png", orientation)
    cv2.imwrite(str(tmp_path / "m.png"), drawn())
    seen = read_picture(dataset, 0)[:, :, 0] > 170
    assert seen.shape == (WIDE, HIGH)
    assert np.array_equal(picture_mask(dataset, 0) > 0, seen)
    checked = check_masks(dataset, SilentProgress())
    assert not checked.faults
    assert checked.notes == [
        "1 masks, the first m.png, have the size of their picture's file before its EXIF "
        "orientation: they are turned like it"
    ]


def test_a_mask_of_another_scale_is_scaled_and_said(tmp_path: Path) -> None:
    dataset = listed(tmp_path, "m.png")
    cv2.imwrite(str(tmp_path / "m.png"), drawn(HIGH // 2, WIDE // 2))
    assert np.array_equal(picture_mask(dataset, 0), drawn())
    (note,) = check_masks(dataset, SilentProgress()).notes
    assert "have another size than their picture and its aspect: they are scaled" in note


def test_several_masks_of_a_picture_are_joined(tmp_path: Path) -> None:
    for folder, names in (("bad", ["0"]), ("good", ["g"]), ("masks/0", ["a", "b"])):
        (tmp_path / folder).mkdir(parents=True)
        for name in names:
            mask = np.zeros((HIGH, WIDE), np.uint8)
            mask[4:8, 4:8] = 255 if name == "a" else 0
            mask[40:44, 50:60] = 255 if name == "b" else 0
            path = tmp_path / folder / f"{name}.png"
            noise = np.random.default_rng(1).integers(0, 255, (HIGH, WIDE), np.uint8)
            cv2.imwrite(str(path), mask if "masks" in folder else noise)
    dataset = load_dataset(tmp_path)
    assert dataset.samples[0].masks == ("masks/0/a.png", "masks/0/b.png")
    joined = picture_mask(dataset, 0)
    assert (joined > 0).sum() == 4 * 4 + 4 * 10
    assert joined[5, 5] == joined[41, 55] == 255
