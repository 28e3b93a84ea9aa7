"""A picture's spectrum that no shift changes, and the turn between two of them.

The magnitudes of the Fourier transform stay where they are when a picture is shifted, and turn with
it (Reddy & Chatterji, IEEE Trans. Image Processing 5(8), 1996).
"""

from __future__ import annotations

from functools import cache

import cv2
import numpy as np
from numpy.typing import NDArray

Float = NDArray[np.float32]

LEAST_RADIUS, MOST_RADIUS, ANGLES = 3, 32, 128
"""Of the spectrum: waves a picture, and directions of half a turn. Slower waves are shading, faster
ones grain that a copy may have lost."""

HARMONICS = 32
PEAKS = 3


def spectrum(picture: Float, zoom: float) -> Float:
    """(ANGLES, radii): magnitudes of the Fourier transform of the middle `zoom` of the side.

    The window is round: what a turn brings into the corners of a square one would count.
    """
    side = picture.shape[0]
    middle = (side - 1) / 2 * (1 - zoom)
    cut = np.array([[zoom, 0, middle], [0, zoom, middle]], np.float32)
    flags = cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP
    part = cv2.warpAffine(picture, cut, (side, side), flags=flags)
    waves = np.fft.fftshift(np.abs(np.fft.fft2(part * _round_window(side))))
    size, centre = (MOST_RADIUS, 2 * ANGLES), (side / 2, side / 2)
    strength = np.log1p(waves).astype(np.float32)
    polar = cv2.warpPolar(strength, size, centre, MOST_RADIUS, cv2.INTER_LINEAR)
    return np.asarray(polar[:ANGLES, LEAST_RADIUS:], np.float32)


@cache
def _round_window(side: int) -> Float:
    """A Hann window of the distance from the middle: (side, side)."""
    steps = np.arange(side) - (side - 1) / 2
    distance = np.hypot(steps[:, None], steps[None, :]) / (side / 2)
    return np.asarray(np.cos(np.minimum(distance, 1) * np.pi / 2) ** 2, np.float32)


def turns_of(polar: Float) -> NDArray[np.complex64]:
    """The transform along the angle, without the mean profile: complex64 (HARMONICS + 1, radii)."""
    varying = polar - polar.mean(axis=0)
    varying = varying / (np.linalg.norm(varying) + 1e-6)
    return np.fft.rfft(varying, axis=0)[: HARMONICS + 1].astype(np.complex64)


def angles_between(
    one: NDArray[np.complex64], other: NDArray[np.complex64], *, flipped: bool
) -> list[float]:
    """The PEAKS likeliest turns of the second picture onto the first, in radians, of half a turn.

    flipped: the second is upside down. Outlines along the sides of both pictures agree without any
    turn, more than the pictures do at the right one: so there is more than one.
    """
    product = one * (other if flipped else np.conj(other))
    left = np.fft.irfft(product.sum(axis=1), ANGLES)
    found: list[float] = []
    for _ in range(PEAKS):
        place = int(np.argmax(left))
        found.append(place * np.pi / ANGLES)
        left[(place + np.arange(-3, 4)) % ANGLES] = -np.inf
    return found
