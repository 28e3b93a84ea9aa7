"""The box in which small parts are cut out of large frames, learnt from good training pictures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

import numpy as np

from edge_agent.contracts.core.errors import ConfigError
from edge_agent.contracts.image.cut_out import (
    DUST,
    MOST_SIDE,
    STEP_DEG,
    CutOut,
    Extent,
    extent_of,
    hull_of,
    no_part,
)
from edge_agent.contracts.image.decode import read_image
from edge_agent.contracts.image.ground import Pieces, pieces_of
from edge_agent.contracts.image.input import Region, within_region
from trainer.data.class_sample import evenly
from trainer.data.samples import Dataset, Indices

CALM = 12.0
"""Grey levels from the ground that half of the rim stays within where a part can be found."""

LEAST_CONTRAST, ABOVE_UNREST = 10.0, 3.0
"""A part differs from the ground by so many grey levels, and so many times more than the rim."""

MOST_BOX = 0.5
"""Of the frame's pixels: a larger box shows hardly more detail than the frame."""

FIRST_LOOKED_AT = 12
"""Good pictures that tell at once where no part stands out."""

TYPICAL = 0.5
"""Of good parts the areas lie within that share of their median, either way."""

ENOUGH = 0.95
"""That share of the good pictures must show one typical part, or all but one."""

LEAST_PARTS = 5
"""Of fewer good parts nobody knows how large the next one is."""

LONG = 1.5
"""Parts that are so many times longer than wide are turned along the box."""

LOPSIDED = 0.1
"""Skewness from which on the heavier end of a turned part is told from the other."""

MARGIN = 0.04
"""Of the box's longer side, around the part: what sticks out of it is seen."""

SMALLER, LARGER = 0.5, 1.5
"""Of the smallest and the largest good part: beyond, it is another thing than one part."""

FAINTER = 0.5
"""Of the least contrast of good parts: less light is no reason to see no part."""


@dataclass(frozen=True)
class Shown:
    """What one picture shows: its pieces, without their pixels, and the largest one's extent,
    turned along it and as it lies; None where there is no piece. aspect: its height over its width.
    """

    seen: Pieces
    turned: Extent | None
    upright: Extent | None
    aspect: float

    @property
    def has_one_part(self) -> bool:
        """Whether one whole piece stands out of a calm ground."""
        pieces, unrest = self.seen.pieces, self.seen.unrest
        if not pieces or pieces[0].at_the_edge or unrest > CALM:
            return False
        alone = len(pieces) == 1 or pieces[1].share < DUST * pieces[0].share
        return alone and self.seen.contrast >= max(LEAST_CONTRAST, ABOVE_UNREST * unrest)


def seen_in(dataset: Dataset, index: int, region: Region) -> Shown:
    """What the region of a sample's picture shows. Raises DatasetError for a damaged file."""
    path = dataset.file(index)
    changed = path.stat().st_mtime_ns if path.exists() else 0
    corners = (region.left, region.top, region.width, region.height)
    return _shown(path, changed, dataset.config.image.bit_depth, corners)


def box_of(shown: Sequence[Shown]) -> CutOut | None:
    """The box for good parts as these pictures show them; None where not nearly all show one
    typical part, or where it would be longer than a box can be.
    """
    whole = [one for one in shown if one.has_one_part]
    if not _nearly_all(whole, shown):
        return None
    areas = np.array([one.seen.pieces[0].share for one in whole])
    usual = np.median(areas)
    typical = [
        one for one, area in zip(whole, areas, strict=True) if abs(area - usual) <= TYPICAL * usual
    ]
    return _around(typical) if _nearly_all(typical, shown) else None


def small_box(dataset: Dataset, good: Indices, region: Region) -> CutOut | None:
    """The box of those samples' parts where it has at most MOST_BOX of the region's pixels; None
    where it has more, or parts do not stand out, or there are no samples.
    """
    box = None
    if not len(good):
        return None
    for some in (evenly(good, FIRST_LOOKED_AT), good):
        shown = [seen_in(dataset, int(one), region) for one in some]
        box, aspect = box_of(shown), float(np.median([one.aspect for one in shown]))
        if box is None or box.along * box.across > MOST_BOX * aspect:
            return None
    return box


def box_of_good(dataset: Dataset, good: Indices, region: Region) -> CutOut:
    """The same of those samples; raises ConfigError where they show no such part."""
    found = box_of([seen_in(dataset, int(one), region) for one in good])
    if found is None:
        raise ConfigError(
            f"not nearly all of {len(good)} good training pictures show one whole part on a calm "
            "ground",
            where="[image] cut_out",
            cure="let one part lie in each frame, away from its edge, on a plain ground; or leave "
            "cut_out out",
        )
    return found


def shows_a_part(shown: Shown, box: CutOut) -> bool:
    """Whether a station would find the part in that picture."""
    return not no_part(shown.seen, box)


def _nearly_all(some: Sequence[Shown], several: Sequence[Shown]) -> bool:
    odd = len(several) - len(some)
    return len(some) >= LEAST_PARTS and odd <= max(1, (1 - ENOUGH) * len(several))


def _around(typical: Sequence[Shown]) -> CutOut | None:
    areas = [one.seen.pieces[0].share for one in typical]
    laid = [one.turned for one in typical if one.turned]
    as_they_lie = [one.upright for one in typical if one.upright]
    lengths = np.array([one.along / one.across for one in laid])
    turned = bool(np.mean(lengths >= LONG) >= ENOUGH)
    lopsided = np.array([abs(one.lopsided) >= LOPSIDED for one in laid])
    extents = laid if turned else as_they_lie
    along = max(one.along for one in extents)
    across = max(one.across for one in extents)
    margin = 2 * MARGIN * max(along, across)
    sides = round(along + margin, 4), round(across + margin, 4)
    if max(sides) > MOST_SIDE:
        return None
    return CutOut(
        along=sides[0],
        across=sides[1],
        turned=turned,
        heavy_end_left=turned and bool(np.mean(lopsided) >= ENOUGH),
        around_deg=_usual_turn_deg(laid) if turned else 0.0,
        least_area=round(SMALLER * min(areas), 5),
        most_area=round(min(1.0, LARGER * max(areas)), 5),
        least_contrast=round(FAINTER * min(one.seen.contrast for one in typical), 2),
    )


def _usual_turn_deg(laid: Sequence[Extent]) -> float:
    """The mean of axes, from -90 to 90 degrees: of doubled angles, half a turn is none."""
    doubled = 2 * np.radians([one.place.turn_deg for one in laid])
    mean = np.degrees(np.arctan2(np.sin(doubled).sum(), np.cos(doubled).sum())) / 2
    return float(round(mean / STEP_DEG) * STEP_DEG)


@lru_cache(maxsize=1 << 15)
def _shown(
    path: Path, changed: int, bit_depth: int | None, corners: tuple[float, float, float, float]
) -> Shown:
    """changed: the time of the file, so that another picture of that name is read anew."""
    del changed
    left, top, width, height = corners
    region = Region(left=left, top=top, width=width, height=height)
    frame = within_region(read_image(path, bit_depth), region)
    seen, aspect = pieces_of(frame), frame.shape[0] / frame.shape[1]
    empty = np.empty((0, 2))
    light = replace(seen, pieces=[replace(one, points=empty) for one in seen.pieces])
    if not seen.pieces:
        return Shown(light, None, None, aspect)
    solid = hull_of(seen.pieces[0])
    turned, upright = (extent_of(solid, seen.width_px, turned=one) for one in (True, False))
    return Shown(light, turned, upright, aspect)
