"""Pictures brought to another size: two methods, of which the manifest of a bundle names one."""

from __future__ import annotations

from typing import Literal

import cv2
import numpy as np

from edge_agent.contracts.core.types import Image

Shrink = Literal["areas", "halves"]
"""How pictures shrink.

areas: 2x2 means while both sides are even and at least twice too large (a camera's 1280x960 first
becomes 320x240 on its way to 224x224), then means of areas.
halves: the same, but only while a side is four times too large or more; from there bilinear to
exactly twice the size (four, eight times where sides are odd or far apart), and 2x2 means down. So
every pixel counts, whatever the shape of the picture (1280x720 becomes 640x360, then 448x448).
Means of 2x2 are the same on every processor; OpenCV's bilinear steps and other means of areas
differ by a level on arm64. A picture of which neither side is twice too
large is shrunk by means of areas.
"""


def resize(image: Image, width_px: int, height_px: int, shrink: Shrink) -> Image:
    """uint8 (H, W, 3) -> uint8 (height_px, width_px, 3); where a side must grow it is bilinear."""
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
