"""Small synthetic flaws at the part's own scale: what sizes of the input and looks are compared by.

A flaw is a share of the part, not of the frame: of a part that fills a quarter of the picture the
same scratch is half as long. Where the part ends is read off one picture: it differs from a calm
rim of the frame. Where the rim is not calm, or what differs is nearly all or nearly nothing, the
part is taken to fill the frame.
"""

from __future__ import annotations

import math

import cv2
import numpy as np
from numpy.typing import NDArray

from edge_agent.contracts.core.types import Tensor
from trainer.models.image.synthetic_defects import SMALL_KINDS, add_defect

FLAW_PX = 512
"""Side of the square with as many pixels as flaws are drawn at: of each size of the input the same
flaw, shrunk or not.
"""

RIM_SHARE, CALM = 0.03, 12.0
"""Width of the rim as a share of the side, and the grey levels that it may differ from its median
in half of its pixels.
"""

LEAST_PART, MOST_PART = 0.01, 0.7
"""Shares of the picture within which a part is believed."""

TRIES, ON_PART = 8, 0.5
"""A flaw of which less lies on the part is drawn again, so often."""


def small_flaws(images: Tensor, rng: np.random.Generator) -> Tensor:
    """A small flaw on the part of each image, uint8 (N, H, W, C)."""
    flawed = np.empty_like(images)
    for number, image in enumerate(images):
        side, channels = image.shape[:2], image.shape[2]
        high, across = _drawn_at(side)
        wide = cv2.resize(image, (across, high), interpolation=cv2.INTER_LINEAR)
        wide = wide.reshape(high, across, channels)
        moved = _flaw_on_part(wide, rng)
        shrunk = cv2.resize(moved, side[::-1], interpolation=cv2.INTER_AREA).reshape(image.shape)
        flawed[number] = np.clip(np.rint(image + shrunk), 0, 255)
    return flawed


def part_of(image: Tensor) -> NDArray[np.bool_]:
    """(H, W) of one image, uint8 (H, W, C): where its part is; everywhere where that is not plain.

    Threshold: Otsu, "A threshold selection method from gray-level histograms", 1979.
    """
    everywhere = np.ones(image.shape[:2], np.bool_)
    wide = max(2, round(RIM_SHARE * min(image.shape[:2])))
    rim = np.ones(image.shape[:2], np.bool_)
    rim[wide:-wide, wide:-wide] = False
    usual = np.median(image[rim], axis=0)
    away = np.abs(image.astype(np.float32) - usual).max(axis=2)
    if np.median(away[rim]) > CALM:
        return everywhere
    soft = np.clip(cv2.GaussianBlur(away, (0, 0), wide / 3), 0, 255).astype(np.uint8)
    _, found = cv2.threshold(soft, 0, 255, cv2.THRESH_BINARY + cv2.THRESH_OTSU)
    part = found > 0
    return part if LEAST_PART <= part.mean() <= MOST_PART else everywhere


def _flaw_on_part(wide: Tensor, rng: np.random.Generator) -> NDArray[np.float32]:
    """What a small flaw changes in an image as large as flaws are drawn at, float32 (H, W, C)."""
    kind = list(SMALL_KINDS)[int(rng.integers(len(SMALL_KINDS)))]
    part = part_of(wide)
    changed = np.zeros(wide.shape, np.float32)
    for _ in range(TRIES):
        square = _square(part, rng)
        seen = np.ascontiguousarray(wide[square])
        flawed, mask = add_defect(seen, seen, kind, rng)
        changed[:] = 0
        changed[square] = flawed.astype(np.float32) - seen
        if not mask.any() or part[square][mask].mean() >= ON_PART:
            break
    return changed


def _square(part: NDArray[np.bool_], rng: np.random.Generator) -> tuple[slice, slice]:
    """Rows and columns of a square as large as the part, around one of its pixels, or of the
    picture that it fills.
    """
    if part.all():
        return slice(0, part.shape[0]), slice(0, part.shape[1])
    side = min(math.ceil(math.sqrt(part.sum())), *part.shape)
    rows, columns = np.nonzero(part)
    chosen = int(rng.random() * len(rows))
    top, left = (
        int(np.clip(place - side // 2, 0, whole - side))
        for place, whole in zip((rows[chosen], columns[chosen]), part.shape, strict=True)
    )
    return slice(top, top + side), slice(left, left + side)


def _drawn_at(sides: tuple[int, ...]) -> tuple[int, int]:
    """(height, width) of FLAW_PX squared pixels in the aspect of an image (height, width)."""
    factor = FLAW_PX / math.sqrt(sides[0] * sides[1])
    return round(sides[0] * factor), round(sides[1] * factor)
