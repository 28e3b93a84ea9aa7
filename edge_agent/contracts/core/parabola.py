"""The top of a sampled peak, between the samples."""

from __future__ import annotations


def parabola_top(before: float, at: float, after: float) -> float:
    """Where the parabola through three neighbours has its top, in steps from the middle one.

    -0.5 to 0.5 where the middle one is the highest; 0 where they form no peak.
    """
    bend = before - 2 * at + after
    return 0.5 * (before - after) / bend if bend < 0 else 0.0
