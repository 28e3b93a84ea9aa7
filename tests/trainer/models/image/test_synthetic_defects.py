"""Planted defects: where the mask is, and nowhere else."""

from __future__ import annotations

import numpy as np
import pytest

from trainer.models.image.synthetic_defects import KINDS, add_defect, add_defects


def _plates(channels: int = 3) -> np.ndarray:
    rng = np.random.default_rng(0)
    return rng.integers(60, 200, (4, 96, 96, channels), np.uint8)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("channels", [1, 3])
def test_a_defect_changes_the_image_inside_its_mask_only(kind: str, channels: int) -> None:
    images = _plates(channels)
    planted, mask = add_defect(images[0], images[1], kind, np.random.default_rng(3))
    changed = (planted != images[0]).any(axis=2)
    near = np.asarray(
        [np.roll(mask, (y, x), (0, 1)) for y in range(-5, 6) for x in range(-5, 6)]
    ).any(axis=0)
    assert planted.dtype == np.uint8
    assert changed.any()
    assert not (changed & ~near).any() or kind == "islands"


def test_the_same_seed_plants_the_same_defects() -> None:
    images = _plates()
    once, again = (add_defects(images, np.random.default_rng(5)) for _ in range(2))
    np.testing.assert_array_equal(once[0], again[0])
    np.testing.assert_array_equal(once[1], again[1])


def test_the_good_images_stay_as_they_are() -> None:
    images = _plates()
    before = images.copy()
    add_defects(images, np.random.default_rng(5))
    np.testing.assert_array_equal(images, before)
