from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from edge_agent.contracts.core.errors import InputError
from edge_agent.contracts.image.cut_out import CutOut
from edge_agent.contracts.image.input import ImageInput
from trainer.data.image.masks import as_picture, mask_as_shown, read_mask

SHAPE = np.zeros((20, 30), np.uint8)
SHAPE[5:12, 7:20] = 1


@pytest.mark.parametrize(
    ("name", "pixels"),
    [
        ("white.png", SHAPE * 255),
        ("class_number.png", SHAPE),
        ("palette_red.png", np.stack([SHAPE * 0, SHAPE * 0, SHAPE * 128], axis=2)),
        ("white.bmp", SHAPE * 255),
        ("white.jpg", SHAPE * 255),
        ("deep.tif", SHAPE.astype(np.uint16) * 65535),
        ("deep_class_number.png", SHAPE.astype(np.uint16)),
        ("deep_class_number.tif", SHAPE.astype(np.uint16) * 300),
        (
            "deep_clear.png",
            np.stack(
                [*[SHAPE.astype(np.uint16)] * 3, np.full_like(SHAPE, 65535, np.uint16)], axis=2
            ),
        ),
    ],
)
def test_anything_that_is_not_black_is_defect(
    tmp_path: Path, name: str, pixels: np.ndarray
) -> None:
    cv2.imwrite(str(tmp_path / name), pixels, [cv2.IMWRITE_JPEG_QUALITY, 95])
    mask = read_mask(tmp_path / name)
    assert np.array_equal(mask, SHAPE * 255)
    assert as_picture(mask).shape == (20, 30, 3)


def test_a_damaged_mask_is_named(tmp_path: Path) -> None:
    (tmp_path / "m.png").write_bytes(b"no picture")
    with pytest.raises(InputError, match=r"m\.png: not a readable image"):
        read_mask(tmp_path / "m.png")


def test_a_mask_is_black_where_its_frame_shows_no_part() -> None:
    limits = {"least_area": 0.01, "most_area": 0.1, "least_contrast": 9.0}
    box = CutOut(along=0.5, across=0.5, turned=False, **limits)
    spec = ImageInput(width_px=16, height_px=8, cut_out=box)
    drawn = np.full((60, 80), 255, np.uint8)
    shown = mask_as_shown(drawn, spec, lambda: np.full((60, 80, 3), 99, np.uint8))
    assert shown.shape == (8, 16)
    assert not shown.any()
