"""The gauges go the way that the lens ring and the lamp go."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from edge_agent.health.gauges import gauge
from edge_agent.simulator.scene import render

PART = render(1, 3, 640, 480, 0.0)


def test_a_lens_that_is_turned_out_of_focus_is_less_sharp_step_by_step() -> None:
    turned = [PART, *(cv2.GaussianBlur(PART, (0, 0), sigma) for sigma in (0.8, 1.5, 3.0))]
    found = [gauge(image.astype(np.uint8)).sharpness for image in turned]
    assert found == sorted(found, reverse=True)
    assert found[1] < 0.9 * found[0]


@pytest.mark.parametrize(
    ("level", "exposure"), [(3, "dark"), (20, "dark"), (120, "good"), (230, "bright")]
)
def test_exposure_is_named(level: int, exposure: str) -> None:
    assert gauge(np.full((48, 64, 3), level, np.uint8)).exposure == exposure


def test_a_lamp_s_reflection_is_too_bright_though_the_mean_is_not() -> None:
    image = np.full((100, 100, 3), 90, np.uint8)
    image[:20, :20] = 255
    found = gauge(image)
    assert found.white == pytest.approx(0.04)
    assert found.exposure == "bright"
