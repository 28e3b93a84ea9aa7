"""A part that lies off is brought back; a frame without a part is left alone."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from edge_agent.contracts.image.alignment import (
    Alignment,
    Pose,
    find_pose,
    heat_as_it_lies,
    make_alignment,
    move,
)


def part(width: int = 320, height: int = 240) -> np.ndarray:
    """A bright bracket with a hole on a dark belt."""
    image = np.full((height, width, 3), 40, np.uint8)
    cv2.rectangle(image, (100, 80), (220, 150), (200, 180, 170), -1)
    cv2.rectangle(image, (180, 60), (220, 90), (200, 180, 170), -1)
    cv2.circle(image, (130, 115), 14, (60, 60, 60), -1)
    return image


def moved(image: np.ndarray, turn_deg: float, right_px: float, down_px: float) -> np.ndarray:
    height, width = image.shape[:2]
    matrix = cv2.getRotationMatrix2D(((width - 1) / 2, (height - 1) / 2), turn_deg, 1.0)
    matrix[:, 2] += right_px, down_px
    return cv2.warpAffine(image, matrix, (width, height), borderMode=cv2.BORDER_REPLICATE)


def align_image(image: np.ndarray, alignment: Alignment) -> np.ndarray:
    """As the station does it."""
    return move(image, find_pose(image, alignment))


@pytest.mark.parametrize(
    ("turn_deg", "right_px", "down_px"),
    [(0, 12, -9), (0, -20, 4), (7, 0, 0), (-11, 6, 8)],
    ids=["right-up", "left", "turned", "turned-and-shifted"],
)
def test_a_part_that_lies_off_is_brought_back(
    turn_deg: float, right_px: float, down_px: float
) -> None:
    alignment = make_alignment(part(), turn_deg=15)
    off = moved(part(), turn_deg, right_px, down_px)
    before = np.abs(off.astype(float) - part()).mean()
    after = np.abs(align_image(off, alignment).astype(float) - part()).mean()
    assert after < before / 4


@pytest.mark.parametrize("search", ["every", "coarse_to_fine"])
@pytest.mark.parametrize("turn_deg", [-170.0, -83.5, 41.0, 90.0, 180.0])
def test_a_part_at_any_angle_is_brought_back(turn_deg: float, search: str) -> None:
    alignment = make_alignment(part(), turn_deg=180).model_copy(update={"search": search})
    pose = find_pose(moved(part(), turn_deg, 9, -6), alignment)
    away = (pose.turn_deg + turn_deg + 180) % 360 - 180
    assert abs(away) <= 1
    middle_px = moved(part(), turn_deg, 9, -6).astype(float)[60:180, 80:240]
    back = align_image(moved(part(), turn_deg, 9, -6), alignment).astype(float)[60:180, 80:240]
    here = part()[60:180, 80:240]
    assert np.abs(back - here).mean() < np.abs(middle_px - here).mean() / 4


def test_a_manifest_of_before_is_searched_at_every_angle() -> None:
    document = make_alignment(part(), turn_deg=180).model_dump(exclude={"search"})
    assert Alignment.model_validate(document).search == "every"


def test_a_heat_map_is_turned_back_over_the_frame_as_it_came() -> None:
    frame = np.zeros((240, 320, 3), np.uint8)
    cv2.circle(frame, (230, 90), 12, (255, 255, 255), -1)
    pose = Pose(turn_deg=70, right=0.04, down=-0.05)
    aligned = move(frame, pose)[:, :, 0].astype(np.float32)
    heat = cv2.resize(aligned, (20, 20), interpolation=cv2.INTER_AREA)
    back = cv2.resize(heat_as_it_lies(heat, pose, 320, 240), (320, 240))
    rows, columns = np.nonzero(back > back.max() / 2)
    assert np.mean(columns) == pytest.approx(230, abs=5)
    assert np.mean(rows) == pytest.approx(90, abs=5)


def test_brightness_does_not_move_a_part() -> None:
    darker = (part() * 0.6).astype(np.uint8)
    assert find_pose(darker, make_alignment(part(), turn_deg=10)) == Pose()


@pytest.mark.parametrize("level", [0, 127, 255])
def test_an_empty_frame_stays_as_it_is(level: int) -> None:
    empty = np.full((240, 320, 3), level, np.uint8)
    assert align_image(empty, make_alignment(part(), turn_deg=10)) is empty


def test_a_shift_beyond_the_bound_is_not_followed() -> None:
    pose = find_pose(moved(part(), 0, 60, 0), make_alignment(part(), shift_share=0.1))
    assert abs(pose.right) <= 0.1


@pytest.mark.parametrize("text", ["%%%", "aGVsbG8="], ids=["no base64", "no picture"])
def test_a_torn_reference_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="the reference"):
        Alignment(reference_png=text)
