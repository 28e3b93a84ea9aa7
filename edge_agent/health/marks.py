"""Where the camera looks: shift, turn and size of what always stays in its place, and how clearly.

A reference mark is any part of the picture that is the same in every healthy frame and has
contrast: a fiducial, the nest's edge, or the part itself where a fixture holds it. It is found at
commissioning, and its shift is measured by normalised correlation (J. P. Lewis, "Fast normalized
cross-correlation", 1995) with a parabola through the peak; light does not move it.
"""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from math import degrees, hypot, isnan, nan

import cv2
import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from edge_agent.contracts.core.parabola import parabola_top
from edge_agent.contracts.core.strict import Strict
from edge_agent.contracts.core.types import Image

SMALL_PX = 320
"""Width of the picture in which marks are looked for."""
MARK_PX = 32
SEARCH_PX = 16
"""A mark is looked for so far from its place."""
STRIDE_PX = 4
MOST_MARKS = 2
MEAN_GREY = 80.0
"""Every frame is brought to this mean before it is added: light moves no mark."""
APART = 0.3
"""Marks lie at least this share of the picture's width from each other."""
LEAST_CONTRAST = 4.0
"""Grey levels, of detail that stays."""
STEADIER = 2.5
"""The detail that stays is so many times what changes from frame to frame."""
COARSE_PX = 5
SATURATED = 250
"""Grey level."""
LEAST_LIKENESS = 0.5
"""Correlation below which the mark is hidden, or another thing is there."""

Grey = NDArray[np.float32]


class Mark(Strict):
    """One mark: its place in a picture SMALL_PX wide, and what it looks like."""

    left_px: int = Field(ge=0)
    top_px: int = Field(ge=0)
    png: str = Field(description="grey picture of MARK_PX x MARK_PX, PNG in base64")


@dataclass(frozen=True)
class CameraPose:
    """How the picture has moved, in pixels of the full frame and degrees (clockwise on the screen).

    NaN: not measured. likeness: the worst mark's correlation with what it was; NaN without marks.
    scale: how much larger the picture is, as a share; veil: share of the contrast that every mark
    has lost beside its brightness, as in fog or stray light, while a darker lamp takes both.
    """

    right_px: float = nan
    down_px: float = nan
    turn_deg: float = nan
    likeness: float = nan
    scale: float = nan
    veil: float = nan


class MarkSearch:
    """Collects healthy frames and finds what stays in its place."""

    def __init__(self) -> None:
        self._sum: Grey | None = None
        self._squares: Grey | None = None
        self._count = 0

    def add(self, image: Image) -> None:
        """Take a frame; all must have one size."""
        grey = _shrink(image)
        grey *= MEAN_GREY / max(float(grey.mean()), 1.0)
        if self._sum is None or self._squares is None:
            self._sum, self._squares = np.zeros_like(grey), np.zeros_like(grey)
        self._sum += grey
        self._squares += grey * grey
        self._count += 1

    def marks(self) -> list[Mark]:
        """The best marks, at most MOST_MARKS; none where nothing stays in its place."""
        if self._sum is None or self._squares is None or self._count < 2:
            return []
        mean = np.asarray(self._sum / self._count, np.float32)
        moving = np.sqrt(np.maximum(self._squares / self._count - mean * mean, 0.25))
        detail = mean - cv2.blur(mean, (31, 31))
        return _best(mean, np.asarray(detail, np.float32), np.asarray(moving, np.float32))


def camera_pose(image: Image, marks: Sequence[Mark]) -> CameraPose:
    """The pose of the frame by its marks; turn_deg and scale need two of them."""
    sought = [_seek(image, mark) for mark in marks]
    if not sought:
        return CameraPose()
    likeness = min(one.likeness for one in sought)
    if likeness < LEAST_LIKENESS:
        return CameraPose(likeness=likeness)
    veil = nan if any(isnan(one.veil) for one in sought) else min(one.veil for one in sought)
    scale = image.shape[1] / SMALL_PX
    right = sum(one.right_px for one in sought) / len(sought)
    down = sum(one.down_px for one in sought) / len(sought)
    if len(sought) < 2:
        return CameraPose(right * scale, down * scale, likeness=likeness, veil=veil)
    turn, larger = _turn_and_scale(sought)
    # The shift of the picture's middle, not of the marks' middle, which a turn moves too.
    x = SMALL_PX / 2 - sum(one.x_px for one in sought) / len(sought)
    y = image.shape[0] / 2 / scale - sum(one.y_px for one in sought) / len(sought)
    right += larger * x - turn * y
    down += larger * y + turn * x
    return CameraPose(right * scale, down * scale, degrees(turn), likeness, larger, veil)


@dataclass(frozen=True)
class FoundMark:
    """A mark's middle where it was learned, and its shift, in a picture SMALL_PX wide."""

    x_px: float
    y_px: float
    right_px: float
    down_px: float
    likeness: float
    veil: float


def _turn_and_scale(found: Sequence[FoundMark]) -> tuple[float, float]:
    """The angle (radians, clockwise on the screen) and the growth that fit the shifts best."""
    places = [(one.x_px, one.y_px) for one in found]
    shifts = [(one.right_px, one.down_px) for one in found]
    crossed = along = squares = 0.0
    for (x, y), (right, down) in zip(_centred(places), _centred(shifts), strict=True):
        crossed += x * down - y * right
        along += x * right + y * down
        squares += x * x + y * y
    return crossed / squares, along / squares


