"""Synthetic defects on good images: to calibrate, to fit one scorer and to choose a detector.

They are crude on purpose: spots, scratches, stains, foreign texture, blur and noise of many sizes
and contrasts. No real defect is needed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import cv2
import numpy as np
from numpy.typing import NDArray

from edge_agent.contracts.core.types import Tensor

Generator = np.random.Generator
Mask = NDArray[np.float32]
"""(H, W), 0..1."""
Pixels = NDArray[np.float32]
"""(H, W, C), 0..255."""
Draw = Callable[[int, int, Generator], Mask]
Paint = Callable[[Pixels, Pixels, Generator], Pixels]
Kinds = Mapping[str, tuple[Draw, Paint]]

LEAST_PX = 12
"""A smaller mask is drawn again: it could not be seen."""


def add_defects(images: Tensor, rng: Generator) -> tuple[Tensor, NDArray[np.bool_]]:
    """uint8 (N, H, W, C) good images -> the same with a defect each, and masks (N, H, W)."""
    images_out = np.empty_like(images)
    masks = np.zeros(images.shape[:3], np.bool_)
    names = list(KINDS)
    for index, image in enumerate(images):
        kind = names[int(rng.integers(len(names)))]
        other = images[int(rng.integers(len(images)))]
        images_out[index], masks[index] = add_defect(image, other, kind, rng)
    return images_out, masks


def add_defect(
    image: Tensor, other: Tensor, kind: str, rng: Generator
) -> tuple[Tensor, NDArray[np.bool_]]:
    """One defect of `kind` (a name of ALL_KINDS) on `image`; `other` lends texture."""
    draw, paint = ALL_KINDS[kind]
    height, width = image.shape[:2]
    mask = draw(height, width, rng)
    for _ in range(20):
        if mask.sum() >= LEAST_PX:
            break
        mask = draw(height, width, rng)
    pixels = image.astype(np.float32)
    soft = cv2.GaussianBlur(mask, (0, 0), rng.uniform(0.4, 1.2))[:, :, None]
    mixed = pixels * (1 - soft) + paint(pixels, other.astype(np.float32), rng) * soft
    return np.clip(mixed, 0, 255).astype(np.uint8), mask > 0.5


def cloud(height: int, width: int, cells: int, rng: Generator) -> Mask:
    """Smooth noise of three octaves, the coarsest with `cells` bumps across the shorter side;
    (H, W), std about 1.

    Perlin, "An image synthesizer", SIGGRAPH 1985, with cubic interpolation of random values.
    """
    total = np.zeros((height, width), np.float32)
    bumps = [round(cells * side / min(height, width)) for side in (height, width)]
    for octave in range(3):
        coarse = rng.standard_normal([one << octave for one in bumps]).astype(np.float32)
        grown = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)
        total += np.asarray(grown, np.float32) / 2**octave
    return total


def _blob(low: float, high: float) -> Callable[[int, int, Generator], Mask]:
    """An ellipse with a ragged edge; its radius is a share between low and high of the side."""

    def draw(height: int, width: int, rng: Generator) -> Mask:
        share = rng.uniform(low, high)
        radius = share * min(height, width)
        middle_y, middle_x = rng.uniform(0.06, 0.94, 2) * (height, width)
        angle, flatness = rng.uniform(0, np.pi), rng.uniform(0.35, 1.0)
        y, x = np.mgrid[:height, :width].astype(np.float32)
        y, x = y - middle_y, x - middle_x
        along = (x * np.cos(angle) + y * np.sin(angle)) / radius
        across = (y * np.cos(angle) - x * np.sin(angle)) / (radius * flatness)
        ragged = 0.35 * cloud(height, width, max(3, int(1 / share)), rng)
        return np.asarray(along**2 + across**2 + ragged < 1, np.float32)

    return draw


def _line(height: int, width: int, rng: Generator) -> Mask:
    return _drawn_line(height, width, rng, 1)


def _wide_line(times: int) -> Draw:
    def draw(height: int, width: int, rng: Generator) -> Mask:
        return _drawn_line(height, width, rng, times)

    return draw


def _drawn_line(height: int, width: int, rng: Generator, times: int) -> Mask:
    steps = int(rng.integers(3, 9))
    stride = rng.uniform(0.08, 0.5) * min(height, width) / steps
    point, angle = rng.uniform(0.1, 0.9, 2) * (width, height), rng.uniform(0, 2 * np.pi)
    points = [point]
    for _ in range(steps):
        angle += rng.normal() * 0.35
        point = point + np.array([np.cos(angle), np.sin(angle)]) * stride
        points.append(point)
    mask = np.zeros((height, width), np.uint8)
    fine = np.round(np.array(points) * 16).astype(np.int32)
    cv2.polylines(mask, [fine], False, 255, times * int(rng.integers(1, 4)), cv2.LINE_AA, 4)
    return np.asarray(mask / 255, np.float32)


def _islands(height: int, width: int, rng: Generator) -> Mask:
    noise = cloud(height, width, int(2 ** rng.integers(1, 4)), rng)
    share = rng.uniform(0.5, 1.0)
    island = noise > np.quantile(noise, rng.uniform(0.9, 0.99))
    return np.asarray(share * island, np.float32)


def _tint(pixels: Pixels, other: Pixels, rng: Generator) -> Pixels:
    """Brighter or darker, by 0.8 to 3 standard deviations of the image; sometimes flat."""
    del other
    colour = rng.normal(size=pixels.shape[2]) * 0.2 + rng.choice([-1, 1]) * rng.uniform(0.8, 3)
    shift = (colour * _spread(pixels)).astype(np.float32)
    base = pixels if rng.random() < 0.5 else pixels.mean(axis=(0, 1))
    return np.broadcast_to(np.asarray(np.clip(base + shift, 0, 255), np.float32), pixels.shape)


def _faint(pixels: Pixels, other: Pixels, rng: Generator) -> Pixels:
    """Brighter or darker, by 0.4 to 1.5 standard deviations of the image."""
    del other
    return pixels + np.float32(rng.choice([-1, 1]) * rng.uniform(0.4, 1.5) * _spread(pixels))


def _tone(pixels: Pixels, other: Pixels, rng: Generator) -> Pixels:
    del other
    mean = pixels.mean()
    lift = rng.choice([-1, 1]) * rng.uniform(0.5, 1.6) * _spread(pixels)
    contrast = np.float32(rng.uniform(0.4, 1.2))
    return np.asarray((pixels - mean) * contrast + np.float32(mean + lift), np.float32)


def _foreign(pixels: Pixels, other: Pixels, rng: Generator) -> Pixels:
    height, width = pixels.shape[:2]
    turned = cv2.resize(np.rot90(other, int(rng.integers(4))).copy(), (width, height))
    rolled = np.roll(turned.reshape(pixels.shape), rng.integers(0, min(height, width), 2), (0, 1))
    return rolled * np.float32(rng.uniform(0.8, 1.25))


def _blurred(pixels: Pixels, other: Pixels, rng: Generator) -> Pixels:
    del other
    soft = np.asarray(cv2.GaussianBlur(pixels, (0, 0), rng.uniform(2, 5)), np.float32)
    return soft.reshape(pixels.shape)


def _noisy(pixels: Pixels, other: Pixels, rng: Generator) -> Pixels:
    del other
    grain = rng.standard_normal(pixels.shape[:2])[:, :, None].astype(np.float32)
    return pixels + grain * np.float32(rng.uniform(0.3, 1.0) * _spread(pixels))


def _spread(pixels: Pixels) -> float:
    return max(6.0, float(pixels.std()))


KINDS: Kinds = {
    "spot": (_blob(0.012, 0.07), _tint),
    "scratch": (_line, _tint),
    "paste": (_blob(0.03, 0.15), _foreign),
    "islands": (_islands, _foreign),
    "stain": (_blob(0.08, 0.3), _tone),
    "blur": (_blob(0.03, 0.15), _blurred),
    "noise": (_blob(0.03, 0.15), _noisy),
}
"""Name -> where the defect lies, and what it looks like there."""

SMALL_KINDS: Kinds = {
    "small spot": (_blob(0.005, 0.02), _faint),
    "faint scratch": (_line, _faint),
}
"""Those by which sizes of the input are compared: at the edge of what can be seen."""

SIZED_KINDS: Kinds = {
    "spot of 1 %": (_blob(0.005, 0.01), _faint),
    "spot of 2 %": (_blob(0.01, 0.02), _faint),
    "spot of 4 %": (_blob(0.02, 0.04), _faint),
    "scratch": (_line, _faint),
    "scratch, twice as wide": (_wide_line(2), _faint),
    "scratch, four times as wide": (_wide_line(4), _faint),
}
"""Those by which views of a part at very different scales are compared: from what one of them
cannot see to what both can.
"""

ALL_KINDS: Kinds = {**KINDS, **SMALL_KINDS, **SIZED_KINDS}
