from __future__ import annotations

import cv2
import numpy as np
import pytest

from trainer.data.image.spectrum import ANGLES, angles_between, spectrum, turns_of

SIDE = 96


def picture(seed: int = 3) -> np.ndarray:
    """Soft grain of twice the side, so that a cut may be shifted."""
    grain = np.random.default_rng(seed).normal(0, 1, (2 * SIDE, 2 * SIDE))
    return cv2.GaussianBlur(grain, (0, 0), 2).astype(np.float32)


def cut(image: np.ndarray, right: int = 0, down: int = 0) -> np.ndarray:
    top, left = SIDE // 2 + down, SIDE // 2 + right
    return np.ascontiguousarray(image[top : top + SIDE, left : left + SIDE])


def likeness(one: np.ndarray, other: np.ndarray) -> float:
    first, second = one - one.mean(axis=0), other - other.mean(axis=0)
    return float(np.vdot(first, second) / np.linalg.norm(first) / np.linalg.norm(second))


def test_a_shift_changes_the_spectrum_less_than_another_picture_does() -> None:
    whole = spectrum(cut(picture()), 1.0)
    assert likeness(whole, spectrum(cut(picture(), 5, -4), 1.0)) > 0.7
    assert likeness(whole, spectrum(cut(picture(4)), 1.0)) < 0.3


@pytest.mark.parametrize("degrees", [0, 37, 120])
@pytest.mark.parametrize("flipped", [False, True])
def test_the_turn_is_among_the_angles(degrees: int, flipped: bool) -> None:
    middle = (SIDE - 0.5, SIDE - 0.5)
    matrix = cv2.getRotationMatrix2D(middle, degrees, 1.0)
    turned = cut(cv2.warpAffine(picture(), matrix, (2 * SIDE, 2 * SIDE), flags=cv2.INTER_CUBIC))
    seen = np.ascontiguousarray(turned[::-1]) if flipped else turned
    one, other = (turns_of(spectrum(image, 1.0)) for image in (cut(picture()), seen))
    found = angles_between(one, other, flipped=flipped)
    step = np.pi / ANGLES
    wanted = (np.radians(degrees), np.pi - np.radians(degrees))
    off = [
        abs((angle - one_way + np.pi / 2) % np.pi - np.pi / 2)
        for angle in found
        for one_way in wanted
    ]
    assert min(off) <= 1.5 * step
