"""Variations of training pictures that leave the label as it is: place and light.

Every one takes a batch (N, H, W, C) and a seeded generator and returns the same shape and dtype.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from edge_agent.contracts.core.types import Tensor

Generator = np.random.Generator

TILT_DEG = 10.0
SHIFT = 0.04
EXPOSURE = 0.12
CONTRAST = 0.25
GAMMA = 0.3
SLOPE = 0.08
"""Brightness by 12 % of white, contrast by 25 %, gamma 0.74 to 1.35, 8 % from side to side."""


def flip(batch: Tensor, rng: Generator) -> Tensor:
    """Mirror left-right and up-down, each with probability 1/2."""
    across, down = rng.random(len(batch)) < 0.5, rng.random(len(batch)) < 0.5
    result = batch.copy()
    result[across] = result[across, :, ::-1]
    result[down] = result[down, ::-1]
    return result


def rotate(batch: Tensor, rng: Generator) -> Tensor:
    """Quarter turns where the image is square, then up to +-10 degrees and +-4 % shift."""
    height, width = batch.shape[1:3]
    result = np.empty_like(batch)
    turns = rng.integers(0, 4, len(batch)) if height == width else np.zeros(len(batch), int)
    tilt = rng.uniform(-TILT_DEG, TILT_DEG, len(batch))
    shift = rng.uniform(-SHIFT, SHIFT, (len(batch), 2)) * (width, height)
    for index, image in enumerate(batch):
        matrix = cv2.getRotationMatrix2D((width / 2, height / 2), tilt[index], 1.0)
        matrix[:, 2] += shift[index]
        turned = cv2.warpAffine(
            np.ascontiguousarray(np.rot90(image, turns[index])),
            matrix,
            (width, height),
            borderMode=cv2.BORDER_REFLECT_101,
        )
        result[index] = turned.reshape(batch.shape[1:])
    return result


def brightness(batch: Tensor, rng: Generator) -> Tensor:
    """Another exposure, contrast and gamma, and light that falls in from one side."""
    count, height, width = batch.shape[:3]
    gamma = _draw(rng, count, np.exp(-GAMMA), np.exp(GAMMA))
    contrast = _draw(rng, count, 1 - CONTRAST, 1 + CONTRAST)
    exposure = _draw(rng, count, -EXPOSURE, EXPOSURE)
    slopes = _draw(rng, count, -SLOPE, SLOPE), _draw(rng, count, -SLOPE, SLOPE)
    across, down = (np.linspace(-1, 1, side, dtype=np.float32) for side in (width, height))
    result = np.empty_like(batch)
    for number, picture in enumerate(batch):
        values = _powers(picture, gamma[number])
        mean = values.mean(dtype=np.float64)
        values *= 255 * contrast[number]
        values += np.float32(255 * (mean * (1 - contrast[number]) + exposure[number]))
        slope = slopes[0][number] * across + slopes[1][number] * down[:, None]
        values += np.float32(255) * slope[..., None]
        result[number] = np.clip(np.rint(values, out=values), 0, 255, out=values)
    return result


def _powers(picture: Tensor, gamma: np.float32) -> NDArray[np.float32]:
    """(H, W, C) as shares of white to that power; of bytes by a table of their 256 values."""
    if picture.dtype != np.uint8:
        return np.asarray((picture / 255) ** gamma, np.float32)
    table = (np.arange(256, dtype=np.float32) / 255) ** gamma
    return np.asarray(table.astype(np.float32)[picture])


def _draw(rng: Generator, count: int, low: float, high: float) -> NDArray[np.float32]:
    return rng.uniform(low, high, count).astype(np.float32)
