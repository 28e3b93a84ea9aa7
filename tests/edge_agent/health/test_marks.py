"""Shift and turn of what stays in its place, against moves that were made."""

from __future__ import annotations

from math import isnan

import cv2
import numpy as np
import pytest

from edge_agent.contracts.core.types import Image
from edge_agent.health.marks import Mark, MarkSearch, camera_pose
from tests.health_frames import healthy_frame


@pytest.fixture(scope="module")
def marks() -> list[Mark]:
    search = MarkSearch()
    for k in range(20):
        search.add(healthy_frame(k))
    return search.marks()


def moved(image: Image, right: float, down: float, turn_deg: float, larger: float = 1.0) -> Image:
    """Clockwise on the screen; OpenCV turns the other way."""
    height, width = image.shape[:2]
    matrix = cv2.getRotationMatrix2D(((width - 1) / 2, (height - 1) / 2), -turn_deg, larger)
    matrix[:, 2] += right, down
    turned = cv2.warpAffine(image, matrix, (width, height), borderMode=cv2.BORDER_REFLECT)
    return np.asarray(turned, np.uint8)


def test_the_two_marks_are_found_and_the_moving_disc_is_none(marks: list[Mark]) -> None:
    middles = sorted((mark.left_px + 16, mark.top_px + 16) for mark in marks)
    assert np.abs(np.array(middles) - [(30, 30), (290, 210)]).max() <= 6


@pytest.mark.parametrize(
    ("right", "down", "turn"),
    [(0, 0, 0), (2.5, -1.5, 0), (5, 0, 0), (0, 0, 3), (0, 0, -1), (-3, 2, 1.5)],
)
def test_shift_and_turn_are_measured(
    marks: list[Mark], right: float, down: float, turn: float
) -> None:
    pose = camera_pose(moved(healthy_frame(99), right, down, turn), marks)
    assert pose.right_px == pytest.approx(right, abs=0.4)
    assert pose.down_px == pytest.approx(down, abs=0.4)
    assert pose.turn_deg == pytest.approx(turn, abs=0.2)
    assert pose.likeness > 0.8


@pytest.mark.parametrize("larger", [0.98, 1.01, 1.03])
def test_another_size_is_measured_and_is_no_shift(marks: list[Mark], larger: float) -> None:
    pose = camera_pose(moved(healthy_frame(99), 0, 0, 0, larger), marks)
    assert pose.scale == pytest.approx(larger - 1, abs=0.003)
    assert (pose.right_px, pose.down_px) == pytest.approx((0, 0), abs=0.4)
    assert pose.turn_deg == pytest.approx(0, abs=0.2)


def test_a_veil_takes_contrast_and_a_darker_lamp_does_not(marks: list[Mark]) -> None:
    image = healthy_frame(99)
    before = camera_pose(image, marks).veil
    dimmed = cv2.convertScaleAbs(image, alpha=0.7)
    veiled = cv2.convertScaleAbs(image, alpha=0.8, beta=0.2 * 150)
    assert camera_pose(np.asarray(dimmed, np.uint8), marks).veil == pytest.approx(before, abs=0.02)
    assert camera_pose(np.asarray(veiled, np.uint8), marks).veil > before + 0.2


def test_where_white_is_cut_off_there_is_no_word_of_a_veil(marks: list[Mark]) -> None:
    bright = np.asarray(cv2.convertScaleAbs(healthy_frame(99), alpha=1.5), np.uint8)
    assert isnan(camera_pose(bright, marks).veil)


def test_a_hidden_mark_is_unlike_itself_and_gives_no_pose(marks: list[Mark]) -> None:
    image = healthy_frame(99)
    image[:70, :70] = np.random.default_rng(1).integers(0, 255, (70, 70, 3))
    pose = camera_pose(image, marks)
    assert pose.likeness < 0.5
    assert isnan(pose.right_px)


def test_where_nothing_stays_there_is_no_mark() -> None:
    search = MarkSearch()
    rng = np.random.default_rng(1)
    for _ in range(20):
        search.add(rng.integers(60, 120, (240, 320, 3)).astype(np.uint8))
    assert search.marks() == []
    assert isnan(camera_pose(healthy_frame(1), []).turn_deg)
