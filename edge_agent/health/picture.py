"""What is measured of a frame: light, tint, focus and dark spots, over places all of the frame.

Each is a median over many places, so that a defect in one of them moves none.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from itertools import pairwise
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
SMOOTHED_PX = (3, 5, 9)
"""Sides of the means, one after the other, between which the octaves lie."""
SKIPPED_ROWS = 2
"""Every second row of a tile says what its neighbour says."""
LEAST_ENERGY = 0.01
"""Of an octave, in squared grey levels."""
DARKEST = 4.0
"""Grey level below which the colour of a field says nothing."""

LEAST_SPREAD = 0.03
"""Of a field's residual, as a logarithm."""

Cells = NDArray[np.float32]
"""float32 (CELLS_DOWN, CELLS_ACROSS, 3): mean colour of each field, 0-255."""
Factor = NDArray[np.float32]
"""float32 (M, N), of a product with a tile."""


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
    grey: float32 (CELLS_DOWN, CELLS_ACROSS), how much brighter (> 0) each field is than the healthy
    one, as a logarithm; residual: the same beside its surroundings, in healthy standard deviations.
    """

    light: float
    red: float
    blue: float
    focus: float
    noise: float
    grey: NDArray[np.float32]
    residual: NDArray[np.float32]


def cells_of(image: Image) -> Cells:
    """Mean colours of the fields of a frame, from every n-th pixel."""
    thin = (CELLS_ACROSS * SAMPLED, CELLS_DOWN * SAMPLED)
    small = cv2.resize(image, thin, interpolation=cv2.INTER_NEAREST)
    small = cv2.resize(small, (CELLS_ACROSS, CELLS_DOWN), interpolation=cv2.INTER_AREA)
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

    @cached_property
    def steady_places(self) -> NDArray[np.intp]:
        """The numbers of the steady fields, row by row."""
        return np.flatnonzero(self.steady)

    @cached_property
    def logs(self) -> NDArray[np.float32]:
        """The logarithms of the cells, one plane a colour: (3, CELLS_DOWN, CELLS_ACROSS)."""
        return np.ascontiguousarray(np.log(self.cells).transpose(2, 0, 1))


def measure_picture(image: Image, healthy: Healthy, *, with_detail: bool = True) -> PictureMeasures:
    """Measure a frame against the healthy line; without detail, focus and noise are NaN."""
    detail = detail_of(image) if with_detail else Detail(np.full(TILES, nan, np.float32), nan)
    return compare(cells_of(image), healthy, detail)


def compare(cells: Cells, healthy: Healthy, detail: Detail) -> PictureMeasures:
    """The measures of a frame of these cells and this detail."""
    logs = np.log(cells).transpose(2, 0, 1) - healthy.logs
    steady = logs.reshape(3, -1).take(healthy.steady_places, axis=1)
    red, green, blue = _medians(steady).tolist()
    grey = (logs[0] + logs[1] + logs[2]) / 3
    residual = _beside_neighbours(grey) / healthy.spread
    focus = float(_medians(detail.focus - healthy.focus))
    light = (red + green + blue) / 3
    return PictureMeasures(light, red - green, blue - green, focus, detail.noise, grey, residual)


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


def _medians(rows: NDArray[np.float32]) -> NDArray[np.float32]:
    """The upper median along the last axis; np.median takes ten times as long."""
    middle = rows.shape[-1] // 2
    return np.asarray(np.partition(rows, middle, axis=-1)[..., middle])


def _beside_neighbours(grey: NDArray[np.float32]) -> NDArray[np.float32]:
    """How much darker (< 0) or brighter each field is than those around it."""
    plane = np.ascontiguousarray(grey, np.float32)
    return np.asarray(plane - cv2.medianBlur(plane, 5))


def detail_of(image: Image) -> Detail:
    """Focus of each tile, and noise, the lower quartile over them."""
    tiles, count = _tiles(image)
    grey = cv2.cvtColor(tiles, cv2.COLOR_RGB2GRAY)
    side = grey.shape[1]
    stack = grey.reshape(count, side, side).astype(np.float32)
    inner = slice(EDGE_PX, side - EDGE_PX)
    levels = [stack[:, inner, inner][:, ::SKIPPED_ROWS]]
    for rows, columns in _smoothings(side):
        levels.append(np.asarray(rows @ stack @ columns, np.float32))
    energies = [np.log(_energy(fine - coarse) + LEAST_ENERGY) for fine, coarse in pairwise(levels)]
    noise = float(np.partition(energies[0], count // 4)[count // 4])
    return Detail(np.asarray(energies[1] - energies[2], np.float32), noise)


@cache
def _smoothings(side: int) -> list[tuple[Factor, Factor]]:
    """What turns a tile into its inner part, smoothed over more and more: factors from the left and
    from the right. Products with small matrices take a third of a filter's time.
    """
    inner = slice(EDGE_PX, side - EDGE_PX)
    smooth: Factor = np.eye(side, dtype=np.float32)
    found = []
    for over_px in SMOOTHED_PX:
        smooth = np.asarray(cv2.blur(smooth, (1, over_px)), np.float32)
        rows = smooth[inner]
        found.append((rows[::SKIPPED_ROWS].copy(), rows.T.copy()))
    return found


def _tiles(image: Image) -> tuple[Image, int]:
    """Square windows of a frame, one below the other, and how many they are."""
    height, width = image.shape[:2]
    side = min(TILE_PX, height // TILES_DOWN, width // TILES_ACROSS)
    tops = [int((k + 0.5) * height / TILES_DOWN - side / 2) for k in range(TILES_DOWN)]
    lefts = [int((k + 0.5) * width / TILES_ACROSS - side / 2) for k in range(TILES_ACROSS)]
    rows = [image[y : y + side, x : x + side] for y in tops for x in lefts]
    return np.concatenate(rows), len(rows)


def _energy(octave: NDArray[np.float32]) -> NDArray[np.float32]:
    """Mean square of each tile: (count, H, W) -> (count,)."""
    squares = np.einsum("nij,nij->n", octave, octave)
    return np.asarray(squares / octave[0].size)
