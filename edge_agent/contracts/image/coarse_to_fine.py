"""Where a part lies, searched from a coarse picture to a fine one: any angle in milliseconds.

The middle of the reference, turned by every angle of a grid, is compared with the frame by
normalised correlation (Lewis, "Fast normalized cross-correlation", 1995). The likeliest angles are
refined in pictures of twice the size, near the place that was found.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from math import cos, radians, sin

import cv2
import numpy as np
from numpy.typing import NDArray

from edge_agent.contracts.core.parabola import parabola_top

Grey = NDArray[np.float32]

COARSE = 4
"""The coarsest level is so many times smaller than the reference."""

COARSE_DEG, GOING_ON = 5.0, 6
"""Step of the turn there, and how many angles are refined."""

FINER = ((2, 2.5, 2, 2), (1, 1.0, 2, 1), (1, 0.5, 1, 1))
"""(times smaller, step of the turn, steps either way, angles that go on) of the other levels."""

NEAR_PX = 2
"""There the place is searched again within so many pixels."""

REFERENCES = 16
"""A station of so many cameras shrinks each reference once."""

TEMPLATES = 256
"""So many turned references are kept, of 64 kB at most: making them is half of the search."""

SHIFT_STEP_PX = 0.25
"""Shifts come in such steps, in pixels of the picture that is searched."""

LEAST_CONTRAST = 1.0
"""Standard deviation in grey levels: a window with less is like nothing."""


@dataclass(frozen=True)
class Found:
    """The part lies turned by `turn_deg`, counter-clockwise, from the reference, its middle `right`
    and `down` of the frame's, as shares of the frame. likeness: correlation, 1 at most.
    """

    turn_deg: float
    right: float
    down: float
    likeness: float

    def back(self, aspect: float) -> tuple[float, float, float]:
        """(turn_deg, right, down) that bring it back: first the turn about the frame's middle, then
        the shift. aspect: width / height of the frame.
        """
        angle = radians(-self.turn_deg)
        right, down = self.right * aspect, self.down
        turned_right = cos(angle) * right + sin(angle) * down
        turned_down = cos(angle) * down - sin(angle) * right
        return -self.turn_deg, -turned_right / aspect, -turned_down


@dataclass(frozen=True, eq=False)
class _Level:
    """The reference (H, W) at one size, and the margins (rows, columns) around its middle.

    Equal to itself alone, so that templates can be found by it.
    """

    reference: Grey
    margins: tuple[int, int]

    def template(self, turn_deg: float) -> Grey:
        """The middle of the turned reference (n,), of mean 0 and length 1; 0 without contrast."""
        height, width = self.reference.shape
        rows, columns = self.margins
        whole = turned(self.reference, turn_deg)
        return _unit(whole[rows : height - rows, columns : width - columns].ravel())

    def compare(
        self, frame: Grey, templates: Grey, near: tuple[int, int] | None = None
    ) -> tuple[Grey, int, int]:
        """(likeness (R, C, A) of every place and template, first row, first column).

        near: the (row, column) around which is searched; None: everywhere.
        """
        rows, columns = self.margins
        height, width = self.reference.shape[0] - 2 * rows, self.reference.shape[1] - 2 * columns
        places = (0, 2 * rows + 1), (0, 2 * columns + 1)
        if near is not None:
            places = _around(near[0], 2 * rows), _around(near[1], 2 * columns)
        (top, bottom), (left, right) = places
        seen = np.ascontiguousarray(frame[top : bottom + height - 1, left : right + width - 1])
        windows = np.lib.stride_tricks.sliding_window_view(seen, (height, width))
        flat = windows.reshape(-1, height * width)
        # One product of two matrices would wake the threads of the algebra: ten times slower.
        products = np.stack([flat @ template for template in templates], axis=1)
        lengths = _window_lengths(seen, height, width)
        likeness = products.reshape(bottom - top, right - left, -1) / lengths[:, :, None]
        return np.asarray(likeness, np.float32), top, left


@dataclass(frozen=True)
class _Likely:
    """A turn, its likeness, and where the middle lies from the frame's, in pixels of its level."""

    likeness: float
    turn_deg: float
    down: float
    right: float


