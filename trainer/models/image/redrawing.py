"""What principal components of good parts cannot redraw: `autoencoder` without its training.

A linear autoencoder finds the space of the principal components (Baldi & Hornik, Neural Networks 2,
1989), so that a trial of the preparation needs neither its descent nor weights.
"""

from __future__ import annotations

import cv2
import numpy as np

from edge_agent.contracts.core.types import Tensor
from trainer.models.image.autoencoder import CELL_PX
from trainer.models.image.cross_fitting import Scorer
from trainer.models.image.feature_maps import Floats

SMOOTH = 3
"""Cells of the mean that smooths the heat twice, as of every detector."""


def pixel_cells(pictures: Tensor) -> Floats:
    """uint8 (N, H, W, C), sides of a multiple of CELL_PX -> their squares' pixels (N, G, G, F)."""
    count, high, wide, channels = pictures.shape
    squares = pictures.reshape(count, high // CELL_PX, CELL_PX, wide // CELL_PX, CELL_PX, channels)
    across = squares.transpose(0, 1, 3, 2, 4, 5)
    cells = across.reshape(count, high // CELL_PX, wide // CELL_PX, -1)
    return np.asarray(cells / np.float32(127.5) - 1, np.float32)


def fit_redrawing(seen: Floats) -> Scorer:
    """Cells (N, G, G, F) of good parts -> the smoothed mean square of what half as many components
    as there are parts leave of a picture.
    """
    flat = seen.reshape(len(seen), -1)
    middle = flat.mean(axis=0)
    axes = np.linalg.svd(flat - middle, full_matrices=False)[2][: max(1, len(seen) // 2)]

    def heat(cells: Floats) -> Floats:
        away = cells.reshape(len(cells), -1) - middle
        left = (away - (away @ axes.T) @ axes).reshape(cells.shape)
        square = np.square(left).mean(axis=3)
        return np.stack([cv2.blur(cv2.blur(one, (SMOOTH,) * 2), (SMOOTH,) * 2) for one in square])

    return heat
