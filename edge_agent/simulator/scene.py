"""The simulated camera: parts on a belt under changing light, rendered to RGB frames."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from math import cos, pi, sin

import cv2
import numpy as np
from numpy.typing import NDArray

from edge_agent.contracts.core.types import Image
from edge_agent.simulator.fittings import set_screws
from edge_agent.simulator.flaws import draw_flaw
from edge_agent.simulator.parts import RADIUS, Part, centre_px, truth
from edge_agent.simulator.surface import disc, finish, shade

NOISE_MARGIN = 64


@dataclass(frozen=True)
class Light:
    """The lamps over one part. Slopes are relative change over half a frame height."""

    azimuth_rad: float
    level: float
    slope_x: float
    slope_y: float
    warmth: float
    glare: float
    glare_x: float
    glare_y: float


def render(
    seed: int,
    k: int,
    width_px: int = 1280,
    height_px: int = 960,
    defect_rate: float = 0.25,
    glare_rate: float = 0.08,
) -> Image:
    """The frame of part k of line `seed`: uint8 (height_px, width_px, 3) RGB, always the same."""
    return render_part(truth(seed, k, defect_rate), width_px, height_px, glare_rate)


def render_part(
    part: Part, width_px: int = 1280, height_px: int = 960, glare_rate: float = 0.08
) -> Image:
    """The same of a part that is given, whatever its defect."""
    light = light_over(part.seed, part.k, glare_rate)
    frame = _belt_at(part, width_px, height_px)
    _place_part(frame, part, light)
    _expose(frame, light)
    return _with_noise(frame, part.seed, part.k)


def light_over(seed: int, k: int, glare_rate: float = 0.08) -> Light:
    """The light over part k: lamps that drift over hundreds of parts and flicker a little."""
    line = np.random.default_rng([seed, 5])
    azimuth, phases = line.uniform(0, 2 * pi), line.uniform(0, 2 * pi, 4)
    slow = [sin(2 * pi * k / period + phases[n]) for n, period in enumerate((410, 173, 97, 260))]
    rng = np.random.default_rng([seed, k, 6])
    flicker = rng.normal(0, 1, 4)
    glare = float(rng.uniform(0.35, 0.8)) if rng.random() < glare_rate else 0.0
    spot = rng.uniform(-0.7, 0.7, 2)
    return Light(
        azimuth_rad=float(azimuth + 0.25 * slow[0] + 0.05 * flicker[0]),
        level=float(1.0 + 0.10 * slow[1] + 0.03 * flicker[1]),
        slope_x=float(0.10 * slow[2] + 0.03 * flicker[2]),
        slope_y=float(0.10 * slow[3] + 0.03 * flicker[3]),
        warmth=float(0.03 * slow[0]),
        glare=glare,
        glare_x=float(spot[0]),
        glare_y=float(spot[1]),
    )


def _place_part(frame: Image, part: Part, light: Light) -> None:
    height_px, width_px = frame.shape[:2]
    maps = disc(RADIUS * height_px)
    lot = finish(part.seed, part.lot, RADIUS * height_px)
    glow = shade(maps, lot, light.azimuth_rad, part.angle_rad)
    alpha = maps.alpha.copy()
    tints = draw_flaw(glow, alpha, maps, part, light.azimuth_rad)
    tints += set_screws(glow, maps, part, light.azimuth_rad)
    if light.glare:
        _add_glare(glow, light)
    x, y = centre_px(part, width_px, height_px)
    _cast_shadow(frame, alpha, x, y, light)
    rows, columns, window = _overlap(frame.shape, glow.shape, x, y)
    target = frame[rows, columns]
    cover = cv2.merge([alpha[window]] * 3)
    metal = np.asarray(cv2.merge([glow * np.float32(255 * tone) for tone in lot.tint]))
    for tint in tints:
        colour = np.asarray(tint.colour, np.float32)
        metal[tint.place] = metal[tint.place] * (1 + tint.cover[:, :, None] * (colour - 1))
    mixed = target + cover * (np.clip(metal[window], 0, 250) - target)
    frame[rows, columns] = mixed.astype(np.uint8)


def _cast_shadow(frame: Image, alpha: NDArray[np.float32], x: int, y: int, light: Light) -> None:
    """A soft shadow on the belt, thrown away from the light."""
    throw = 0.035 * frame.shape[0]
    blur = max(1.0, frame.shape[0] / 110)
    padded = np.pad(alpha, round(3 * blur))
    small = cv2.resize(padded, None, fx=0.25, fy=0.25, interpolation=cv2.INTER_AREA)
    soft = cv2.GaussianBlur(small, (0, 0), blur / 4)
    soft = cv2.resize(soft, (padded.shape[1], padded.shape[0]), interpolation=cv2.INTER_LINEAR)
    shade_x = x - round(throw * cos(light.azimuth_rad))
    shade_y = y - round(throw * sin(light.azimuth_rad))
    rows, columns, window = _overlap(frame.shape, soft.shape, shade_x, shade_y)
    keep = cv2.merge([255 - soft[window] * np.float32(165)] * 3).astype(np.uint8)
    frame[rows, columns] = cv2.multiply(frame[rows, columns], keep, scale=1 / 255)


def _overlap(
    frame: tuple[int, ...], sprite: tuple[int, ...], x: int, y: int
) -> tuple[slice, slice, tuple[slice, slice]]:
    """Rows and columns of the frame that a sprite centred at x, y covers, and its own window."""
    half_y, half_x = sprite[0] // 2, sprite[1] // 2
    top, left = max(0, y - half_y), max(0, x - half_x)
    bottom = min(frame[0], y - half_y + sprite[0])
    right = min(frame[1], x - half_x + sprite[1])
    from_y, from_x = top - (y - half_y), left - (x - half_x)
    window = (
        slice(from_y, from_y + bottom - top),
        slice(from_x, from_x + right - left),
    )
    return slice(top, bottom), slice(left, right), window


def _add_glare(glow: NDArray[np.float32], light: Light) -> None:
    """A lamp mirrored on the oily surface: a soft bright ellipse."""
    size = glow.shape[0]
    steps = np.linspace(-1, 1, size, dtype=np.float32)
    across = np.exp(-(((steps - light.glare_x) / 0.22) ** 2))
    down = np.exp(-(((steps - light.glare_y) / 0.12) ** 2))
    glow += np.float32(light.glare) * down[:, None] * across[None, :]


def _expose(frame: Image, light: Light) -> None:
    """Lamp level, its slope over the frame, the lens's vignette and the colour temperature."""
    height_px, width_px = frame.shape[:2]
    aspect = width_px / height_px
    x, y = np.meshgrid(np.linspace(-aspect, aspect, 33), np.linspace(-1, 1, 25))
    field = light.level * (1 + light.slope_x * x + light.slope_y * y - 0.05 * (x * x + y * y))
    tones = np.array([1 + light.warmth, 1.0, 1 - light.warmth])
    gain = np.clip(128 * field[:, :, None] * tones, 0, 255).astype(np.float32)
    full = cv2.resize(gain, (width_px, height_px), interpolation=cv2.INTER_LINEAR)
    cv2.multiply(frame, full.astype(np.uint8), dst=frame, scale=1 / 128)


