"""What is measured of a frame moves with its own cause, and not with one part's defect."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from edge_agent.health.picture import (
    Healthy,
    cells_of,
    detail_of,
    healthy_line,
    measure_picture,
)
from tests.health_frames import healthy_frame


@pytest.fixture(scope="module")
def healthy() -> Healthy:
    frames = [healthy_frame(k) for k in range(30)]
    return healthy_line([cells_of(one) for one in frames], [detail_of(one) for one in frames])


def test_light_and_tint_are_logarithms(healthy: Healthy) -> None:
    image = healthy_frame(50)
    before = measure_picture(image, healthy)
    dimmed = (image * 0.85).astype(np.uint8)
    after = measure_picture(dimmed, healthy)
    assert after.light - before.light == pytest.approx(np.log(0.85), abs=0.01)
    blueless = (image * np.array([1, 1, 0.9])).astype(np.uint8)
    assert measure_picture(blueless, healthy).blue - before.blue == pytest.approx(
        np.log(0.9), abs=0.01
    )


def test_defocus_lowers_focus_and_light_does_not(healthy: Healthy) -> None:
    image = healthy_frame(50)
    before = measure_picture(image, healthy).focus
    blurred = measure_picture(cv2.GaussianBlur(image, (0, 0), 1.5), healthy).focus
    dimmed = measure_picture((image * 0.85).astype(np.uint8), healthy).focus
    assert before - blurred > 5 * abs(before - dimmed)


def test_a_defect_of_one_part_moves_nothing_but_its_own_fields(healthy: Healthy) -> None:
    image = healthy_frame(50)
    before = measure_picture(image, healthy)
    cv2.rectangle(image, (120, 100), (170, 130), (20, 20, 20), -1)
    after = measure_picture(image, healthy)
    assert after.light == pytest.approx(before.light, abs=0.01)
    assert after.focus == pytest.approx(before.focus, abs=0.05)
    assert after.residual.min() < before.residual.min() - 3
