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


def _dark_part_on_bright_ground() -> Image:
    """A part of 20..90 on a twelfth of the picture, ground of 225..235."""
    rng = np.random.default_rng(0)
    picture = rng.integers(225, 236, (60, 60, 3)).astype(np.uint8)
    picture[20:38, 20:36] = rng.integers(20, 91, (18, 16, 3))
    return picture


def test_a_small_dark_part_keeps_its_levels_where_clipping_is_bounded() -> None:
    picture = _dark_part_on_bright_ground()
    part = (slice(20, 38), slice(20, 36))
    assert np.mean(standardised(picture)[part] == 0) > 0.9, "what no bound does"
    bounded = standardised(picture, 0.01)
    assert np.mean((bounded == 0) | (bounded == 255)) <= 0.01 + 3 / 256
    assert len(np.unique(bounded[part])) > 0.9 * len(np.unique(picture[part]))


@pytest.mark.parametrize("seed", range(8))
def test_no_more_values_saturate_than_are_allowed(seed: int) -> None:
    rng = np.random.default_rng(seed)
    levels = rng.gamma(0.5, 30, (40, 40, 3)) if seed % 2 else 255 - rng.gamma(0.3, 40, (40, 40, 3))
    picture = np.clip(levels, 0, 255).astype(np.uint8)
    ordered, beyond = np.sort(picture, axis=None), picture.size // 200
    low, high = int(ordered[beyond]), int(ordered[-1 - beyond])
    found = standardised(picture, 0.01)
    saturated = ((found == 0) & (picture > low + 1)) | ((found == 255) & (picture < high - 1))
    assert not saturated.any()
    plain = standardised(picture)
    assert np.mean((plain == 0) | (plain == 255)) > 0.02, "what no bound does"


def test_a_bound_that_is_kept_changes_nothing() -> None:
    picture = _picture()
    np.testing.assert_array_equal(standardised(picture, 0.01), standardised(picture))


def test_a_manifest_without_a_bound_has_none() -> None:
    old = ImageInput(width_px=60, height_px=60, standardise=True)
    picture = _dark_part_on_bright_ground()
    np.testing.assert_array_equal(prepare_image(picture, old), standardised(picture))
    new = old.model_copy(update={"most_clipped": 0.01})
    np.testing.assert_array_equal(prepare_image(picture, new), standardised(picture, 0.01))


def test_bounded_pictures_hardly_see_the_light() -> None:
    picture = _dark_part_on_bright_ground()
    darker = np.clip(picture * 0.9, 0, 255).astype(np.uint8)
    change = standardised(picture, 0.01).astype(int) - standardised(darker, 0.01)
    assert np.abs(change).mean() < 2
