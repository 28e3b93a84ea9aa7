"""Which frames are not fit to be judged."""

from __future__ import annotations

import numpy as np
import pytest

from edge_agent.health.frame import FrameHealth, FrameHealthTable


def noisy(level: int, seed: int) -> np.ndarray:
    noise = np.random.default_rng(seed).integers(-3, 4, (96, 128, 3))
    return np.clip(noise + level, 0, 255).astype(np.uint8)


@pytest.mark.parametrize(
    ("level", "words"),
    [(1, "dark frame"), (260, "saturated frame"), (30, ""), (120, ""), (240, "")],
)
def test_only_black_and_white_frames_are_unfit(level: int, words: str) -> None:
    fault = FrameHealth(FrameHealthTable()).fault(noisy(level, 0))
    assert fault.startswith(words)
    assert bool(fault) == bool(words)


def test_third_equal_frame_is_a_frozen_camera_and_a_new_one_mends_it() -> None:
    health = FrameHealth(FrameHealthTable(frozen_frames=3))
    same, other = noisy(120, 0), noisy(120, 1)
    faults = [health.fault(image) for image in (same, same, same, same, other)]
    assert [bool(fault) for fault in faults] == [False, False, True, True, False]
    assert "3 equal frames" in faults[2]


def test_switched_off_limits_let_everything_through() -> None:
    limits = FrameHealthTable(dark_mean=0, saturated_share=1, frozen_frames=0)
    health = FrameHealth(limits)
    for level in (0, 0, 0, 255, 255, 255):
        assert health.fault(np.full((64, 64, 3), level, np.uint8)) == ""
