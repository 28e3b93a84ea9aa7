"""Every picture brought to the same grey levels: lamps that age and exposures drop out.

What is brighter as a whole, or has less contrast, is then no odder than before; whether a part is
too dark all over can no longer be seen.
"""

from __future__ import annotations

import cv2
import numpy as np

from edge_agent.contracts.core.types import Tensor

MEAN, SPREAD = 118.0, 60.0
"""Grey levels; about those of ImageNet's pictures, from which the backbones learnt."""

FLAT = 4.0
"""Added to a picture's own spread: the noise of an empty one is not blown up without bounds."""


def standardised(picture: Tensor) -> Tensor:
    """uint8 (H, W, C) -> the same shape, with the mean MEAN and nearly the standard deviation
    SPREAD over all pixels and channels together, so that colours stay; 0 and 255 saturate.

    Counted in whole numbers and applied as a table of 256 levels: every machine gets the same.
    """
    rows = picture.reshape(len(picture), -1)
    counts = cv2.calcHist([rows], [0], None, [256], [0, 256]).ravel().astype(np.float64)
    levels = np.arange(256, dtype=np.float64)
    mean = float(counts @ levels) / rows.size
    spread = float(np.sqrt(counts @ np.square(levels - mean) / rows.size))
    table = np.clip(np.rint((levels - mean) * (SPREAD / (spread + FLAT)) + MEAN), 0, 255)
    return np.asarray(cv2.LUT(rows, table.astype(np.uint8)).reshape(picture.shape), np.uint8)
