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
from trainer.models.image.synthetic_defects import SMALL_KINDS, Kinds, add_defect

FLAW_PX = 512
"""Side of the square with as many pixels as flaws are drawn at: of each size of the input the same
flaw, shrunk or not.
"""

RIM_SHARE, CALM = 0.03, 12.0
"""Width of the rim as a share of the side, and the grey levels that it may differ from its median
in half of its pixels.
"""

LEAST_PART, MOST_PART = 0.002, 0.7
"""Shares of the picture within which a part is believed."""

TRIES, ON_PART = 8, 0.5
"""A flaw of which less lies on the part is drawn again, so often."""


def small_flaws(images: Tensor, rng: np.random.Generator, kinds: Kinds = SMALL_KINDS) -> Tensor:
    """A flaw of one of `kinds` on the part of each image, uint8 (N, H, W, C)."""
    flawed = np.empty_like(images)
    for number, image in enumerate(images):
        flawed[number] = np.clip(np.rint(image + _flaw_on_part(image, rng, kinds)), 0, 255)
    return flawed


def part_of(image: Tensor) -> NDArray[np.bool_]:
    """(H, W) of one image, uint8 (H, W, C): where its part is; everywhere where that is not plain.

    Threshold: Otsu, "A threshold selection method from gray-level histograms", 1979.
    """
    everywhere = np.ones(image.shape[:2], np.bool_)
    wide = max(2, round(RIM_SHARE * min(image.shape[:2])))
    rim = np.ones(image.shape[:2], np.bool_)
    rim[wide:-wide, wide:-wide] = False
    usual = np.median(image[rim], axis=0).astype(np.float32)
    away = np.maximum.reduce(
        [np.abs(plane - grey) for plane, grey in zip(cv2.split(image), usual, strict=True)]
    )
    if np.median(away[rim]) > CALM:
        return everywhere
    soft = np.clip(cv2.GaussianBlur(away, (0, 0), wide / 3), 0, 255).astype(np.uint8)
    _, found = cv2.threshold(soft, 0, 255, cv2.THRESH_BINARY + cv2.THRESH_OTSU)
    part = found > 0
    return part if LEAST_PART <= part.mean() <= MOST_PART else everywhere


def _flaw_on_part(image: Tensor, rng: np.random.Generator, kinds: Kinds) -> NDArray[np.float32]:
    """What a flaw changes in an image, float32 (H, W, C). It is drawn on a square as large as the
    part at the scale of FLAW_PX, so that of a small part a scratch is as much thinner.
    """
    kind = list(kinds)[int(rng.integers(len(kinds)))]
    part = part_of(_resized(image, _drawn_at(image.shape)))
    changed = np.zeros(image.shape, np.float32)
    for _ in range(TRIES):
        square = _square(part, rng)
        own = _scaled(square, part.shape, image.shape)
        seen = _resized(image[own], _drawn_at(image[own].shape))
        flawed, mask = add_defect(seen, seen, kind, rng)
        changed[:] = 0
        changed[own] = _resized(flawed.astype(np.float32) - seen, image[own].shape)
        under = _resized(part[square].astype(np.uint8)[:, :, None], mask.shape)[:, :, 0]
        if not mask.any() or under[mask].mean() >= ON_PART:
            break
    return changed


def _resized(pixels: Tensor, sides: tuple[int, ...]) -> Tensor:
    """(H, W, C) -> (*sides[:2], C)."""
    high, wide = sides[:2]
    shrinks = high <= pixels.shape[0] and wide <= pixels.shape[1]
    method = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    found = cv2.resize(pixels, (wide, high), interpolation=method)
    return np.asarray(found).reshape(high, wide, pixels.shape[2])


def _scaled(
    square: tuple[slice, slice], drawn: tuple[int, ...], own: tuple[int, ...]
) -> tuple[slice, slice]:
    """The rows and columns of a picture of `drawn` sides, in one of `own` sides; one at least."""
    down, across = (
        slice(
            min(round(one.start * side / was), side - 1),
            max(round(one.stop * side / was), min(round(one.start * side / was), side - 1) + 1),
        )
        for one, was, side in zip(square, drawn, own, strict=False)
    )
    return down, across


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
