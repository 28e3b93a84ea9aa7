"""What a line does to pictures of good and bad parts alike, each bounded so that a label survives.

A variation belongs into a fit only where the people at the line agree that a part so pictured
would still be called the same: dust where dust is no defect, glare where the lamp makes some. The
contact sheet of the report shows what the network was given.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from edge_agent.contracts.core.types import Tensor

Generator = np.random.Generator

SCALE = 0.1
BLUR = 0.006
"""Largest standard deviation of a defocus, as a share of the side."""
STREAK = 0.025
"""Longest smear of a moving belt, as a share of the side."""
GLARE = 70.0
GLARE_SIZE = 0.18
SPECKS = 6
SPECK_SIZE = 0.012
STEPS = (0.7, 0.85, 1.0, 1.18, 1.4)
"""Exposure times relative to the taken one: half stops, as a camera's own control takes them."""


def scale(batch: Tensor, rng: Generator) -> Tensor:
    """Distance of the camera: +-10 %, about a centre."""
    factors = rng.uniform(1 - SCALE, 1 + SCALE, len(batch))
    return np.stack([_zoomed(image, factor) for image, factor in zip(batch, factors, strict=True)])


def blur(batch: Tensor, rng: Generator) -> Tensor:
    """A slightly wrong focus: a Gaussian of 0.3 px and up to 0.6 % of the side more."""
    widths = rng.uniform(0.0, BLUR, len(batch)) * batch.shape[2] + 0.3
    pairs = zip(batch, widths, strict=True)
    return np.stack(
        [_shaped(cv2.GaussianBlur(image, (0, 0), float(width)), image) for image, width in pairs]
    )


def belt(batch: Tensor, rng: Generator) -> Tensor:
    """A part that moved during the exposure: smeared by up to 2.5 % of the side along the belt."""
    lengths = 1 + np.round(rng.uniform(0, STREAK, len(batch)) * batch.shape[2]).astype(int)
    return np.stack(
        [_smeared(image, int(length)) for image, length in zip(batch, lengths, strict=True)]
    )


def exposure(batch: Tensor, rng: Generator) -> Tensor:
    """A step of the exposure, of up to a half stop either way; what is too bright is clipped."""
    factors = rng.choice(STEPS, (len(batch), 1, 1, 1)).astype(np.float32)
    return np.clip(batch * factors, 0, 255).astype(batch.dtype)


def glare(batch: Tensor, rng: Generator) -> Tensor:
    """A soft reflection of the lamp in one picture of two: at most 70 of 255, at most 18 % wide."""
    height, width = batch.shape[1:3]
    result = batch.copy()
    for index in np.flatnonzero(rng.random(len(batch)) < 0.5):
        middle = rng.uniform(0, 1, 2) * (height, width)
        size = rng.uniform(0.05, GLARE_SIZE) * width
        light = spot(height, width, middle, size) * rng.uniform(20, GLARE)
        result[index] = np.clip(batch[index] + light[..., None], 0, 255).astype(batch.dtype)
    return result


def dust(batch: Tensor, rng: Generator) -> Tensor:
    """Up to 6 specks on the lens, soft and dark, each at most 1.2 % of the side wide."""
    height, width = batch.shape[1:3]
    result = batch.copy()
    for index in range(len(batch)):
        shade = np.ones((height, width), np.float32)
        for _ in range(int(rng.integers(0, SPECKS + 1))):
            middle = rng.uniform(0, 1, 2) * (height, width)
            size = max(0.5, rng.uniform(0.3, 1.0) * SPECK_SIZE * width)
            shade *= 1 - rng.uniform(0.1, 0.35) * spot(height, width, middle, size)
        result[index] = (batch[index] * shade[..., None]).astype(batch.dtype)
    return result


def _zoomed(image: Tensor, factor: float) -> Tensor:
    height, width = image.shape[:2]
    matrix = cv2.getRotationMatrix2D((width / 2, height / 2), 0.0, float(factor))
    zoomed = cv2.warpAffine(image, matrix, (width, height), borderMode=cv2.BORDER_REFLECT_101)
    return _shaped(zoomed, image)


def _smeared(image: Tensor, length: int) -> Tensor:
    kernel = np.full((1, length), 1 / length, np.float32)
    return _shaped(cv2.filter2D(image, -1, kernel, borderType=cv2.BORDER_REFLECT_101), image)


def spot(height: int, width: int, middle: NDArray[np.float64], size: float) -> NDArray[np.float32]:
    """(height, width): a Gaussian of height 1 about middle (row, column); size: its standard
    deviation in px.
    """
    down = (np.arange(height, dtype=np.float32)[:, None] - middle[0]) / size
    across = (np.arange(width, dtype=np.float32)[None, :] - middle[1]) / size
    return np.asarray(np.exp(-0.5 * (down**2 + across**2)), np.float32)


def _shaped(result: NDArray[np.generic], like: Tensor) -> Tensor:
    """OpenCV drops the channel axis of grey pictures."""
    return np.asarray(result, like.dtype).reshape(like.shape)
