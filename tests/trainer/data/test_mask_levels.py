"""Sixteen bits brought to eight: what is not black stays so, and noise keeps its levels."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from trainer.data.mask_levels import brightest_levels


@pytest.mark.parametrize("kind", [np.uint8, np.uint16])
def test_the_brightest_of_the_channels_counts(
    tmp_path: Path, kind: type[np.uint8] | type[np.uint16]
) -> None:
    path = tmp_path / "m.png"
    row = [[9, 0, 1], [2, 7, 0], [0, 3, 8], [0, 0, 0]]
    assert cv2.imwrite(str(path), np.array([row], kind))
    assert brightest_levels(path).tolist() == [[9, 7, 8, 0]]


@pytest.mark.parametrize(
    ("values", "levels"),
    [([0, 1, 2], [0, 1, 2]), ([0, 1, 65535], [0, 1, 255]), ([0, 4, 1023], [0, 1, 255])],
)
def test_no_value_but_black_becomes_black(
    tmp_path: Path, values: list[int], levels: list[int]
) -> None:
    path = tmp_path / "m.png"
    assert cv2.imwrite(str(path), np.array([values], np.uint16))
    assert brightest_levels(path).tolist() == [levels]
