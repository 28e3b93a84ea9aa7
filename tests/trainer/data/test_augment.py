from __future__ import annotations

import numpy as np
import pytest

from trainer.data.augment import AUGMENTATIONS, augment

LINE = ("scale", "blur", "glare", "dust", "belt", "exposure")
IMAGES = ("flip", "rotate", "brightness", *LINE)


def batch_for(name: str, height: int = 24) -> np.ndarray:
    rng = np.random.default_rng(5)
    if name in IMAGES:
        return rng.integers(40, 200, (6, height, 32, 3), np.uint8)
    return rng.normal(size=(6, 256, 2)).astype(np.float32)


@pytest.mark.parametrize("name", sorted(AUGMENTATIONS))
def test_a_variation_keeps_shape_and_type_and_leaves_its_input_alone(name: str) -> None:
    given = batch_for(name)
    before = given.copy()
    varied = AUGMENTATIONS[name](given, np.random.default_rng(1))
    assert varied.shape == given.shape
    assert varied.dtype == given.dtype
    np.testing.assert_array_equal(given, before)
    assert not np.array_equal(varied, before)


@pytest.mark.parametrize("name", sorted(AUGMENTATIONS))
def test_the_same_seed_varies_the_same_way(name: str) -> None:
    first = AUGMENTATIONS[name](batch_for(name), np.random.default_rng(9))
    again = AUGMENTATIONS[name](batch_for(name), np.random.default_rng(9))
    np.testing.assert_array_equal(first, again)


def test_flips_only_move_pixels() -> None:
    given = batch_for("flip")
    varied = AUGMENTATIONS["flip"](given, np.random.default_rng(2))
    np.testing.assert_array_equal(np.sort(varied.ravel()), np.sort(given.ravel()))


def test_grey_images_stay_grey() -> None:
    grey = batch_for("rotate")[..., :1]
    assert augment(grey, IMAGES, np.random.default_rng(3)).shape == grey.shape


def test_brightness_stays_within_its_bounds() -> None:
    flat = np.full((200, 8, 8, 3), 128, np.uint8)
    varied = AUGMENTATIONS["brightness"](flat, np.random.default_rng(4))
    assert np.abs(varied.astype(int) - 128).max() < 255 * (0.12 + 2 * 0.08 + 0.11)


def test_gain_keeps_the_shape_of_a_signal() -> None:
    given = batch_for("gain")
    varied = AUGMENTATIONS["gain"](given, np.random.default_rng(6))
    ratio = varied / given
    np.testing.assert_allclose(ratio, np.broadcast_to(ratio[:, :1, :1], ratio.shape), rtol=1e-4)
    assert (np.abs(ratio[:, 0, 0]) > 0.74).all()
    assert (np.abs(ratio[:, 0, 0]) < 1.26).all()


def test_no_names_no_change() -> None:
    given = batch_for("flip")
    assert augment(given, [], np.random.default_rng(0)) is given


@pytest.mark.parametrize(
    ("name", "most"), [("glare", 70), ("dust", 200 * 0.65), ("exposure", 200 * 0.4)]
)
def test_light_of_the_line_stays_within_its_bounds(name: str, most: float) -> None:
    flat = np.full((100, 32, 32, 3), 200 if name != "glare" else 100, np.uint8)
    varied = AUGMENTATIONS[name](flat, np.random.default_rng(4)).astype(int)
    assert 5 < np.abs(varied - flat).max() <= most + 1


def test_dust_leaves_most_of_the_picture_alone() -> None:
    flat = np.full((50, 96, 96, 1), 200, np.uint8)
    varied = AUGMENTATIONS["dust"](flat, np.random.default_rng(4))
    assert (varied < 190).mean() < 0.01


def test_a_smear_keeps_the_light_and_a_small_mark() -> None:
    picture = np.zeros((20, 64, 64, 1), np.uint8)
    picture[:, 30:34, 20:24] = 200
    varied = AUGMENTATIONS["belt"](picture, np.random.default_rng(1))
    assert varied.max(axis=(1, 2, 3)).min() >= 190
    np.testing.assert_allclose(varied.sum(axis=(1, 2, 3)), picture[0].sum(), rtol=0.02)
