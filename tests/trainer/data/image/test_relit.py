"""Another light on a good picture: smooth, bounded, and no flaw comes or goes by it."""

from __future__ import annotations

import numpy as np
import pytest

from trainer.data.image.relit import relit

GREY = np.full((200, 64, 64, 3), 120, np.uint8)


def lit(images: np.ndarray, seed: int = 0) -> np.ndarray:
    return relit(images, np.random.default_rng(seed))


def test_a_picture_keeps_its_shape_and_the_draw_its_seed() -> None:
    images = np.random.default_rng(1).integers(0, 256, (5, 20, 30, 1), np.uint8)
    once = lit(images)
    assert once.shape == images.shape
    assert once.dtype == np.uint8
    assert np.array_equal(once, lit(images))
    assert not np.array_equal(once, lit(images, 1))
    assert len(lit(images[:0])) == 0


def test_light_differs_between_pictures_within_its_bounds() -> None:
    means = lit(GREY).mean(axis=(1, 2, 3)) / 120
    assert means.std() > 0.05
    corner = 0.2 * 2**0.5
    darkest, bright = 0.88 * (1 - corner), 1.12 * (1 + corner)
    brightest = bright + 0.4 * (0.7 * bright + 0.3 * 255 / 120)
    levels = lit(GREY).astype(float) / 120
    assert levels.min() >= darkest - 0.01
    assert levels.max() <= brightest + 0.01


@pytest.mark.parametrize("axis", [1, 2])
def test_light_makes_no_edge(axis: int) -> None:
    steps = np.abs(np.diff(lit(GREY).astype(int), axis=axis))
    assert steps.max() <= 14  # of 120: the narrowest reflection at its steepest place adds 12


def test_black_ground_stays_dark() -> None:
    black = lit(np.zeros((200, 32, 32, 3), np.uint8))
    assert 0 < black.max() <= 0.4 * 0.3 * 255 + 1


def test_a_dark_spot_stays_one_under_any_light() -> None:
    spotted = GREY.copy()
    spotted[:, 30:34, 30:34] = 60
    light = lit(spotted).astype(float).mean(axis=3)
    spot = light[:, 31:33, 31:33].mean(axis=(1, 2))
    around = light[:, 26:38:11, 26:38:11].mean(axis=(1, 2))
    assert np.all(spot < 0.85 * around)
