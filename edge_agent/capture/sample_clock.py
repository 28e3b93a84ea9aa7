"""The true rate of a sensor: the slope of its samples over the station's own clock."""

from __future__ import annotations

from collections import deque

import numpy as np

LEAST_S, LEAST_POINTS = 1.0, 5
"""Shorter, the lateness of a single block is more than a thousandth of the rate."""
MOST_S, MOST_POINTS = 60.0, 2048
"""A rate drifts with temperature: what is older says nothing of now."""


class SampleClock:
    """Counts samples, lost ones included, and when the last of each block was there."""

    def __init__(self) -> None:
        self._count = 0
        self._points: deque[tuple[int, int]] = deque(maxlen=MOST_POINTS)

    def add(self, samples: int, mono_ns: int) -> None:
        """The last of `samples` further ones was there at `mono_ns`."""
        self._count += samples
        self._points.append((self._count, mono_ns))
        while mono_ns - self._points[0][1] > MOST_S * 1e9:
            self._points.popleft()

    @property
    def is_known(self) -> bool:
        """Whether a second was seen, so that there is a rate."""
        if len(self._points) < LEAST_POINTS:
            return False
        return self._points[-1][1] - self._points[0][1] >= LEAST_S * 1e9

    def rate_hz(self) -> float | None:
        """Samples a second by linear regression; None before a second was seen."""
        if not self.is_known:
            return None
        points = np.array(self._points, np.float64) - np.array(self._points[0], np.float64)
        counts, times_s = points[:, 0], points[:, 1] / 1e9
        slope = np.polyfit(times_s - times_s.mean(), counts - counts.mean(), 1)[0]
        return float(slope)
