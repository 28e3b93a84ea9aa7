"""How turned metal looks from above: cached maps of the flange, shaded for one light direction.

Concentric grooves scatter light in the radial direction only, so a face shows two bright wedges
along the light's azimuth (the anisotropic highlight of Ward, SIGGRAPH 1992, section 4). Slopes
(chamfers, the hub's step) are lit by Lambert's cosine.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from edge_agent.simulator.parts import BORE, HUB

Map = NDArray[np.float32]
"""float32 (S, S), S = size_px of the sprite."""


@dataclass(frozen=True)
class Tint:
    """A coloured patch of the sprite: where, how much of it (0-1), and its colour as factors."""

    place: tuple[slice, slice]
    cover: Map
    colour: tuple[float, float, float]


@dataclass(frozen=True)
class Disc:
    """Static maps of a flange of `radius_px`; the sprite is 2 * half_px + 1 wide."""

    radius_px: float
    half_px: int
    radius: Map
    cosine: Map
    sine: Map
    slope: Map
    alpha: Map


@dataclass(frozen=True)
class Finish:
    """What a lot's parts share: ring marks, patina, highlight sharpness, colour."""

    rings: Map
    patina: NDArray[np.uint8]
    sharpness: float
    base: float
    tint: tuple[float, float, float]


@lru_cache(maxsize=4)
def disc(radius_px: float) -> Disc:
    """The maps for one size."""
    half = int(np.ceil(radius_px * 1.06)) + 2
    steps = np.arange(-half, half + 1, dtype=np.float32) / np.float32(radius_px)
    x, y = np.meshgrid(steps, steps)
    radius = np.hypot(x, y)
    safe = np.maximum(radius, 1e-6)
    alpha = ramp(1.0 - radius, radius_px) * ramp(radius - BORE, radius_px)
    return Disc(radius_px, half, radius, x / safe, y / safe, _slope(radius), alpha)


@lru_cache(maxsize=8)
def finish(seed: int, lot: int, radius_px: float) -> Finish:
    """The finish of a lot."""
    rng = np.random.default_rng([seed, lot, 2])
    maps = disc(radius_px)
    places = np.minimum(maps.radius * 400, 630)
    profile = _ring_profile(rng)
    below = places.astype(np.int32)
    share = places - below
    rings = profile[below] * (1 - share) + profile[below + 1] * share
    tint = 1 + rng.uniform(-0.025, 0.025)
    return Finish(
        rings.astype(np.float32),
        _patina(rng, maps.radius.shape[0]),
        float(rng.uniform(0.14, 0.3)),
        float(rng.uniform(0.47, 0.58)),
        (0.985 * tint, 0.99, 1.0 / tint),
    )


def shade(maps: Disc, lot: Finish, azimuth_rad: float, angle_rad: float) -> Map:
    """Brightness 0-1 of the bare flange under a light from `azimuth_rad`."""
    along = maps.cosine * np.float32(np.cos(azimuth_rad))
    along += maps.sine * np.float32(np.sin(azimuth_rad))
    square = along * along
    wedge = square * square
    wedge *= wedge
    mixed = cv2.addWeighted(wedge, lot.sharpness, square, 0.14, lot.base - 0.06)
    glow: Map = np.asarray(mixed, np.float32)
    glow += np.float32(0.05) * along
    glow *= lot.rings
    glow += np.float32(0.33) * maps.slope * along
    turn = cv2.getRotationMatrix2D((maps.half_px, maps.half_px), float(np.degrees(angle_rad)), 1.0)
    size = lot.patina.shape[0]
    stain = cv2.warpAffine(lot.patina, turn, (size, size), borderMode=cv2.BORDER_REFLECT)
    return np.asarray(cv2.multiply(glow, stain, scale=1 / 200, dtype=cv2.CV_32F), np.float32)


def ramp(distance: NDArray[np.floating], radius_px: float) -> Map:
    """An edge one pixel soft: 0 outside, 1 inside; `distance` in outer radii."""
    return np.asarray(np.clip(distance * radius_px + 0.5, 0, 1), np.float32)


def _slope(radius: Map) -> Map:
    """Outward tilt of the chamfers (outer edge, hub, bore); -1 to 1."""
    outer = _bump(radius, 0.983, 0.02)
    hub = _bump(radius, HUB, 0.018)
    bore = _bump(radius, BORE + 0.016, 0.018)
    groove = 0.35 * (_bump(radius, 0.915, 0.006) - _bump(radius, 0.929, 0.006))
    return np.asarray(outer + 1.1 * hub - bore + groove, np.float32)


def _bump(radius: Map, place: float, width: float) -> Map:
    return np.asarray(np.exp(-(((radius - place) / width) ** 4)), np.float32)


def _ring_profile(rng: np.random.Generator) -> NDArray[np.float32]:
    """Brightness against radius at 400 samples a radius: feed marks, tool chatter, broad bands."""
    count = 640
    fine = np.convolve(rng.normal(0, 1, count), [0.25, 0.5, 0.25], "same")
    broad = np.convolve(rng.normal(0, 1, count), np.hanning(31) / 16, "same")
    pitch = rng.uniform(5, 9)
    feed = np.sin(2 * np.pi * np.arange(count) / pitch + rng.uniform(0, 6))
    profile = 1 + 0.045 * fine + 0.035 * broad + 0.03 * feed
    hub = np.arange(count) < HUB * 400
    profile[hub] += rng.uniform(0.04, 0.12)
    return np.asarray(profile, np.float32)


def _patina(rng: np.random.Generator, size: int) -> NDArray[np.uint8]:
    """Slow blotches and fine grain around 200, uint8 (size, size)."""
    coarse = cv2.resize(rng.normal(0, 1, (7, 7)).astype(np.float32), (size, size), None, 0, 0, 2)
    middle = cv2.resize(rng.normal(0, 1, (40, 40)).astype(np.float32), (size, size), None, 0, 0, 2)
    grain = rng.normal(0, 1, (size, size)).astype(np.float32)
    return np.clip(200 + 4 * coarse + 2 * middle + 3.5 * grain, 0, 255).astype(np.uint8)
