"""How evenly the light lies on a frame: one side darker, or bands across it.

A lamp on the mains darkens whole rows of a rolling shutter, at other places in each frame: what
stays in its place is dirt or a shadow. A lamp that is out or was moved darkens one side. Both are
sought in the steady fields alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import nan, sqrt

import numpy as np
from numpy.typing import NDArray

from edge_agent.health.picture import CELLS_ACROSS, CELLS_DOWN

LEAST_FIELDS = 3
"""At an end of a row or a column: with fewer steady ones it says nothing of bands."""

Fields = NDArray[np.float32]
"""float32 (CELLS_DOWN, CELLS_ACROSS)."""


@dataclass(frozen=True)
class Evenness:
    """Natural logarithms, relative to the healthy line. light_right, light_down: how much brighter
    the right side is than the left one, the lower side than the upper one; bands: root mean square
    of what whole rows, or whole columns, have changed by beyond that since the frame before; NaN
    for the first one.
    """

    light_right: float
    light_down: float
    bands: float


class EvennessGauge:
    """Measures frames of one channel in their order. steady: its steady fields, as in Healthy."""

    def __init__(self, steady: NDArray[np.bool_]) -> None:
        rows, columns = (place[steady] for place in np.mgrid[0:CELLS_DOWN, 0:CELLS_ACROSS])
        plane = np.stack(
            [np.ones(len(rows)), columns / (CELLS_ACROSS - 1), rows / (CELLS_DOWN - 1)], axis=1
        )
        fit = np.linalg.pinv(plane)
        left = np.eye(len(rows)) - plane @ fit
        by_row = _means_at_both_ends(rows, columns / CELLS_ACROSS)
        by_column = _means_at_both_ends(columns, rows / CELLS_DOWN)
        self._places = np.flatnonzero(steady)
        self._before: NDArray[np.float32] | None = None
        self._rows = len(by_row)
        self._factors = np.concatenate([fit[1:], by_row @ left, by_column @ left])
        self._factors = self._factors.astype(np.float32)

    def measure(self, grey: Fields) -> Evenness:
        """Of a frame whose fields differ so much from the healthy ones, as logarithms."""
        found = self._factors @ grey.ravel().take(self._places)
        lines, before = found[2:], self._before
        self._before = lines
        bands = nan
        if before is not None:
            changes = lines - before
            bands = max(_common(changes[: self._rows]), _common(changes[self._rows :])) / sqrt(2)
        return Evenness(float(found[0]), float(found[1]), bands)


def _means_at_both_ends(line: NDArray[np.intp], along: NDArray[np.float64]) -> NDArray[np.float64]:
    """What turns fields into the mean of the first third of each row (or column), then of the last
    third of each; rows with too few fields at either end are left out.

    line: (N,), the row of each field; along: (N,), where it lies in it, 0 to 1.
    """
    of_row = line == np.arange(line.max(initial=0) + 1)[:, None]
    first, last = of_row & (along < 1 / 3), of_row & (along >= 2 / 3)
    enough = np.minimum(first.sum(axis=1), last.sum(axis=1)) >= LEAST_FIELDS
    ends = np.concatenate([first[enough], last[enough]])
    return np.asarray(ends / np.maximum(ends.sum(axis=1, keepdims=True), 1), np.float64)


def _common(changes: NDArray[np.float32]) -> float:
    """Root mean square of what both ends of the lines share: a defect lies at one of them."""
    first, last = np.split(changes, 2)
    shared = float(first @ last) / max(len(first), 1)
    return sqrt(max(shared, 0.0))
