"""Each variation of training samples alone: what it must leave as it is, and by how much it may
change the rest."""

from __future__ import annotations

import numpy as np
import pytest

from trainer.data.image import augment as pictures
from trainer.data.image import line_variations as line
from trainer.data.vibration import augment as windows


def rng() -> np.random.Generator:
    return np.random.default_rng(3)


def test_a_flip_is_one_of_four_mirrored_pictures() -> None:
    batch = rng().integers(0, 256, (40, 6, 9, 3), np.uint8)
    for before, after in zip(batch, pictures.flip(batch, rng()), strict=True):
        mirrored = (before, before[:, ::-1], before[::-1], before[::-1, ::-1])
        assert any(np.array_equal(after, one) for one in mirrored)


def test_a_picture_that_is_not_square_is_not_turned_by_quarters() -> None:
    batch = np.zeros((30, 20, 60, 1), np.uint8)
    batch[:, :, 28:32] = 255  # an upright line stays within 10 degrees of upright
    turned = pictures.rotate(batch, rng())
    assert turned.shape == batch.shape
    columns = turned[..., 0].max(axis=1) > 128
    assert columns.sum(axis=1).max() < 20


def test_brightness_leaves_black_to_white_in_order() -> None:
    ramp = np.tile(np.arange(0, 256, 8, dtype=np.uint8)[None, :, None, None], (20, 1, 4, 3))
    for picture in pictures.brightness(ramp, rng()).astype(int):
        assert np.all(np.diff(picture[:, 0, 0]) >= -5)


def test_scale_keeps_the_middle_of_the_picture() -> None:
    batch = np.zeros((20, 41, 41, 1), np.uint8)
    batch[:, 15:26, 15:26] = 200
    scaled = line.scale(batch, rng())
    assert np.all(scaled[:, 20, 20] == 200)
    area = (scaled > 100).sum(axis=(1, 2, 3)) / 121
    assert 0.7 < area.min() < 1 < area.max() < 1.35


def test_blur_keeps_the_mean_and_lowers_the_contrast() -> None:
    batch = rng().integers(0, 256, (5, 64, 64, 1), np.uint8)
    blurred = line.blur(batch, rng())
    assert np.allclose(blurred.mean(axis=(1, 2, 3)), batch.mean(axis=(1, 2, 3)), atol=1)
    assert np.all(blurred.std(axis=(1, 2, 3)) < batch.std(axis=(1, 2, 3)))


def test_an_exposure_is_a_step_and_clips_at_white() -> None:
    steps = line.exposure(np.full((50, 2, 2, 3), 200, np.uint8), rng())
    expected = np.minimum(200 * np.array(line.STEPS), 255)
    assert np.all(np.abs(np.unique(steps)[:, None] - expected).min(axis=1) <= 1)


def test_glare_only_adds_light() -> None:
    batch = rng().integers(0, 256, (20, 32, 32, 3), np.uint8)
    more = line.glare(batch, rng()).astype(int) - batch
    assert more.min() >= 0
    assert 0 < more.max() <= line.GLARE


def test_dust_only_takes_light() -> None:
    batch = np.full((20, 64, 64, 1), 200, np.uint8)
    after = line.dust(batch, rng())
    assert after.max() <= 200
    assert after.min() < 200


def test_a_belt_smears_along_its_run_only() -> None:
    batch = np.zeros((10, 9, 80, 1), np.uint8)
    batch[:, 4, 40] = 240
    smeared = line.belt(batch, rng())
    assert not smeared[:, [0, 1, 2, 3, 5, 6, 7, 8]].any()


@pytest.mark.parametrize("axes", [1, 3])
def test_gain_is_one_factor_for_a_whole_window(axes: int) -> None:
    batch = rng().normal(size=(12, 50, axes)).astype(np.float32)
    ratio = windows.gain(batch, rng()) / batch
    assert np.allclose(ratio, ratio[:, :1, :1], rtol=1e-4)
    size = np.abs(ratio[:, 0, 0])
    assert 1 - windows.GAIN <= size.min() <= size.max() <= 1 + windows.GAIN


def test_noise_is_at_most_a_tenth_of_the_rms() -> None:
    batch = np.full((40, 4000, 1), 2.0, np.float32)
    added = (windows.noise(batch, rng()) - batch).std(axis=(1, 2))
    assert added.max() <= 0.1 * 2.0 * 1.05
    silent = np.zeros((2, 10, 1), np.float32)
    assert not windows.noise(silent, rng()).any()
