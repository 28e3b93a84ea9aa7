"""Tiles cover the region, and their heat maps come together where they were cut."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from edge_agent.contracts.core.errors import InputError
from edge_agent.contracts.image.alignment import make_alignment
from edge_agent.contracts.image.input import (
    ImageInput,
    Region,
    Tiling,
    prepare_image,
    prepare_tiles,
    stitch,
)


@pytest.mark.parametrize("rows", [1, 2, 5])
@pytest.mark.parametrize("overlap", [0.0, 0.1, 0.5])
def test_tiles_cover_the_whole_side(rows: int, overlap: float) -> None:
    regions = Tiling(rows=rows, columns=1, overlap=overlap).regions()
    assert regions[0].top == 0
    assert regions[-1].top + regions[-1].height == pytest.approx(1)
    for upper, lower in pairwise(regions):
        shared = upper.top + upper.height - lower.top
        assert shared == pytest.approx(overlap * upper.height)


def test_a_frame_without_tiles_is_one_tile() -> None:
    image = np.random.default_rng(0).integers(0, 256, (60, 80, 3), np.uint8)
    spec = ImageInput(width_px=32, height_px=32)
    np.testing.assert_array_equal(prepare_tiles(image, spec), prepare_image(image, spec)[None])


def test_a_small_bright_spot_lies_in_its_tile_only() -> None:
    image = np.zeros((100, 200, 3), np.uint8)
    image[80:84, 160:164] = 255
    spec = ImageInput(width_px=32, height_px=32, tiles=Tiling(rows=2, columns=2, overlap=0))
    tiles = prepare_tiles(image, spec)
    assert tiles.shape == (4, 32, 32, 3)
    assert [bool(tile.max() > 0) for tile in tiles] == [False, False, False, True]


def test_tiles_are_cut_from_the_region() -> None:
    image = np.zeros((100, 100, 3), np.uint8)
    image[50:] = 200
    lower = Region(left=0, top=0.5, width=1, height=0.5)
    spec = ImageInput(width_px=8, height_px=8, region=lower, tiles=Tiling(rows=2, columns=1))
    assert (prepare_tiles(image, spec) == 200).all()


def test_a_tiled_specification_gives_no_single_tensor() -> None:
    spec = ImageInput(width_px=8, height_px=8, tiles=Tiling(rows=2, columns=3))
    with pytest.raises(InputError, match="6 tiles"):
        prepare_image(np.zeros((20, 20, 3), np.uint8), spec)


def test_heat_maps_come_together_where_they_were_cut() -> None:
    tiles = Tiling(rows=2, columns=2, overlap=0)
    heats = np.stack([np.full((4, 4), value, np.float32) for value in (1, 2, 3, 4)])
    joined = stitch(heats, tiles)
    assert joined.shape == (8, 8)
    assert [joined[0, 0], joined[0, 7], joined[7, 0], joined[7, 7]] == [1, 2, 3, 4]


def test_where_tiles_overlap_the_hotter_counts() -> None:
    tiles = Tiling(rows=2, columns=1, overlap=0.5)
    cold, hot = np.zeros((8, 8), np.float32), np.ones((8, 8), np.float32)
    for heats in (np.stack([cold, hot]), np.stack([hot, cold])):
        joined = stitch(heats, tiles)
        assert joined.shape == (12, 8)
        assert (joined[4:8] == 1).all()


def test_a_moved_part_gives_the_same_tensor_once_aligned() -> None:
    image = np.full((96, 96, 3), 30, np.uint8)
    image[30:60, 25:70] = 180
    image[40:50, 35:45] = 60
    moved = np.roll(image, (6, -9), (0, 1))
    plain = ImageInput(width_px=96, height_px=96)
    aligned = plain.model_copy(update={"align": make_alignment(image)})
    wanted = prepare_image(image, plain).astype(int)
    assert np.abs(prepare_image(moved, plain) - wanted).mean() > 10
    assert np.abs(prepare_image(moved, aligned) - wanted).mean() < 2


def test_the_specification_survives_json() -> None:
    image = np.random.default_rng(0).integers(0, 256, (40, 40, 3), np.uint8)
    spec = ImageInput(
        width_px=8, height_px=8, align=make_alignment(image, 5), tiles=Tiling(rows=2, columns=2)
    )
    assert ImageInput.model_validate_json(spec.model_dump_json()) == spec
