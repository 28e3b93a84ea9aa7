"""Real defects cut out and blended into good pictures.

After CutPaste (Li et al., CVPR 2021), with the patch taken from a real defect where one is known,
and blended by Poisson's equation (Perez et al., SIGGRAPH 2003), so that no edge gives it away.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from edge_agent.contracts.core.types import Image

Mask = NDArray[np.uint8]
"""uint8 (H, W): 255 on the defect."""

SIDE_PX = 64
KEPT = 0.4
GROWN_PX = 7
AROUND_PX = 5
"""Real surroundings kept about a patch: Poisson blending needs a border outside of the mask."""


def cut_paste(defective: Image, good: Image, mask: Mask, rng: np.random.Generator) -> Image:
    """`good` with the masked part of `defective`, turned, mirrored and scaled, somewhere on it.

    Both pictures and the mask have the same height and width.
    """
    patch, shape = _cut(defective, mask)
    patch, shape = _varied(patch, shape, rng)
    height, width = good.shape[:2]
    patch, shape = _small_enough(patch, shape, height - 4, width - 4)
    tall, wide = shape.shape
    top = int(rng.integers(1, max(2, height - tall - 1)))
    left = int(rng.integers(1, max(2, width - wide - 1)))
    middle = (left + wide // 2, top + tall // 2)
    pasted = _feathered(patch, good, shape, top, left)
    try:
        cloned = cv2.seamlessClone(
            np.ascontiguousarray(patch), good, shape, middle, cv2.NORMAL_CLONE
        )
    except cv2.error:
        return pasted
    blended = np.asarray(cloned, np.uint8)
    # near a border, or where the mask cuts the defect, the equation dissolves it
    dissolved = _change(blended, good) < KEPT * _change(pasted, good)
    return pasted if dissolved else blended


def guess_mask(defective: Image, good: list[Image]) -> Mask:
    """Where a defect probably is: what differs most from the good picture most like it.

    For parts that lie as they always lie; free parts need masks.
    """
    small = [_grey(image) for image in good]
    defect_grey = _grey(defective)
    nearest = min(small, key=lambda other: float(np.abs(other - defect_grey).mean()))
    differs = cv2.GaussianBlur(np.abs(defect_grey - nearest), (0, 0), 1.5)
    inside = differs > max(float(np.quantile(differs, 0.97)), 0.5 * float(differs.max()))
    count, labels, stats, _ = cv2.connectedComponentsWithStats(inside.astype(np.uint8))
    if count > 1:
        inside = labels == 1 + int(np.argmax(stats[1:, cv2.CC_STAT_AREA]))
    size = (defective.shape[1], defective.shape[0])
    whole = cv2.resize(inside.astype(np.uint8) * 255, size, interpolation=cv2.INTER_NEAREST)
    return np.asarray(whole, np.uint8)


def _cut(picture: Image, mask: Mask) -> tuple[Image, Mask]:
    kernel = np.ones((GROWN_PX, GROWN_PX), np.uint8)
    grown = np.asarray(cv2.dilate((mask > 127).astype(np.uint8) * 255, kernel), np.uint8)
    rows, columns = np.flatnonzero(grown.any(axis=1)), np.flatnonzero(grown.any(axis=0))
    if not len(rows):
        raise ValueError("an empty mask")
    top, left = max(0, rows[0] - AROUND_PX), max(0, columns[0] - AROUND_PX)
    window = np.s_[top : rows[-1] + 1 + AROUND_PX, left : columns[-1] + 1 + AROUND_PX]
    return picture[window], grown[window]


def _varied(patch: Image, shape: Mask, rng: np.random.Generator) -> tuple[Image, Mask]:
    turns, mirrored = int(rng.integers(0, 4)), rng.random() < 0.5
    factor = float(rng.uniform(0.7, 1.3))
    pieces = []
    for piece, method in ((patch, cv2.INTER_LINEAR), (shape, cv2.INTER_NEAREST)):
        turned = np.rot90(piece, turns)
        turned = np.ascontiguousarray(turned[:, ::-1] if mirrored else turned)
        size = [max(3, round(side * factor)) for side in turned.shape[1::-1]]
        pieces.append(np.asarray(cv2.resize(turned, size, interpolation=method), np.uint8))
    light = rng.uniform(0.9, 1.1)
    return np.asarray(np.clip(pieces[0] * light, 0, 255), np.uint8), pieces[1]


def _small_enough(patch: Image, shape: Mask, height: int, width: int) -> tuple[Image, Mask]:
    factor = min(1.0, 0.9 * height / shape.shape[0], 0.9 * width / shape.shape[1])
    size = [max(3, round(side * factor)) for side in shape.shape[1::-1]]
    small = cv2.resize(patch, size, interpolation=cv2.INTER_AREA)
    mask = cv2.resize(shape, size, interpolation=cv2.INTER_NEAREST)
    return np.asarray(small, np.uint8), np.asarray(mask, np.uint8)


def _feathered(patch: Image, good: Image, shape: Mask, top: int, left: int) -> Image:
    result = good.astype(np.float32)
    tall, wide = shape.shape
    weight = cv2.GaussianBlur(shape.astype(np.float32) / 255, (0, 0), 1.5)[:, :, None]
    area = np.s_[top : top + tall, left : left + wide]
    result[area] = result[area] * (1 - weight) + patch * weight
    return np.asarray(result, np.uint8)


def _change(made: Image, good: Image) -> float:
    differs = np.asarray(cv2.absdiff(made, good), np.uint8).max(axis=2).clip(min=12)
    return float(differs.sum(dtype=np.float64)) - float(12 * good.shape[0] * good.shape[1])


def _grey(image: Image) -> NDArray[np.float32]:
    small = cv2.resize(image, (SIDE_PX, SIDE_PX), interpolation=cv2.INTER_AREA)
    return cv2.cvtColor(small, cv2.COLOR_RGB2GRAY).astype(np.float32)
