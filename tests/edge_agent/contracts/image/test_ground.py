"""What stands out of a calm ground: pieces in uneven light, and nothing on an empty one."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from edge_agent.contracts.core.types import Image
from edge_agent.contracts.image.ground import pieces_of


def ground(width: int = 640, height: int = 480) -> Image:
    """A lamp at one side, darker corners, a camera's noise."""
    down, across = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j]
    light = 150 + 40 * across - 20 * (across**2 + down**2)
    noise = np.random.default_rng(3).normal(0, 2, (height, width))
    return np.repeat(np.clip(light + noise, 0, 255).astype(np.uint8)[:, :, None], 3, axis=2)


def test_uneven_light_is_no_piece() -> None:
    empty = pieces_of(ground())
    frame = ground()
    cv2.circle(frame, (500, 300), 40, (60, 60, 60), -1)
    seen = pieces_of(frame)
    assert empty.contrast < 6
    assert seen.contrast > 60
    assert len(seen.pieces) == 1
    assert seen.pieces[0].share == pytest.approx(np.pi * 40**2 / (640 * 480), rel=0.12)


@pytest.mark.parametrize("grey", [20, 235], ids=["dark", "bright"])
def test_pieces_come_the_largest_first_and_dust_is_none(grey: int) -> None:
    frame = ground()
    for x, y, radius in ((150, 120, 25), (420, 300, 60), (300, 60, 3)):
        cv2.circle(frame, (x, y), radius, (grey, grey, grey), -1)
    seen = pieces_of(frame)
    middles = [one.points.mean(axis=0) * 640 / seen.width_px for one in seen.pieces]
    np.testing.assert_allclose(middles, [(420, 300), (150, 120)], atol=4)
    assert not any(one.at_the_edge for one in seen.pieces)


def test_a_piece_at_the_edge_does_not_bend_the_ground() -> None:
    frame = ground()
    cv2.rectangle(frame, (0, 180), (90, 300), (10, 10, 10), -1)
    cv2.circle(frame, (420, 240), 50, (60, 60, 60), -1)
    seen = pieces_of(frame)
    assert sorted(one.at_the_edge for one in seen.pieces) == [False, True]


def test_a_part_of_another_colour_of_the_same_brightness_stands_out() -> None:
    frame = np.full((240, 320, 3), 120, np.uint8)
    cv2.circle(frame, (160, 120), 30, (90, 130, 150), -1)
    seen = pieces_of(frame)
    assert len(seen.pieces) == 1
    assert seen.contrast == pytest.approx(30, abs=5)


def test_unrest_is_that_of_the_rim() -> None:
    noise = np.random.default_rng(4).integers(0, 256, (240, 320, 3)).astype(np.uint8)
    assert pieces_of(ground()).unrest < 4
    assert pieces_of(noise).unrest > 20
