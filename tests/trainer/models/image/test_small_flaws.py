"""A small flaw is as large as the part asks, whatever the size of the input and of the frame."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from trainer.models.image.small_flaws import part_of, small_flaws


def discs(radius: int, count: int = 24, side: int = 320) -> np.ndarray:
    """Bright discs on a dark ground; a radius as large as the picture fills it."""
    picture = np.full((side, side, 3), 40, np.uint8)
    cv2.circle(picture, (side // 2, side // 2), radius, (170, 170, 170), -1)
    return np.repeat(picture[None], count, axis=0)


def changed(pictures: np.ndarray) -> np.ndarray:
    """(N, H, W) where a flaw changed the pictures."""
    flawed = small_flaws(pictures, np.random.default_rng(5)).astype(int)
    return np.abs(flawed - pictures).max(axis=3) > 5


def test_the_part_is_what_differs_from_the_rim() -> None:
    part = part_of(discs(80)[0])
    assert part.mean() == pytest.approx(np.pi * 80**2 / 320**2, rel=0.1)
    assert part[160, 160]
    assert not part[10, 10]


def test_texture_is_taken_to_fill_the_frame() -> None:
    noise = np.random.default_rng(1).integers(0, 255, (96, 96, 3)).astype(np.uint8)
    assert part_of(noise).all()
    assert part_of(np.full((96, 96, 3), 90, np.uint8)).all()


def test_flaws_lie_on_the_part() -> None:
    pictures = discs(60)
    part = part_of(pictures[0])
    where = changed(pictures)
    on_part = [where[n][part].sum() / where[n].sum() for n in range(len(where)) if where[n].any()]
    assert np.mean(np.array(on_part) >= 0.4) >= 0.9


def test_the_flaws_of_a_small_part_are_smaller() -> None:
    small, large = (np.median(changed(discs(radius)).sum(axis=(1, 2))) for radius in (40, 150))
    assert 0 < small < large / 3


def test_a_flaw_of_a_strip_is_not_stretched() -> None:
    """Round spots and straight scratches lie in any direction: as often across as along."""
    strips = np.full((60, 480, 160, 3), 120, np.uint8)
    where = changed(strips)
    sides = [np.ptp(np.argwhere(one), axis=0) + 1 for one in where if one.any()]
    tall, wide = np.median(sides, axis=0)
    assert 0.5 < tall / wide < 2
