"""Pictures brought to another size: three methods, of which the manifest of a bundle names one."""

from __future__ import annotations

from typing import Literal

import cv2
import numpy as np

from edge_agent.contracts.core.types import Image

Shrink = Literal["areas", "halves", "exact"]
"""How pictures shrink.

areas: 2x2 means while both sides are even and at least twice too large (a camera's 1280x960 first
becomes 320x240 on its way to 224x224), then means of areas.
halves: the same, but only while a side is four times too large or more; from there bilinear to
exactly twice the size (four, eight times where sides are odd or far apart), and 2x2 means down. A
picture of which neither side is twice too large is shrunk by means of areas.
exact: 2x2 means as in `areas`; then bilinear, where no side is more than half too large, else
bilinear to twice the size (or four, eight times, so that this step is none too large) and means
down. So every pixel counts, whatever the shape of the picture (1280x720 becomes 640x360, then
448x448). All steps are of whole numbers: the same on every processor, where OpenCV's quicker
bilinear steps and its means of areas differ by a level on arm64, which moves the outputs of a
network.
"""

MOST_AT_ONCE = 1.5
"""So much too large may a side be for one bilinear step: each pixel counts at least half as much as
one that a sample falls on.
"""


def resize(image: Image, width_px: int, height_px: int, shrink: Shrink) -> Image:
    """uint8 (H, W, 3) -> uint8 (height_px, width_px, 3); where a side must grow it is bilinear."""
    if shrink == "exact":
        return _exactly(image, width_px, height_px)
    last = 1 if shrink == "halves" else 0
    across, down = _halvings(image, width_px, height_px)
    while across and down and across + down > 2 * last and _is_even(image):
        image = _halved(image)
        across, down = _halvings(image, width_px, height_px)
    if last and (across or down):
        across, down = max(1, across), max(1, down)
        image = _scaled(image, width_px << across, height_px << down, cv2.INTER_LINEAR)
        for _ in range(min(across, down)):
            image = _halved(image)
    height, width = image.shape[:2]
    if (width, height) == (width_px, height_px):
        return image
    shrinks = width_px <= width and height_px <= height
    return _scaled(image, width_px, height_px, cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR)


def _exactly(image: Image, width_px: int, height_px: int) -> Image:
    while all(_halvings(image, width_px, height_px)) and _is_even(image):
        image = _halved(image)
    height, width = image.shape[:2]
    if width > MOST_AT_ONCE * width_px or height > MOST_AT_ONCE * height_px:
        across, down = _doublings(width, width_px), _doublings(height, height_px)
        image = _bilinear(image, width_px << across, height_px << down)
        for _ in range(min(across, down)):
            image = _halved(image)
    while image.shape[1] > 2 * width_px or image.shape[0] > 2 * height_px:
        # Exactly half of one side by a bilinear step is the mean of two pixels.
        height, width = image.shape[:2]
        image = _bilinear(image, max(width_px, width // 2), max(height_px, height // 2))
    if image.shape[:2] == (height_px, width_px):
        return image
    return _bilinear(image, width_px, height_px)


def _doublings(side_px: int, wanted_px: int) -> int:
    """How often the wanted side is doubled, at least once, until one step is not too large."""
    times = 1
    while side_px > MOST_AT_ONCE * (wanted_px << times):
        times += 1
    return times


def _bilinear(image: Image, width_px: int, height_px: int) -> Image:
    """In whole numbers, rounded once."""
    return _scaled(image, width_px, height_px, cv2.INTER_LINEAR_EXACT)


def _halvings(image: Image, width_px: int, height_px: int) -> tuple[int, int]:
    """How often width and height may be halved before they are too small."""
    height, width = image.shape[:2]
    across, down = (width // width_px).bit_length(), (height // height_px).bit_length()
    return max(0, across - 1), max(0, down - 1)


def _is_even(image: Image) -> bool:
    height, width = image.shape[:2]
    return bool(width % 2 == height % 2 == 0)


def _halved(image: Image) -> Image:
    height, width = image.shape[:2]
    return _scaled(image, width // 2, height // 2, cv2.INTER_AREA)


def _scaled(image: Image, width_px: int, height_px: int, method: int) -> Image:
    return np.asarray(cv2.resize(image, (width_px, height_px), interpolation=method), np.uint8)
