"""Planted faults of camera and sensor do what their names say."""

from __future__ import annotations

from typing import get_args

import numpy as np
import pytest

from edge_agent.contracts.core.types import Image
from edge_agent.simulator.disturbance import (
    CameraFault,
    SensorFault,
    Strength,
    disturbed_image,
    disturbed_signal,
    draw_marks,
    shown_part,
)


def frame(seed: int) -> Image:
    return np.random.default_rng(seed).integers(60, 180, (96, 128, 3)).astype(np.uint8)


@pytest.mark.parametrize("fault", [f for f in get_args(CameraFault) if f not in ("none", "frozen")])
def test_a_stronger_fault_of_a_camera_changes_more(fault: CameraFault) -> None:
    image, earlier = frame(1), frame(2)
    strengths: tuple[Strength, ...] = (1, 2, 3)
    away = [
        np.abs(disturbed_image(image, earlier, fault, s).astype(int) - image).mean()
        for s in strengths
    ]
    assert away[0] > 0
    assert away[2] > 0.9 * away[0]
    assert np.array_equal(disturbed_image(image, earlier, "none", 2), image)


def test_a_frozen_camera_gives_the_same_buffers_again() -> None:
    assert [shown_part(k, 10, "frozen", 2) for k in range(8, 17)] == [
        8,
        9,
        10,
        11,
        12,
        10,
        11,
        12,
        10,
    ]
    assert shown_part(50, 10, "lamp", 2) == 50


@pytest.mark.parametrize("fault", sorted(set(get_args(SensorFault)) - {"none", "frozen"}))
def test_a_fault_of_a_sensor_changes_the_signal(fault: SensorFault) -> None:
    signal = np.random.default_rng(1).normal(size=(2000, 1)).astype(np.float32)
    changed = disturbed_signal(signal, fault, 2)
    assert changed.dtype == np.float32
    assert changed.shape == ((1941, 1) if fault == "rate" else signal.shape)
    assert not np.array_equal(changed[:1900], signal[:1900])
    assert disturbed_signal(signal, "none", 2) is signal


def test_marks_stay_where_they_are_and_carry_noise() -> None:
    one, other = draw_marks(frame(1)), draw_marks(frame(2))
    middle = round(0.11 * 96), round(0.07 * 128)
    assert abs(int(one[middle][0]) - int(other[middle][0])) < 15
    assert one[middle][0] > 180