def search(frame: Grey, reference: Grey, most_deg: float, most_shift: float) -> Found:
    """The likeliest pose of the reference in the frame, both grey (H, W) of one size.

    most_deg: largest turn either way; most_shift: largest shift as a share of the frame.
    """
    key, shape = reference.tobytes(), reference.shape
    level, turns, templates = _coarse(key, shape, most_deg, most_shift)
    likeness, _, _ = level.compare(_smaller(frame, COARSE), templates)
    first = -level.margins[0], -level.margins[1]
    likely = _likeliest(_peaks(likeness, turns, first), COARSE_DEG, GOING_ON)
    shrink = COARSE
    for finer, step, either_way, going_on in FINER:
        scale, shrink = shrink // finer, finer
        level = _level(key, shape, shrink, most_shift)
        small = _smaller(frame, shrink)
        offsets = [step * number for number in range(-either_way, either_way + 1)]
        refined = []
        for one in likely:
            turns = [one.turn_deg + offset for offset in offsets]
            allowed = [turn for turn in turns if abs(turn) <= most_deg]
            refined += _refined(level, small, one, allowed, scale)
        likely = _likeliest(refined, step, going_on)
    best, (height, width) = likely[0], shape
    return Found(best.turn_deg, best.right / width, best.down / height, best.likeness)


def likeness_by_turn(frame: Grey, reference: Grey, most_shift: float, found: Found) -> Grey:
    """(36,) the likeness to the reference turned by every ten degrees, near the place `found`."""
    level = _level(reference.tobytes(), reference.shape, 1, most_shift)
    height, width = reference.shape
    rows, columns = level.margins
    near = round(found.down * height) + rows, round(found.right * width) + columns
    templates = np.stack([level.template(10.0 * turn) for turn in range(36)])
    return np.asarray(level.compare(frame, templates, near)[0].max(axis=(0, 1)), np.float32)


