"""What stays darker or brighter than its surroundings in its place: dirt on the lens, a glint."""

from __future__ import annotations

from math import nan

import numpy as np
from numpy.typing import NDArray

from edge_agent.health.picture import CELLS_ACROSS, CELLS_DOWN

SPOT_WINDOW = 8
"""Frames over which a spot must stay in its place."""


class SpotGauge:
    """Takes the residuals of the frames of one channel in their order.

    weights: float32 (CELLS_DOWN, CELLS_ACROSS), 0 for fields that are not looked at.
    """

    def __init__(self, weights: NDArray[np.float32] | None = None) -> None:
        fields = CELLS_DOWN * CELLS_ACROSS
        self._weights = np.ones(fields, np.float32) if weights is None else weights.ravel()
        # Field by field, so that the frames of one lie beside each other.
        self._ring = np.zeros((fields, SPOT_WINDOW), np.float32)
        self._taken = 0

    def add(self, residual: NDArray[np.float32]) -> tuple[float, float]:
        """The darkest and the brightest of the fields' medians over the last SPOT_WINDOW frames, in
        standard deviations; NaN while there are fewer.
        """
        np.multiply(residual.ravel(), self._weights, out=self._ring[:, self._taken % SPOT_WINDOW])
        self._taken += 1
        if self._taken < SPOT_WINDOW:
            return nan, nan
        middle = SPOT_WINDOW // 2
        medians = np.partition(self._ring, middle, axis=1)[:, middle]
        return float(medians.min()), float(medians.max())
