"""Pictures that no part gave: each is what its name says."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from edge_agent.contracts.image.brightness import standardised
from edge_agent.contracts.image.input import ImageInput
from trainer.data.load import load_dataset
from trainer.evaluation.familiarity import (
    UNFAMILIAR,
    another_part,
    defocused,
    empty_scene,
    strange_tiles,
    unlevelled,
    white_noise,
)

TILE = np.random.default_rng(0).integers(0, 256, (48, 64, 3), np.uint8)


@pytest.mark.parametrize("name", UNFAMILIAR)
def test_a_strange_picture_has_shape_and_type_of_the_tile(name: str) -> None:
    strange = UNFAMILIAR[name](TILE, np.random.default_rng(1))
    assert (strange.shape, strange.dtype) == (TILE.shape, TILE.dtype)


def test_levels_are_evened_out_once_and_after_the_frame_was_made_strange(tmp_path: Path) -> None:
    (tmp_path / "ok").mkdir()
    frame = np.random.default_rng(2).gamma(2, 12, (48, 64, 3)).clip(0, 255).astype(np.uint8)
    cv2.imwrite(str(tmp_path / "ok" / "0.png"), frame[:, :, ::-1])
    (tmp_path / "dataset.toml").write_text('task = "image-anomaly"\ngood = ["ok"]\n')
    spec = ImageInput(width_px=64, height_px=48, standardise=True, most_clipped=0.01)
    tiles = unlevelled(load_dataset(tmp_path), 0, spec)
    found = strange_tiles(tiles, spec, lambda tile, rng: tile, np.random.default_rng(1))
    np.testing.assert_array_equal(found[0], standardised(frame, 0.01))
    assert (found[0] != standardised(standardised(frame, 0.01), 0.01)).any()


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
