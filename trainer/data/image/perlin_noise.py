"""Irregular blotches: a Perlin mask filled with another texture.

Noise after Perlin, Improving Noise (SIGGRAPH 2002); masks and blending after DRAEM (Zavrtanik,
Kristan & Skocaj, ICCV 2021).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from edge_agent.contracts.core.types import Image

LEVEL = 0.35
OPACITY = (0.3, 0.9)
MOST_COVERED = 0.2


def blotched(good: Image, texture: Image, rng: np.random.Generator) -> Image:
    """`good` with blotches of `texture` (the same shape), at most a fifth of it covered."""
    height, width = good.shape[:2]
    inside = blotches(height, width, rng)
    opacity = rng.uniform(*OPACITY)
    turned = np.roll(texture, tuple(rng.integers(0, (height, width))), axis=(0, 1))
    light = rng.uniform(0.5, 1.5)
    filling = np.clip(turned * light + rng.uniform(-40, 40), 0, 255)
    weight = (inside * opacity)[:, :, None]
    mixed = good * (1 - weight) + filling * weight
    return np.asarray(np.clip(mixed, 0, 255), np.uint8)


def blotches(height: int, width: int, rng: np.random.Generator) -> NDArray[np.float32]:
    """(height, width), 0 or 1: where Perlin noise is high; never empty, at most a fifth."""
    cells = (2 ** int(rng.integers(1, 5)), 2 ** int(rng.integers(1, 5)))
    noise = perlin(height, width, cells, rng)
    level = max(LEVEL, float(np.quantile(noise, 1 - MOST_COVERED)))
    level = min(level, float(np.quantile(noise, 0.98)))
    return (noise > level).astype(np.float32)


def perlin(
    height: int, width: int, cells: tuple[int, int], rng: np.random.Generator
) -> NDArray[np.float64]:
    """(height, width) of gradient noise, -0.7 to 0.7, smooth over rows and columns of cells."""
    angles = rng.uniform(0, 2 * np.pi, (cells[0] + 1, cells[1] + 1))
    slopes = np.stack([np.cos(angles), np.sin(angles)], axis=2)
    down = np.linspace(0, cells[0], height, endpoint=False)
    across = np.linspace(0, cells[1], width, endpoint=False)
    row, column = down.astype(int), across.astype(int)
    v, u = (down - row)[:, None], (across - column)[None, :]

    def corner(below: int, right: int) -> NDArray[np.float64]:
        slope = slopes[np.ix_(row + below, column + right)]
        return np.asarray(slope[:, :, 0] * (v - below) + slope[:, :, 1] * (u - right))

    def fade(t: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.asarray(t**3 * (t * (t * 6 - 15) + 10))

    upper = corner(0, 0) * (1 - fade(u)) + corner(0, 1) * fade(u)
    lower = corner(1, 0) * (1 - fade(u)) + corner(1, 1) * fade(u)
    return np.asarray(upper * (1 - fade(v)) + lower * fade(v))
