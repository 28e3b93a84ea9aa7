"""Screws, and the holes they leave: small shaded patches set into a flange."""

from __future__ import annotations

from math import cos, pi, sin

import numpy as np
from numpy.typing import NDArray

from edge_agent.simulator.parts import COUNTERBORE, SCREW_HEAD, SCREWS, Part, screw_place
from edge_agent.simulator.surface import Disc, Map, Tint, ramp

SOCKET, THREAD = 0.052, 0.062
ZINC = (0.62, 0.92, 1.42)
"""A blue zinc-flake coating against bare steel."""


def set_screws(glow: Map, maps: Disc, part: Part, azimuth_rad: float) -> list[Tint]:
    """Draw four screws into `glow`, or an empty hole where the part lacks one; their colour."""
    tints = []
    missing = part.defect.screw if part.defect is not None else -1
    rng = np.random.default_rng([part.seed, part.k, 3])
    for screw in range(SCREWS):
        turn, tone = rng.uniform(0, pi / 3), rng.uniform(0.92, 1.06)
        patch, x, y = _patch(maps, part, screw)
        radius: Map = np.hypot(x, y)
        lit = x * np.float32(cos(azimuth_rad)) + y * np.float32(sin(azimuth_rad))
        along: Map = np.asarray(lit / np.maximum(radius, 1e-6), np.float32)
        filled = (
            _hole(radius, along, maps.radius_px)
            if screw == missing
            else _screw(x, y, radius, along, maps.radius_px, turn) * tone
        )
        inside = ramp(COUNTERBORE - radius, maps.radius_px)
        rim = np.exp(-(((radius - COUNTERBORE) / 0.008) ** 2))
        target = glow[patch]
        target += inside * (filled - target) - (0.16 * along * rim).astype(np.float32)
        if screw != missing:
            tints.append(Tint(patch, ramp(SCREW_HEAD - radius, maps.radius_px), ZINC))
    return tints


def _patch(
    maps: Disc, part: Part, screw: int
) -> tuple[tuple[slice, slice], NDArray[np.float32], NDArray[np.float32]]:
    """Where a screw lies in the sprite, and x, y about its axis in outer radii."""
    x, y = screw_place(screw)
    turned_x = x * cos(part.angle_rad) - y * sin(part.angle_rad)
    turned_y = x * sin(part.angle_rad) + y * cos(part.angle_rad)
    centre_x = maps.half_px + turned_x * maps.radius_px
    centre_y = maps.half_px + turned_y * maps.radius_px
    reach = int(COUNTERBORE * 1.2 * maps.radius_px) + 2
    left, top = round(centre_x) - reach, round(centre_y) - reach
    span = np.arange(2 * reach + 1, dtype=np.float32)
    grid_x, grid_y = np.meshgrid(
        (left + span - centre_x) / maps.radius_px, (top + span - centre_y) / maps.radius_px
    )
    patch = (slice(top, top + len(span)), slice(left, left + len(span)))
    return patch, grid_x.astype(np.float32), grid_y.astype(np.float32)


def _screw(
    x: Map, y: Map, radius: Map, along: Map, radius_px: float, turn_rad: float
) -> NDArray[np.float32]:
    """A socket head: dark gap, chamfered rim, flat top, hexagonal socket."""
    head = ramp(SCREW_HEAD - radius, radius_px)
    rim = np.exp(-(((radius - SCREW_HEAD * 0.93) / 0.012) ** 2))
    top = 0.50 + 0.10 * along * radius / SCREW_HEAD + 0.22 * along * rim
    top = top + 0.05 * np.exp(-(((radius - SCREW_HEAD * 0.72) / 0.006) ** 2))
    hexagon = _hexagon(x, y, turn_rad)
    socket = ramp(SOCKET - hexagon, radius_px)
    wall = np.exp(-(((hexagon - SOCKET) / 0.007) ** 2))
    depth = 0.10 - 0.10 * along * radius / SOCKET
    top = top + socket * (depth - top) - 0.16 * along * wall
    gap = 0.10 - 0.05 * along
    return np.asarray(gap + head * (top - gap), np.float32)


def _hexagon(x: Map, y: Map, turn_rad: float) -> NDArray[np.floating]:
    """Distance to the centre in the norm whose unit ball is a hexagon (across flats)."""
    sides = (turn_rad + side * pi / 3 for side in range(3))
    return np.asarray(np.max([np.abs(x * cos(a) + y * sin(a)) for a in sides], axis=0))


def _hole(radius: Map, along: Map, radius_px: float) -> NDArray[np.float32]:
    """An empty counterbore: floor with the wall's shadow, threaded hole in the middle."""
    shadow = np.clip(1.25 - 1.1 * along * radius / COUNTERBORE, 0.35, 1.2)
    floor = 0.30 * shadow + 0.03 * np.sin(radius * 900)
    bore = ramp(THREAD - radius, radius_px)
    thread = 0.045 - 0.05 * along * (radius / THREAD) ** 3
    lip = np.exp(-(((radius - THREAD) / 0.006) ** 2))
    floor = floor - 0.14 * along * lip
    return np.asarray(floor + bore * (thread - floor), np.float32)