def _with_noise(frame: Image, seed: int, k: int) -> Image:
    height_px, width_px = frame.shape[:2]
    left, top = np.random.default_rng([seed, k, 7]).integers(0, NOISE_MARGIN, 2)
    noise = _noise(width_px, height_px)[top : top + height_px, left : left + width_px]
    return np.asarray(cv2.addWeighted(frame, 1.0, noise, 1.0, -128.0), np.uint8)


@lru_cache(maxsize=2)
def _noise(width_px: int, height_px: int) -> Image:
    """Sensor noise around 128, larger than a frame so that each frame takes another window."""
    shape = (height_px + NOISE_MARGIN, width_px + NOISE_MARGIN)
    rng = np.random.default_rng(8)
    grey = rng.standard_normal(shape, np.float32)[:, :, None]
    colour = rng.standard_normal((*shape, 3), np.float32)
    return np.clip(128.5 + 1.8 * grey + 1.2 * colour, 0, 255).astype(np.uint8)


def _belt_at(part: Part, width_px: int, height_px: int) -> Image:
    """A fresh copy of the stretch of belt under a part."""
    belt = _belt(part.seed, width_px, height_px)
    start = int(part.k * 0.61 * width_px) % width_px
    return belt[:, start : start + width_px].copy()


@lru_cache(maxsize=2)
def _belt(seed: int, width_px: int, height_px: int) -> Image:
    """A woven rubber belt, two frames long, the second half the same as the first."""
    rng = np.random.default_rng([seed, 9])
    unit = height_px / 960
    x, y = np.meshgrid(np.arange(width_px), np.arange(height_px))
    threads = max(8, round(width_px / (9 * unit)))
    weave_x = np.sin(2 * pi * threads * x / width_px)
    weave_y = np.sin(2 * pi * y / (9 * unit))
    fabric = 3.0 * weave_x * weave_y
    wear = (
        _blotches(rng, width_px, height_px, 9) * 3.5 + _blotches(rng, width_px, height_px, 60) * 2
    )
    streaks = cv2.resize(rng.normal(0, 1, (height_px // 3, 4)), (width_px, height_px)) * 1.6
    grain = rng.normal(0, 2.2, (height_px, width_px))
    grey = 47 + fabric + wear + streaks + grain
    base = np.array([rng.uniform(0.9, 1.0), 1.03, rng.uniform(0.97, 1.08)])
    stretch = np.clip(grey[:, :, None] * base, 0, 255).astype(np.uint8)
    return np.concatenate([stretch, stretch], axis=1)


def _blotches(
    rng: np.random.Generator, width_px: int, height_px: int, count: int
) -> NDArray[np.float64]:
    """Smooth noise that closes on itself along the belt."""
    coarse = rng.normal(0, 1, (max(2, count * 3 // 4), count))
    closed = np.concatenate([coarse, coarse[:, :1]], axis=1)
    return np.asarray(cv2.resize(closed, (width_px, height_px), interpolation=cv2.INTER_CUBIC))
