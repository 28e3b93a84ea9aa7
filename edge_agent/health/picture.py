"""What is measured of a frame: light, tint, focus and dark spots, over places all of the frame.

Each is a median over many places, so that a defect in one of them moves none.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import nan

import cv2
import numpy as np
from numpy.typing import NDArray

from edge_agent.contracts.core.types import Image

CELLS_DOWN, CELLS_ACROSS = 18, 24
"""Fields of a frame whose mean colours are compared."""
SAMPLED = 4
"""Pixels along a side of a field that are looked at."""
TILES_DOWN, TILES_ACROSS, TILE_PX = 3, 6, 36
TILES = TILES_DOWN * TILES_ACROSS
"""Small windows at full resolution in which focus is measured."""
EDGE_PX = 4
LEAST_ENERGY = 0.01
"""Of an octave, in squared grey levels."""
DARKEST = 4.0
"""Grey level below which the colour of a field says nothing."""

LEAST_SPREAD = 0.03
"""Of a field's residual, as a logarithm."""

Cells = NDArray[np.float32]
"""float32 (CELLS_DOWN, CELLS_ACROSS, 3): mean colour of each field, 0-255."""


@dataclass(frozen=True)
class Detail:
    """focus: float32 (TILES,), log energy of an octave over the next coarser one; noise: log energy
    of the finest octave where it is least."""

    focus: NDArray[np.float32]
    noise: float


@dataclass(frozen=True)
class PictureMeasures:
    """light, red, blue: natural logarithms, relative to the healthy line; focus: log energy of an
    octave over the next coarser one; noise: log energy of the finest octave where it is least.
    residual: float32 (CELLS_DOWN, CELLS_ACROSS), how much darker (< 0) than its surroundings each
    field is, in healthy standard deviations.
    """

    light: float
    red: float
    blue: float
    focus: float
    noise: float
    residual: NDArray[np.float32]


def cells_of(image: Image) -> Cells:
    """Mean colours of the fields of a frame, from every n-th pixel."""
    height, width = image.shape[:2]
    step = max(1, min(height // (CELLS_DOWN * SAMPLED), width // (CELLS_ACROSS * SAMPLED)))
    thin = np.ascontiguousarray(image[::step, ::step])
    size = (CELLS_ACROSS, CELLS_DOWN)
    small = cv2.resize(thin, size, interpolation=cv2.INTER_AREA)
    return np.maximum(small.astype(np.float32), DARKEST)


@dataclass(frozen=True)
class Healthy:
    """What a healthy frame of a channel is like.

    cells: its fields' colours; steady: bool (CELLS_DOWN, CELLS_ACROSS), the half of the fields that
    change least from part to part, mostly background: light and tint are measured there, for parts
    of another lot may be brighter; spread: float32, how far each field's residual strays;
    focus: float32 (TILES,), of each tile.
    """

    cells: Cells
    steady: NDArray[np.bool_]
    spread: NDArray[np.float32]
    focus: NDArray[np.float32]


def measure_picture(image: Image, healthy: Healthy, *, with_detail: bool = True) -> PictureMeasures:
    """Measure a frame against the healthy line; without detail, focus and noise are NaN."""
    detail = detail_of(image) if with_detail else Detail(np.full(TILES, nan, np.float32), nan)
    return compare(cells_of(image), healthy, detail)


def compare(cells: Cells, healthy: Healthy, detail: Detail) -> PictureMeasures:
    """The measures of a frame of these cells and this detail."""
    logs = np.log(cells / healthy.cells)
    grey = logs.mean(axis=2)
    red, green, blue = np.median(logs[healthy.steady], axis=0).tolist()
    residual = _beside_neighbours(grey) / healthy.spread
    focus = float(np.median(detail.focus - healthy.focus))
    light = (red + green + blue) / 3
    return PictureMeasures(light, red - green, blue - green, focus, detail.noise, residual)


def healthy_line(frames: Sequence[Cells], details: Sequence[Detail]) -> Healthy:
    """What these frames of good parts, in their order, have in common."""
    stack = np.stack(frames)
    cells = np.median(stack, axis=0).astype(np.float32)
    grey = np.log(stack / cells).mean(axis=3)
    strays = grey.std(axis=0)
    residuals = np.stack([_beside_neighbours(one) for one in grey])
    spread = np.maximum(residuals.std(axis=0), LEAST_SPREAD).astype(np.float32)
    focus = np.median([detail.focus for detail in details], axis=0).astype(np.float32)
    return Healthy(cells, strays <= np.median(strays), spread, focus)


def _beside_neighbours(grey: NDArray[np.float32]) -> NDArray[np.float32]:
    """How much darker (< 0) or brighter each field is than those around it."""
    plane = np.ascontiguousarray(grey, np.float32)
    return np.asarray(plane - cv2.medianBlur(plane, 5))


def detail_of(image: Image) -> Detail:
    """Focus of each tile, and noise, the lower quartile over them."""
    tiles, count = _tiles(image)
    grey = cv2.cvtColor(tiles, cv2.COLOR_RGB2GRAY).astype(np.float32)
    first = cv2.blur(grey, (3, 3))
    second = cv2.blur(first, (5, 5))
    third = cv2.blur(second, (9, 9))
    octaves = (grey - first, first - second, second - third)
    energies = [np.log(_energy(octave, count) + LEAST_ENERGY) for octave in octaves]
    noise = float(np.partition(energies[0], count // 4)[count // 4])
    return Detail(np.asarray(energies[1] - energies[2], np.float32), noise)


def _tiles(image: Image) -> tuple[Image, int]:
    """Square windows of a frame, one below the other, and how many they are."""
    height, width = image.shape[:2]
    side = min(TILE_PX, height // TILES_DOWN, width // TILES_ACROSS)
    tops = [int((k + 0.5) * height / TILES_DOWN - side / 2) for k in range(TILES_DOWN)]
    lefts = [int((k + 0.5) * width / TILES_ACROSS - side / 2) for k in range(TILES_ACROSS)]
    rows = [image[y : y + side, x : x + side] for y in tops for x in lefts]
    return np.concatenate(rows), len(rows)


def _energy(octave: NDArray[np.float32], count: int) -> NDArray[np.float32]:
    """Mean square of each tile without its edge: (count,)."""
    side = octave.shape[1]
    inner = octave.reshape(count, side, side)[:, EDGE_PX:-EDGE_PX, EDGE_PX:-EDGE_PX]
    squares = np.einsum("nij,nij->n", inner, inner)
    return np.asarray(squares / inner[0].size)
