"""Pictures brought to the same grey levels."""

from __future__ import annotations

import numpy as np
import pytest

from edge_agent.contracts.core.types import Image
from edge_agent.contracts.image.brightness import MEAN, SPREAD, standardised
from edge_agent.contracts.image.input import ImageInput, prepare_image, prepare_tiles


def _picture(seed: int = 0, low: float = 60, high: float = 140) -> Image:
    rng = np.random.default_rng(seed)
    ramp = np.linspace(low, high, 48)[:, None, None] + rng.normal(0, 3, (48, 64, 3))
    return np.clip(ramp, 0, 255).astype(np.uint8)


def test_mean_and_spread_are_the_same_whatever_the_light() -> None:
    for low, high in ((10, 50), (60, 140), (120, 220)):
        found = standardised(_picture(low=low, high=high))
        assert found.mean() == pytest.approx(MEAN, abs=1)
        assert 0.75 * SPREAD < found.std() < SPREAD


def test_ten_percent_of_light_change_nothing_to_speak_of() -> None:
    picture = _picture()
    brighter = np.clip(picture * 1.1, 0, 255).astype(np.uint8)
    change = standardised(picture).astype(int) - standardised(brighter)
    assert np.abs(change).mean() < 2
    assert np.abs(picture.astype(int) - brighter).mean() > 8


def test_colours_stay() -> None:
    red = np.zeros((8, 8, 3), np.uint8)
    red[..., 0] = 200
    assert (standardised(red)[..., 0] > standardised(red)[..., 1]).all()


@pytest.mark.parametrize("level", [0, 7, 255])
def test_an_empty_picture_becomes_grey(level: int) -> None:
    assert (standardised(np.full((8, 8, 1), level, np.uint8)) == round(MEAN)).all()


def test_noise_of_an_empty_picture_is_not_blown_up_without_bounds() -> None:
    noise = np.random.default_rng(0).integers(100, 102, (32, 32, 3)).astype(np.uint8)
    assert standardised(noise).std() < 10


def test_a_specification_standardises_last_and_each_tile_alone() -> None:
    spec = ImageInput(width_px=16, height_px=16)
    picture = _picture()
    expected = standardised(prepare_image(picture, spec))
    wanted = spec.model_copy(update={"standardise": True})
    np.testing.assert_array_equal(prepare_image(picture, wanted), expected)
    tiled = ImageInput.model_validate({**wanted.model_dump(), "tiles": {"rows": 2}})
    assert [round(float(tile.mean())) for tile in prepare_tiles(picture, tiled)] == [118, 118]


def test_grey_specifications_are_standardised_too() -> None:
    spec = ImageInput(width_px=16, height_px=16, channels=1, standardise=True)
    assert prepare_image(_picture(), spec).mean() == pytest.approx(MEAN, abs=1)
