"""Drawing scratches, pits and chips into the shaded flange at their true places."""

from __future__ import annotations

from math import cos, sin

import cv2
import numpy as np
from numpy.typing import NDArray

from edge_agent.simulator.parts import Defect, Part
from edge_agent.simulator.surface import Disc, Map, Tint

SUBPIXEL_BITS = 4
RUST = (1.6, 0.92, 0.5)
"""Corroded steel against bare steel."""


def draw_flaw(glow: Map, alpha: Map, maps: Disc, part: Part, azimuth_rad: float) -> list[Tint]:
    """Draw the part's defect into brightness and outline; its colour.

    A missing screw is not drawn here.
    """
    if part.defect is None or part.defect.kind == "missing_screw":
        return []
    rng = np.random.default_rng([part.seed, part.k, 4])
    points = _to_sprite(part.defect, maps, part)
    light = (cos(azimuth_rad), sin(azimuth_rad))
    if part.defect.kind == "scratch":
        _scratch(glow, points, part.defect, maps, light, rng)
    elif part.defect.kind == "pit":
        return [_pit(glow, points, part.defect, maps, light, rng)]
    else:
        _chip(glow, alpha, points, maps, light, rng)
    return []


def _to_sprite(defect: Defect, maps: Disc, part: Part) -> NDArray[np.float64]:
    turned = np.array(
        [
            [cos(part.angle_rad), -sin(part.angle_rad)],
            [sin(part.angle_rad), cos(part.angle_rad)],
        ]
    )
    return np.asarray(maps.half_px + maps.radius_px * (defect.outline @ turned.T))


def _scratch(
    glow: Map,
    points: NDArray[np.float64],
    defect: Defect,
    maps: Disc,
    light: tuple[float, float],
    rng: np.random.Generator,
) -> None:
    """A groove: bright bottom of bare metal, one flank lit, the other in shade, ends run out."""
    place, local = _window(glow, points, 6)
    height = np.zeros(glow[place].shape, np.float32)
    width = max(1.0, defect.width * maps.radius_px)
    taper = np.sin(np.linspace(0.15, np.pi - 0.15, len(local) - 1)) ** 0.5
    for start, end, share in zip(local[:-1], local[1:], taper, strict=True):
        depth = float(share * rng.uniform(0.75, 1.0))
        _line(height, start, end, depth, max(1, round(width * share * 0.6)))
    height = _soft(height, max(0.6, width / 5))
    strength = 0.6 + 0.5 * defect.severity
    bottom = float(rng.choice([0.36, 0.42, -0.42]))
    glow[place] += strength * (bottom * height + 0.55 * _relief(height, light))


def _pit(
    glow: Map,
    points: NDArray[np.float64],
    defect: Defect,
    maps: Disc,
    light: tuple[float, float],
    rng: np.random.Generator,
) -> Tint:
    """A corroded pore: dark bottom, the wall towards the light in shade, the far wall lit."""
    place, local = _window(glow, points, 8)
    depth = np.zeros(glow[place].shape, np.float32)
    _polygon(depth, local, 1.0)
    depth = _soft(depth, max(0.7, 0.008 * maps.radius_px))
    strength = 0.55 + 0.45 * defect.severity
    grain = _soft(rng.standard_normal(depth.shape, np.float32), 1.4)
    glow[place] *= 1 - np.clip(0.62 + 0.3 * grain, 0.2, 0.9) * strength * depth
    glow[place] += 0.5 * strength * _relief(depth, light)
    return Tint(place, depth, RUST)


def _chip(
    glow: Map,
    alpha: Map,
    points: NDArray[np.float64],
    maps: Disc,
    light: tuple[float, float],
    rng: np.random.Generator,
) -> None:
    """Material broken out of the edge: the outline is cut, a rough face shows behind the cut."""
    place, local = _window(glow, points, 8)
    shape = glow[place].shape
    whole, cut = np.zeros(shape, np.float32), np.zeros(shape, np.float32)
    _polygon(whole, local, 1.0)
    middle = np.array([maps.half_px - place[1].start, maps.half_px - place[0].start])
    _polygon(cut, middle + (local - middle) * 1.05, 1.0)
    grain = _soft(rng.standard_normal(shape, np.float32), 1.2)
    face = 0.62 + 0.3 * grain
    target = glow[place]
    target += whole * (face - target)
    target += 0.45 * _relief(_soft(whole, 0.8), light)
    alpha[place] *= 1 - cut


def _window(
    glow: Map, points: NDArray[np.float64], margin: int
) -> tuple[tuple[slice, slice], NDArray[np.float64]]:
    """The patch of the sprite around `points`, and the points within it."""
    limit = glow.shape[0]
    low = np.clip(np.floor(points.min(axis=0)).astype(int) - margin, 0, limit - 1)
    high = np.clip(np.ceil(points.max(axis=0)).astype(int) + margin, 1, limit)
    place = (slice(int(low[1]), int(high[1])), slice(int(low[0]), int(high[0])))
    return place, points - low


def _relief(height: Map, light: tuple[float, float]) -> Map:
    """Light minus shade on the flanks of `height` sunk into the surface."""
    slope_x = cv2.Sobel(height, cv2.CV_32F, 1, 0, ksize=3, scale=0.25)
    slope_y = cv2.Sobel(height, cv2.CV_32F, 0, 1, ksize=3, scale=0.25)
    return np.asarray(-(slope_x * light[0] + slope_y * light[1]), np.float32)


def _soft(values: Map, sigma_px: float) -> Map:
    return np.asarray(cv2.GaussianBlur(values, (0, 0), sigma_px), np.float32)


def _line(
    target: Map, start: NDArray[np.float64], end: NDArray[np.float64], value: float, width: int
) -> None:
    scale = 1 << SUBPIXEL_BITS
    ends = [(round(p[0] * scale), round(p[1] * scale)) for p in (start, end)]
    cv2.line(target, ends[0], ends[1], value, width, cv2.LINE_8, SUBPIXEL_BITS)


def _polygon(target: Map, points: NDArray[np.float64], value: float) -> None:
    scale = 1 << SUBPIXEL_BITS
    corners = np.round(points * scale).astype(np.int32)
    cv2.fillPoly(target, [corners], value, cv2.LINE_8, SUBPIXEL_BITS)