def _centred(points: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """The points about their middle."""
    x, y = (sum(axis) / len(points) for axis in zip(*points, strict=True))
    return [(one[0] - x, one[1] - y) for one in points]


def _seek(image: Image, mark: Mark) -> FoundMark:
    """Where a mark is found near its place, and how like it is."""
    scale = image.shape[1] / SMALL_PX
    height, width = image.shape[:2]
    left, top = mark.left_px - SEARCH_PX, mark.top_px - SEARCH_PX
    side = MARK_PX + 2 * SEARCH_PX
    edges = [round(scale * edge) for edge in (left, top, left + side, top + side)]
    inside = [max(edges[0], 0), max(edges[1], 0), min(edges[2], width), min(edges[3], height)]
    crop = cv2.cvtColor(image[inside[1] : inside[3], inside[0] : inside[2]], cv2.COLOR_RGB2GRAY)
    margins = (inside[1] - edges[1], edges[3] - inside[3], inside[0] - edges[0],
               edges[2] - inside[2])  # fmt: skip
    if any(margins):
        crop = cv2.copyMakeBorder(crop, *margins, borderType=cv2.BORDER_REPLICATE)
    is_small = crop.shape == (side, side)
    small = crop if is_small else cv2.resize(crop, (side, side), interpolation=cv2.INTER_AREA)
    scores = cv2.matchTemplate(small, _decode(mark.png), cv2.TM_CCOEFF_NORMED)
    found = np.asarray(scores, np.float32)
    _, likeness, _, (column, row) = cv2.minMaxLoc(found)
    right = _between(found[row], column) - SEARCH_PX
    down = _between(found[:, column], row) - SEARCH_PX
    patch = small[row : row + MARK_PX, column : column + MARK_PX]
    return FoundMark(
        mark.left_px + MARK_PX / 2,
        mark.top_px + MARK_PX / 2,
        right,
        down,
        float(likeness),
        # Where white is cut off contrast is lost without a veil.
        nan if patch.max() >= SATURATED else 1 - _contrast(patch) / _contrast_of(mark.png),
    )


def _contrast(patch: NDArray[np.integer | np.floating]) -> float:
    """Standard deviation over mean of what is coarse: a picture out of focus has it too."""
    mean, deviation = cv2.meanStdDev(cv2.blur(patch, (COARSE_PX, COARSE_PX)))
    return float(deviation[0, 0]) / max(float(mean[0, 0]), 1.0)


@lru_cache(maxsize=16)
def _contrast_of(png: str) -> float:
    """Of a mark as it was learned, which has some."""
    return max(_contrast(_decode(png)), 1e-6)


def _between(line: NDArray[np.floating], peak: int) -> float:
    """The top of the parabola through a peak and its neighbours."""
    if not 0 < peak < len(line) - 1:
        return float(peak)
    return peak + parabola_top(*line[peak - 1 : peak + 2].tolist())


def _best(mean: Grey, detail: Grey, moving: Grey) -> list[Mark]:
    """The windows with the most steady detail, far from each other."""
    size = (MARK_PX, MARK_PX)
    stays = np.sqrt(cv2.boxFilter(detail * detail, -1, size, anchor=(0, 0)))
    moves = np.sqrt(cv2.boxFilter(moving * moving, -1, size, anchor=(0, 0)))
    height, width = mean.shape
    places = [
        (float(stays[y, x] / moves[y, x]), x, y)
        for y in range(0, height - MARK_PX + 1, STRIDE_PX)
        for x in range(0, width - MARK_PX + 1, STRIDE_PX)
        if stays[y, x] >= LEAST_CONTRAST and stays[y, x] >= STEADIER * moves[y, x]
    ]
    chosen: list[Mark] = []
    for _, x, y in sorted(places, reverse=True):
        far = all(hypot(x - one.left_px, y - one.top_px) >= APART * width for one in chosen)
        if far and len(chosen) < MOST_MARKS:
            patch = mean[y : y + MARK_PX, x : x + MARK_PX]
            chosen.append(Mark(left_px=x, top_px=y, png=_encode(patch)))
    return chosen


def _shrink(image: Image) -> Grey:
    height = max(MARK_PX, round(image.shape[0] * SMALL_PX / image.shape[1]))
    small = cv2.resize(image, (SMALL_PX, height), interpolation=cv2.INTER_AREA)
    return cv2.cvtColor(small, cv2.COLOR_RGB2GRAY).astype(np.float32)


def _encode(patch: Grey) -> str:
    _, payload = cv2.imencode(".png", np.rint(patch).astype(np.uint8))
    return base64.b64encode(payload.tobytes()).decode("ascii")


@lru_cache(maxsize=16)
def _decode(text: str) -> NDArray[np.uint8]:
    payload = np.frombuffer(base64.b64decode(text), np.uint8)
    pixels = cv2.imdecode(payload, cv2.IMREAD_GRAYSCALE)
    if pixels is None or pixels.shape != (MARK_PX, MARK_PX):
        raise ValueError(f"a mark is no picture of {MARK_PX} x {MARK_PX} pixels")
    return np.asarray(pixels, np.uint8)
