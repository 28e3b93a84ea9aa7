"""A picture under its heat map, against the formula of transparency in floating point."""

from __future__ import annotations

import numpy as np

from edge_agent.web.heat import INKS, STEPS, THICKEST, under_heat


def test_the_map_lies_over_the_picture_as_transparent_ink() -> None:
    random = np.random.default_rng(1)
    image = random.integers(0, 256, (40, 60, 3), dtype=np.uint8)
    share = random.random((40, 60)).astype(np.float32)
    share[0, :3] = 0, 1, 0.5
    found = under_heat(image, share)
    ink = np.stack([np.interp(share, STEPS, np.array(INKS)[:, k]) for k in range(3)], axis=-1)
    thick = THICKEST * share[..., None]
    assert np.abs(found - (image * (1 - thick) + ink * thick)).max() <= 1.5
    assert (found[0, 0] == image[0, 0]).all(), "where nothing is found, the picture is untouched"


def test_a_small_map_is_spread_over_the_whole_picture() -> None:
    image = np.full((90, 120, 3), 100, np.uint8)
    found = under_heat(image, np.array([[0, 0], [0, 1]], np.float32))
    assert (found[:20, :30] == 100).all()
    assert found[-1, -1, 0] > 180 > 60 > found[-1, -1, 2]
