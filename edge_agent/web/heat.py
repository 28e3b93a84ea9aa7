"""A picture under its heat map: clear where nothing is found, red at the worst place."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from edge_agent.contracts.core.types import Image

THICKEST = 0.65
"""Of the colour at the worst place: the picture stays visible."""
STEPS = (0.0, 0.5, 1.0)
INKS = ((40, 90, 255), (255, 220, 0), (255, 20, 0))
"""RGB at the steps: blue, yellow, red differ for colour-blind people, too."""


def under_heat(image: Image, share: NDArray[np.float32]) -> Image:
    """A new picture. share: float32 (h, w), 0 nothing to 1 worst, over the whole picture.

    The small map is coloured and then made large: one colour a pixel of the picture is dear.
    """
    size = (image.shape[1], image.shape[0])
    thick = THICKEST * np.clip(share, 0, 1)[..., None]
    colour = np.stack([np.interp(share, STEPS, [ink[k] for ink in INKS]) for k in range(3)], -1)
    over = np.rint(colour * thick).astype(np.uint8)
    clear = np.repeat(np.rint(255 * (1 - thick)).astype(np.uint8), 3, axis=2)
    left = cv2.multiply(image, cv2.resize(clear, size), scale=1 / 255)
    return np.asarray(cv2.add(left, cv2.resize(over, size)), np.uint8)
