"""What stands out of a calm ground in a picture: the pieces that a part can be.

The ground is a smooth surface through the rim of the picture, so that uneven light does not count;
a piece is what differs from it (threshold: Otsu, "A threshold selection method from gray-level
histograms", 1979).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from edge_agent.contracts.core.types import Image

LOOK_PX = 320
"""The longer side of the picture in which pieces are searched."""

RIM_SHARE = 0.03
"""Width of the rim, as a share of the shorter side."""

OUTLIERS = 3.0
"""What is so many times farther from the surface than half of the rim does not shape it."""

LEAST_AWAY = 2.0
"""Grey levels that never count as far: noise."""

SCALE, FINE = 512, 65_536
"""Powers of two: pixels from the middle in parts of SCALE, and the surface in steps of 1 / FINE."""

JOINED_PX = 5
"""Pieces that are nearer to one another are one."""

LEAST_SHARE = 0.001
"""Of the picture: what is smaller is dust."""

Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class Piece:
    """A piece in a picture of (height, width) pixels. share: its area, of the picture;
    at_the_edge: whether it touches the edge of the picture; points: (N, 2), its pixels, x and y.
    """

    share: float
    at_the_edge: bool
    points: NDArray[np.float64]


@dataclass(frozen=True)
class Pieces:
    """All pieces, the largest first, in a picture shrunk to `width_px`.

    contrast: grey levels by which they differ from the ground more than the rest does; unrest:
    what half of the rim stays within, in grey levels from the ground.
    """

    width_px: int
    pieces: list[Piece]
    contrast: float
    unrest: float


def pieces_of(image: Image) -> Pieces:
    """What stands out of the ground of an image, uint8 (H, W, 3)."""
    small = _shrunk(image)
    away, unrest = _away_from_ground(small)
    soft = cv2.GaussianBlur(np.clip(np.rint(away), 0, 255).astype(np.uint8), (5, 5), 1.0)
    _, found = cv2.threshold(soft, 0, 255, cv2.THRESH_BINARY + cv2.THRESH_OTSU)
    out = found > 0
    contrast = float(soft[out].mean() - soft[~out].mean()) if out.any() and not out.all() else 0.0
    return Pieces(small.shape[1], _separate(found), contrast, unrest)


def _shrunk(image: Image) -> Image:
    """LOOK_PX on the longer side, 8 at least on both, by steps that all processors do alike."""
    height, width = image.shape[:2]
    scale = LOOK_PX / max(height, width)
    high, wide = (max(8, round(side * scale)) for side in (height, width))
    while image.shape[0] >= 2 * high and image.shape[1] >= 2 * wide:
        half = image.shape[1] // 2, image.shape[0] // 2
        even = image[: 2 * half[1], : 2 * half[0]]
        image = np.asarray(cv2.resize(even, half, interpolation=cv2.INTER_AREA), np.uint8)
    found = cv2.resize(image, (wide, high), interpolation=cv2.INTER_LINEAR_EXACT)
    return np.asarray(found, np.uint8)


def _away_from_ground(small: Image) -> tuple[NDArray[np.float64], float]:
    """(h, w) grey levels from the ground in the channel that differs most, and the rim's unrest.

    Every sum is of numbers that float64 holds exactly, and the surface is rounded to them: so every
    processor finds the same, whatever its order.
    """
    rim, terms = _surface(*small.shape[:2])
    values = small.reshape(-1, small.shape[2])[rim].astype(np.float64)
    of_rim = terms[:, rim].T
    near = np.ones(len(rim), np.bool_)
    for _ in range(2):
        shape = _fitted(of_rim[near], values[near])
        off = _largest(np.abs(values - of_rim @ shape).T)
        unrest = float(np.median(off))
        near = off <= OUTLIERS * max(unrest, LEAST_AWAY)
    ground = (shape.T @ terms).reshape(-1, *small.shape[:2])
    away = [np.abs(seen - below) for seen, below in zip(cv2.split(small), ground, strict=True)]
    return _largest(away), unrest


def _largest(channels: Iterable[NDArray[np.float64]]) -> NDArray[np.float64]:
    """Place by place; channel after channel takes a tenth of a maximum along a short axis."""
    found, *others = channels
    for one in others:
        found = np.maximum(found, one)
    return found


def _fitted(terms: NDArray[np.float64], values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Least squares by normal equations: (6, channels), in steps of 1 / FINE."""
    shape = np.linalg.solve(terms.T @ terms, terms.T @ values)
    return np.asarray(np.rint(shape * FINE) / FINE)


@lru_cache(maxsize=16)
def _surface(high: int, wide: int) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
    """The pixels of the rim, and (6, high * wide) the terms of a surface of second order."""
    rows, columns = (np.arange(1 - side, side, 2) / SCALE for side in (high, wide))
    y, x = (one.ravel() for one in np.meshgrid(rows, columns, indexing="ij"))
    terms = np.stack([np.ones_like(x), x, y, x * x, x * y, y * y])
    thick = max(2, round(RIM_SHARE * min(high, wide)))
    inside = np.zeros((high, wide), np.bool_)
    inside[thick:-thick, thick:-thick] = True
    return np.flatnonzero(~inside.ravel()), terms


def _separate(found: NDArray[np.generic]) -> list[Piece]:
    high, wide = found.shape
    brush = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (JOINED_PX, JOINED_PX))
    joined = cv2.morphologyEx(np.asarray(found, np.uint8), cv2.MORPH_CLOSE, brush)
    count, labels, boxes, _ = cv2.connectedComponentsWithStats(joined, connectivity=8)
    pieces = []
    for number in range(1, count):
        left, top, across, down, area = (int(one) for one in boxes[number])
        if area < LEAST_SHARE * high * wide:
            continue
        rows, columns = np.nonzero(labels[top : top + down, left : left + across] == number)
        points = np.stack([columns + left, rows + top], axis=1).astype(np.float64)
        edge = left == 0 or top == 0 or left + across == wide or top + down == high
        pieces.append(Piece(area / (high * wide), edge, points))
    return sorted(pieces, key=lambda one: -one.share)
