"""Pictures that no part gave: each is what its name says."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from trainer.evaluation.familiarity import (
    UNFAMILIAR,
    another_part,
    defocused,
    empty_scene,
    white_noise,
)

TILE = np.random.default_rng(0).integers(0, 256, (48, 64, 3), np.uint8)


@pytest.mark.parametrize("name", UNFAMILIAR)
def test_a_strange_picture_has_shape_and_type_of_the_tile(name: str) -> None:
    strange = UNFAMILIAR[name](TILE, np.random.default_rng(1))
    assert (strange.shape, strange.dtype) == (TILE.shape, TILE.dtype)


def test_a_defocus_is_a_gaussian_of_its_width() -> None:
    blurred = defocused(2)(TILE, np.random.default_rng(1)).astype(float)
    expected = gaussian_filter(TILE.astype(float), (2, 2, 0), mode="mirror")
    assert np.abs(blurred - expected)[8:-8, 8:-8].max() < 2


def test_noise_fills_the_range_and_an_empty_place_does_not() -> None:
    random = np.random.default_rng(1)
    assert white_noise(TILE, random).std() == pytest.approx(255 / np.sqrt(12), rel=0.05)
    assert empty_scene(TILE, random).std() < 4


def test_a_drawn_part_is_bright_on_dark_in_the_middle() -> None:
    part = another_part(np.zeros((96, 96, 1), np.uint8), np.random.default_rng(1))[:, :, 0]
    assert part[:8, :8].mean() < 60
    assert (part > 150).mean() > 0.05
