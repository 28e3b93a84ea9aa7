"""Where a part lies: OpenCV moves a drawn one, and the search finds by how much."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from edge_agent.contracts.image.coarse_to_fine import likeness_by_turn, search

SIDE_PX = 128


def hook() -> np.ndarray:
    """A part that looks like itself under no turn, float32 grey (128, 128)."""
    grey = np.full((SIDE_PX, SIDE_PX), 40, np.float32)
    cv2.rectangle(grey, (44, 40), (60, 90), 200, -1)
    cv2.rectangle(grey, (44, 78), (92, 90), 160, -1)
    return cv2.GaussianBlur(grey, (0, 0), 1.0)


def disc() -> np.ndarray:
    """A part that looks like itself under every turn."""
    grey = np.full((SIDE_PX, SIDE_PX), 40, np.float32)
    cv2.circle(grey, (64, 64), 30, 200, -1)
    return cv2.GaussianBlur(grey, (0, 0), 1.0)


def moved(grey: np.ndarray, turn_deg: float, right_px: float, down_px: float) -> np.ndarray:
    middle = (SIDE_PX - 1) / 2
    matrix = cv2.getRotationMatrix2D((middle, middle), turn_deg, 1.0)
    matrix[:, 2] += right_px, down_px
    return cv2.warpAffine(grey, matrix, (SIDE_PX, SIDE_PX), borderMode=cv2.BORDER_REPLICATE)


@pytest.mark.parametrize("turn_deg", [-140.0, -31.5, 0.0, 77.0, 180.0])
def test_turn_and_place_of_a_part_are_found(turn_deg: float) -> None:
    found = search(moved(hook(), turn_deg, 7, -5), hook(), 180, 0.15)
    assert abs((found.turn_deg - turn_deg + 180) % 360 - 180) <= 1
    assert found.right * SIDE_PX == pytest.approx(7, abs=0.75)
    assert found.down * SIDE_PX == pytest.approx(-5, abs=0.75)
    assert found.likeness > 0.97


def test_references_that_take_turns_are_each_found() -> None:
    mirrored = np.ascontiguousarray(hook()[:, ::-1])
    for turn_deg in (30.0, -75.0):
        for part in (hook(), mirrored):
            found = search(moved(part, turn_deg, 3, 4), part, 180, 0.15)
            assert abs(found.turn_deg - turn_deg) <= 1
            assert found.likeness > 0.97


def test_a_turn_beyond_the_limit_is_not_given() -> None:
    assert abs(search(moved(hook(), 60, 0, 0), hook(), 20, 0.15).turn_deg) <= 20


@pytest.mark.parametrize(("grey", "spread"), [(disc(), (0.0, 0.02)), (hook(), (0.3, 2.0))])
def test_a_round_part_is_as_like_under_every_turn(
    grey: np.ndarray, spread: tuple[float, float]
) -> None:
    likeness = likeness_by_turn(grey, grey, 0.15, search(grey, grey, 180, 0.15))
    assert likeness.shape == (36,)
    assert spread[0] <= np.ptp(likeness) <= spread[1]


def test_a_frame_without_contrast_is_like_nothing() -> None:
    assert search(np.full((SIDE_PX, SIDE_PX), 90, np.float32), hook(), 180, 0.15).likeness == 0
