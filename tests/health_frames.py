"""Small synthetic frames of a healthy line: noise, two marks that stay, a disc that moves."""

from __future__ import annotations

import cv2
import numpy as np

from edge_agent.contracts.core.types import Image


def healthy_frame(k: int, light: float = 1.0) -> Image:
    """Frame k: uint8 (240, 320, 3), always the same."""
    rng = np.random.default_rng([k, 77])
    texture = cv2.GaussianBlur(rng.normal(0, 40, (240, 320)).astype(np.float32), (0, 0), 1.2)
    image = np.full((240, 320, 3), 90, np.float32) + texture[:, :, None]
    x, y = (int(value) for value in rng.integers(-10, 11, 2))
    cv2.circle(image, (160 + x, 120 + y), 60, (160, 160, 160), -1)
    for middle in ((30, 30), (290, 210)):
        for radius, grey in ((15, 30), (12, 190), (7, 60), (3, 200)):
            cv2.circle(image, middle, radius, (grey, grey, grey), -1)
    image *= light * (1 + 0.02 * rng.normal())
    return np.clip(image + rng.normal(0, 2, image.shape), 0, 255).astype(np.uint8)