def turned(grey: Grey, turn_deg: float) -> Grey:
    """(H, W) turned about its middle; what comes in from outside is the edge's grey."""
    height, width = grey.shape
    matrix = cv2.getRotationMatrix2D(((width - 1) / 2, (height - 1) / 2), turn_deg, 1.0)
    moved = cv2.warpAffine(grey, matrix, (width, height), borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(moved, np.float32)


def between(line: Grey, peak: int) -> float:
    """The top of the parabola through a peak and its neighbours, in steps of SHIFT_STEP_PX."""
    if not 0 < peak < len(line) - 1:
        return float(peak)
    offset = parabola_top(*line[peak - 1 : peak + 2].tolist())
    return peak + round(offset / SHIFT_STEP_PX) * SHIFT_STEP_PX


def _refined(
    level: _Level, frame: Grey, one: _Likely, turns: Sequence[float], scale: int
) -> list[_Likely]:
    """The best place of each turn near the one that was found in a picture `scale` times smaller.

    All turns keep the place, as the middle of the reference is what turns.
    """
    rows, columns = level.margins
    near = round(one.down * scale) + rows, round(one.right * scale) + columns
    templates = np.stack([_template(level, turn) for turn in turns])
    likeness, top, left = level.compare(frame, templates, near)
    first = top - rows, left - columns
    return [_best(likeness[..., n], turn, first) for n, turn in enumerate(turns)]


def _peaks(likeness: Grey, turns: Sequence[float], first: tuple[int, int]) -> list[_Likely]:
    """The best place of each turn, by the pixel; first: where the first row and column lie."""
    columns, flat = likeness.shape[1], likeness.reshape(-1, len(turns))
    peaks = []
    for n, (top, turn) in enumerate(zip(flat.argmax(axis=0), turns, strict=True)):
        row, column = divmod(int(top), columns)
        peaks.append(_Likely(float(flat[top, n]), turn, row + first[0], column + first[1]))
    return peaks


def _best(likeness: Grey, turn_deg: float, first: tuple[int, int]) -> _Likely:
    """The likeliest place of one turn, between pixels by the parabola through its neighbours."""
    row, column = (int(place) for place in np.unravel_index(likeness.argmax(), likeness.shape))
    down, right = between(likeness[:, column], row), between(likeness[row], column)
    return _Likely(float(likeness[row, column]), turn_deg, down + first[0], right + first[1])


def _likeliest(several: Sequence[_Likely], apart_deg: float, most: int) -> list[_Likely]:
    """Up to `most` of them, neighbours within `apart_deg` of a likelier one left out."""
    chosen: list[_Likely] = []
    for one in sorted(several, key=lambda likely: -likely.likeness):
        away = (abs((one.turn_deg - other.turn_deg + 180) % 360 - 180) for other in chosen)
        if all(degrees > apart_deg for degrees in away):
            chosen.append(one)
        if len(chosen) == most:
            break
    return chosen


def _around(place: int, last: int) -> tuple[int, int]:
    """The places from and to which is searched; those within NEAR_PX that there are."""
    middle = min(max(place, 0), last)
    return max(0, middle - NEAR_PX), min(last, middle + NEAR_PX) + 1


@lru_cache(maxsize=REFERENCES)
def _coarse(
    key: bytes, shape: tuple[int, int], most_deg: float, most_shift: float
) -> tuple[_Level, list[float], Grey]:
    """The coarsest level, its turns and the template of each (A, n)."""
    level = _level(key, shape, COARSE, most_shift)
    count = int(min(most_deg, 180 - COARSE_DEG) / COARSE_DEG + 1e-9)
    turns = [COARSE_DEG * number for number in range(-count, count + 1)]
    if most_deg >= 180:
        turns.append(180.0)
    return level, turns, np.stack([level.template(turn) for turn in turns])


@lru_cache(maxsize=3 * REFERENCES)
def _level(key: bytes, shape: tuple[int, int], shrink: int, most_shift: float) -> _Level:
    reference = _smaller(np.frombuffer(key, np.float32).reshape(shape), shrink)
    rows, columns = (min(max(1, int(side * most_shift)), side // 2 - 1) for side in reference.shape)
    return _Level(reference, (rows, columns))


@lru_cache(maxsize=TEMPLATES)
def _template(level: _Level, turn_deg: float) -> Grey:
    """The same for every frame: the turns of all levels lie on a grid of half a degree."""
    return level.template(turn_deg)


def _smaller(grey: Grey, shrink: int) -> Grey:
    if shrink == 1:
        return grey
    height, width = grey.shape
    size = max(4, width // shrink), max(4, height // shrink)
    return np.asarray(cv2.resize(grey, size, interpolation=cv2.INTER_AREA), np.float32)


def _window_lengths(seen: Grey, height: int, width: int) -> Grey:
    """The length of every window of (height, width) less its mean; infinite without contrast."""
    sums, squares = cv2.integral2(seen, sdepth=cv2.CV_64F, sqdepth=cv2.CV_64F)
    total, square = (
        one[height:, width:]
        - one[:-height, width:]
        - one[height:, :-width]
        + one[:-height, :-width]
        for one in (sums, squares)
    )
    length = np.sqrt(np.maximum(square - total**2 / (height * width), 0))
    least = LEAST_CONTRAST * np.sqrt(height * width)
    return np.asarray(np.where(length < least, np.inf, length), np.float32)


def _unit(values: Grey) -> Grey:
    """(n,) less its mean, of length 1; 0 without contrast."""
    centred = values - values.mean()
    length = np.sqrt(np.sum(centred * centred))  # sums by pairs: a dot product rounds as it likes
    least = LEAST_CONTRAST * np.sqrt(len(values))
    return np.asarray(centred / (np.inf if length < least else length), np.float32)
