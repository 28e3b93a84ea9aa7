"""Every picture brought to the same grey levels: lamps that age and exposures drop out.

What is brighter as a whole, or has less contrast, is then no odder than before; whether a part is
too dark all over can no longer be seen.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from edge_agent.contracts.core.types import Tensor

MEAN, SPREAD = 118.0, 60.0
"""Grey levels; about those of ImageNet's pictures, from which the backbones learnt."""

LEVELS = np.arange(256, dtype=np.float64)

FLAT = 4.0
"""Added to a picture's own spread: the noise of an empty one is not blown up without bounds."""


def standardised(picture: Tensor, most_clipped: float = 1.0) -> Tensor:
    """uint8 (H, W, C) -> the same shape, with the mean MEAN and nearly the standard deviation
    SPREAD over all pixels and channels together, so that colours stay.

    most_clipped: the share of values that may saturate at 0 and 255; where more would, as of a dark
    part on bright ground, the gain is smaller and the mean moves. Counted in whole numbers and
    applied as a table of 256 levels: every machine gets the same.
    """
    rows = picture.reshape(len(picture), -1)
    mean, gain, lift = _line(rows, most_clipped)
    table = np.clip(np.rint((LEVELS - mean) * gain + lift), 0, 255)
    return np.asarray(cv2.LUT(rows, table.astype(np.uint8)).reshape(picture.shape), np.uint8)


def gain_of(picture: Tensor, most_clipped: float = 1.0) -> float:
    """By how much `standardised` raises the contrast of uint8 (H, W, C): what one level becomes."""
    return _line(picture.reshape(len(picture), -1), most_clipped)[1]


def _line(rows: Tensor, most_clipped: float) -> tuple[float, float, float]:
    """(mean, gain, lift): a level becomes (level - mean) * gain + lift."""
    counts = cv2.calcHist([rows], [0], None, [256], [0, 256]).ravel().astype(np.float64)
    mean = float(counts @ LEVELS) / rows.size
    spread = float(np.sqrt(counts @ np.square(LEVELS - mean) / rows.size))
    gain, lift = SPREAD / (spread + FLAT), MEAN
    if most_clipped < 1:
        low, high = _inner_range(counts, most_clipped)
        gain = min(gain, 255 / max(high - low, 1.0))
        lift = min(max(lift, gain * (mean - low)), 255 + gain * (mean - high))
    return mean, gain, lift


def _inner_range(counts: NDArray[np.float64], outside: float) -> tuple[float, float]:
    """The levels that must not saturate, from and to: half of `outside` lies beyond each."""
    below = np.cumsum(counts) / counts.sum()
    low = int(np.searchsorted(below, outside / 2, side="right"))
    high = int(np.searchsorted(below, 1 - outside / 2, side="left"))
    return float(min(low, 255)), float(min(high, 255))
